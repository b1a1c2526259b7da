#include "media/sctp/Dcep.hpp"

#include <catch2/catch.hpp>

using namespace sotto;
using sctp::DcepError;

namespace {

/// RFC 8832 section 5.1, written by hand: unordered, no retransmissions, label "ab", protocol "c".
const std::vector<uint8_t> handWritten{0x03, 0x81, 0x01, 0x00, 0, 0, 0, 0, 0, 2, 0, 1, 'a', 'b', 'c'};

}  // namespace

TEST_CASE("An OPEN written by hand is read, and written again byte for byte", "[sctp][dcep]") {
  const auto channel = sctp::parseOpen(handWritten);
  REQUIRE(channel);
  CHECK(channel->label == "ab");
  CHECK(channel->protocol == "c");
  CHECK_FALSE(channel->ordered);
  CHECK(channel->maxRetransmits == uint16_t{0});
  CHECK_FALSE(channel->reliable());
  CHECK(sctp::writeOpen(*channel) == handWritten);
}

TEST_CASE("Every kind of channel survives writing and reading", "[sctp][dcep]") {
  for (const bool ordered : {true, false}) {
    for (const int kind : {0, 1, 2}) {
      sctp::ChannelParameters channel;
      channel.label = "sotto";
      channel.ordered = ordered;
      if (kind == 1) channel.maxRetransmits = 65'535;
      if (kind == 2) channel.maxLifetimeMs = 100'000;
      const auto read = sctp::parseOpen(sctp::writeOpen(channel));
      REQUIRE(read);
      CHECK(*read == channel);
    }
  }
}

TEST_CASE("A broken OPEN is refused with the reason", "[sctp][dcep]") {
  const auto refused = [](std::vector<uint8_t> message) { return sctp::parseOpen(message).error(); };
  for (size_t size = 0; size < handWritten.size(); ++size) {
    CHECK(refused({handWritten.begin(), handWritten.begin() + static_cast<ptrdiff_t>(size)}) ==
          DcepError::Truncated);
  }
  std::vector<uint8_t> message = handWritten;
  message.push_back(0);
  CHECK(refused(message) == DcepError::TrailingBytes);
  message = handWritten;
  message[0] = 0x02;
  CHECK(refused(message) == DcepError::UnknownMessage);
  message = handWritten;
  message[1] = 0x03;
  CHECK(refused(message) == DcepError::UnknownChannel);
  message.assign(12 + 257, 'x');
  std::copy_n(handWritten.begin(), 12, message.begin());
  message[8] = 1;
  message[9] = 1;
  message[11] = 0;
  CHECK(refused(message) == DcepError::TooLong);
}

TEST_CASE("DCEP messages are told apart by their first byte", "[sctp][dcep]") {
  CHECK(sctp::dcepMessage(sctp::writeAck()) == sctp::DcepMessage::Ack);
  CHECK(sctp::dcepMessage(handWritten) == sctp::DcepMessage::Open);
  CHECK(sctp::dcepMessage({}).error() == DcepError::Truncated);
  const std::vector<uint8_t> other{0x01};
  CHECK(sctp::dcepMessage(other).error() == DcepError::UnknownMessage);
}
