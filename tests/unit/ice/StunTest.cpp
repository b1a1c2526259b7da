// STUN messages against RFC 5769, and against rubbish.
#include "media/ice/Stun.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "media/base/Random.hpp"

using namespace sotto::ice;
using sotto::base::SocketAddress;
using Bytes = std::vector<uint8_t>;

namespace {

Bytes fromHex(const std::string& hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

nlohmann::json vectors() {
  std::ifstream in(std::string(SOTTO_TEST_DATA) + "/rfc5769-stun.json");
  return nlohmann::json::parse(in).at("vectors");
}

Bytes write(const StunFields& fields, std::string_view password) {
  Bytes out(300);
  out.resize(writeStun(fields, password, out));
  return out;
}

StunFields fullRequest() {
  StunFields fields;
  fields.transactionId = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  fields.username = "abcd:efghi";
  fields.priority = 0x6e7f1eff;
  fields.useCandidate = true;
  fields.iceControlling = 0x1122334455667788;
  return fields;
}

}  // namespace

TEST_CASE("The messages of RFC 5769 are read, and their integrity holds") {
  for (const auto& vector : vectors()) {
    INFO(vector.at("name"));
    const Bytes bytes = fromHex(vector.at("message"));
    REQUIRE(StunMessage::looksLikeStun(bytes));
    const auto message = StunMessage::parse(bytes);
    REQUIRE(message);
    CHECK(message->method == 1);
    CHECK(message->hasMessageIntegrity);
    const Bytes key = fromHex(vector.at("integrity_key"));
    CHECK(message->verifyIntegrity({reinterpret_cast<const char*>(key.data()), key.size()}));
    CHECK_FALSE(message->verifyIntegrity("another"));
    CHECK_FALSE(message->verifyIntegrity(""));
    if (vector.contains("username")) {
      CHECK(std::string(message->username) == vector.at("username").get<std::string>());
    }
    if (vector.contains("mapped")) {
      CHECK(message->messageClass == StunClass::Success);
      REQUIRE(message->xorMappedAddress);
      const bool v4 = message->xorMappedAddress->isV4();
      const std::string expected = vector.at("mapped");
      const auto address =
          SocketAddress::parse(v4 ? "192.0.2.1" : "2001:db8:1234:5678:11:2233:4455:6677", 32853);
      CHECK(message->xorMappedAddress == address);
      CHECK(expected.find(std::to_string(message->xorMappedAddress->port)) != std::string::npos);
    } else {
      CHECK(message->messageClass == StunClass::Request);
    }
  }
}

TEST_CASE("The ICE attributes of RFC 5769's request are read") {
  const Bytes bytes = fromHex(vectors()[0].at("message"));
  const auto message = StunMessage::parse(bytes);
  REQUIRE(message);
  CHECK(message->priority == 0x6e0001ff);
  CHECK(message->iceControlled == 0x932ff9b151263b36);
  CHECK_FALSE(message->iceControlling);
  CHECK_FALSE(message->useCandidate);
  CHECK(message->hasFingerprint);
  CHECK(message->unknownRequired == 0);
}

TEST_CASE("A change of any byte of an RFC 5769 message is noticed") {
  for (const auto& vector : vectors()) {
    const Bytes bytes = fromHex(vector.at("message"));
    const Bytes key = fromHex(vector.at("integrity_key"));
    for (size_t at = 0; at < bytes.size(); ++at) {
      // With another type FINGERPRINT becomes an attribute behind MESSAGE-INTEGRITY, and those are ignored.
      const bool fingerprintType = at + 8 == bytes.size() || at + 7 == bytes.size();
      if (StunMessage::parse(bytes)->hasFingerprint && fingerprintType) continue;
      Bytes changed = bytes;
      changed[at] ^= 1;
      const auto message = StunMessage::parse(changed);
      const bool accepted =
          message && message->verifyIntegrity({reinterpret_cast<const char*>(key.data()), key.size()});
      if (accepted) FAIL(vector.at("name") << " byte " << at);
    }
  }
}

TEST_CASE("What is written is read back, with and without integrity") {
  for (const char* password : {"", "secret-password"}) {
    const StunFields fields = fullRequest();
    const Bytes bytes = write(fields, password);
    const auto message = StunMessage::parse(bytes);
    REQUIRE(message);
    CHECK(message->messageClass == StunClass::Request);
    CHECK(message->method == 1);
    CHECK(message->transactionId == fields.transactionId);
    CHECK(message->username == fields.username);
    CHECK(message->priority == fields.priority);
    CHECK(message->useCandidate);
    CHECK(message->iceControlling == fields.iceControlling);
    CHECK(message->hasFingerprint);
    CHECK(message->hasMessageIntegrity == (*password != 0));
    CHECK(message->verifyIntegrity(password) == (*password != 0));
  }
}

TEST_CASE("Responses carry mapped addresses of both families and errors") {
  for (const char* ip : {"203.0.113.7", "2001:db8::1"}) {
    StunFields fields;
    fields.messageClass = StunClass::Success;
    fields.xorMappedAddress = SocketAddress::parse(ip, 54321);
    const Bytes bytes = write(fields, "p");
    const auto message = StunMessage::parse(bytes);
    REQUIRE(message);
    CHECK(message->messageClass == StunClass::Success);
    CHECK(message->xorMappedAddress == fields.xorMappedAddress);
  }
  StunFields fields;
  fields.messageClass = StunClass::Error;
  fields.errorCode = 420;
  fields.unknownAttribute = 0x7777;
  const Bytes bytes = write(fields, "p");
  const auto message = StunMessage::parse(bytes);
  REQUIRE(message);
  CHECK(message->messageClass == StunClass::Error);
  CHECK(message->errorCode == 420);
  CHECK(message->verifyIntegrity("p"));
}

TEST_CASE("A buffer that is too small gets nothing written") {
  const StunFields fields = fullRequest();
  const size_t needed = write(fields, "password").size();
  for (size_t size = 0; size < needed; ++size) {
    Bytes out(size);
    CHECK(writeStun(fields, "password", out) == 0);
  }
  Bytes out(needed);
  CHECK(writeStun(fields, "password", out) == needed);
  StunFields longest = fields;
  const std::string username(128, 'u');
  longest.username = username;
  CHECK(write(longest, "password").size() > 0);
}

TEST_CASE("Attributes after MESSAGE-INTEGRITY are ignored, and unknown required ones are reported") {
  // The first request of RFC 5769 without its FINGERPRINT, and with one more attribute.
  const auto withAttribute = [](uint16_t type, bool before) {
    Bytes bytes(20);
    bytes[1] = 1;
    sotto::base::storeU32(&bytes[4], 0x2112a442);
    Bytes attribute{static_cast<uint8_t>(type >> 8), static_cast<uint8_t>(type), 0, 1, 0, 0, 0, 0};
    Bytes integrity{0, 8, 0, 20};
    integrity.resize(24);
    bytes.insert(bytes.end(), before ? attribute.begin() : integrity.begin(),
                 before ? attribute.end() : integrity.end());
    bytes.insert(bytes.end(), before ? integrity.begin() : attribute.begin(),
                 before ? integrity.end() : attribute.end());
    bytes[3] = static_cast<uint8_t>(bytes.size() - 20);
    return bytes;
  };
  Bytes bytes = withAttribute(0x7f01, true);
  CHECK(StunMessage::parse(bytes)->unknownRequired == 0x7f01);
  bytes = withAttribute(0xff01, true);
  CHECK(StunMessage::parse(bytes)->unknownRequired == 0);
  bytes = withAttribute(0x7f01, false);
  CHECK(StunMessage::parse(bytes)->unknownRequired == 0);
  bytes = withAttribute(0x0006, false);
  CHECK(StunMessage::parse(bytes)->username.empty());
}

TEST_CASE("Malformed messages are told apart") {
  const Bytes good = write(fullRequest(), "password");
  CHECK(StunMessage::parse(Bytes(19)).error() == StunError::Truncated);
  CHECK(StunMessage::parse({}).error() == StunError::Truncated);
  CHECK(StunMessage::parse(Bytes(20)).error() == StunError::NotStun);
  Bytes bad = good;
  bad[0] = 0x80;
  CHECK(StunMessage::parse(bad).error() == StunError::NotStun);
  CHECK_FALSE(StunMessage::looksLikeStun(bad));
  bad = good;
  bad.resize(bad.size() - 4);
  CHECK(StunMessage::parse(bad).error() == StunError::BadLength);
  bad = good;
  bad[3] ^= 1;
  CHECK(StunMessage::parse(bad).error() == StunError::BadLength);
  bad = good;
  bad[23] = 0xff;  // the username's length
  CHECK(StunMessage::parse(bad).error() == StunError::BadAttribute);
  bad = good;
  bad.back() ^= 1;
  CHECK(StunMessage::parse(bad).error() == StunError::BadFingerprint);
}

TEST_CASE("Random bytes behind a STUN header never break the reader") {
  for (uint64_t seed = 1; seed <= 20'000; ++seed) {
    sotto::base::SeededRandom random(seed);
    Bytes bytes(20 + random.u32() % 30 * 4);
    random.fill(bytes);
    bytes[0] &= 3;
    sotto::base::storeU16(&bytes[2], static_cast<uint16_t>(bytes.size() - 20));
    sotto::base::storeU32(&bytes[4], 0x2112a442);
    for (size_t at = 20; at + 4 <= bytes.size(); at += 8) {
      bytes[at] = random.u32() % 2 == 0 ? 0 : 0x80;
      bytes[at + 1] %= 0x30;
      bytes[at + 2] = 0;
      bytes[at + 3] %= 30;
    }
    const auto message = StunMessage::parse(bytes);
    if (message && message->verifyIntegrity("password")) FAIL("seed " << seed);
  }
}
