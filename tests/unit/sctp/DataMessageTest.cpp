#include "media/sctp/DataMessage.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace sotto;

TEST_CASE("A data message is a header of four bytes and a payload", "[sctp]") {
  const std::vector<uint8_t> bytes{1, 1, 0x12, 0x34, 0xAA, 0xBB};
  const auto message = sctp::parseDataMessage(bytes);
  REQUIRE(message);
  CHECK(message->kind == sctp::DataKind::Key);
  CHECK(message->peer == 0x1234);
  CHECK(std::vector<uint8_t>(message->payload.begin(), message->payload.end()) ==
        std::vector<uint8_t>{0xAA, 0xBB});
  const auto header = sctp::dataHeader(sctp::DataKind::Key, 0x1234);
  CHECK(std::equal(header.begin(), header.end(), bytes.begin()));
}

TEST_CASE("A data message may have no payload, but needs a whole header of this version", "[sctp]") {
  const std::vector<uint8_t> bytes{1, 0, 0, 7};
  CHECK(sctp::parseDataMessage(bytes)->payload.empty());
  CHECK(sctp::parseDataMessage(base::ByteView(bytes).first(3)).error() == sctp::DataMessageError::Truncated);
  const std::vector<uint8_t> version{2, 0, 0, 7};
  CHECK(sctp::parseDataMessage(version).error() == sctp::DataMessageError::UnknownVersion);
  const std::vector<uint8_t> kind{1, 2, 0, 7};
  CHECK(sctp::parseDataMessage(kind).error() == sctp::DataMessageError::UnknownKind);
}
