// The form of key messages on the data channel: known answers, and everything that is no such message.
#include "client/native/e2ee/messenger/DirectMessage.hpp"

#include <catch2/catch.hpp>

#include "media/base/Random.hpp"
#include "tests/unit/e2ee/E2eeTestSupport.hpp"

namespace sotto::client::e2ee {
namespace {

using test::Bytes;

const DeviceId alice{"alice", "phone"};

Bytes fromHex(const std::string& hex) {
  return hex.empty() ? Bytes() : test::fromHex(hex);
}

OutgoingMessage outgoing(const nlohmann::json& entry) {
  OutgoingMessage message;
  const Bytes id = fromHex(entry["message_id_hex"]);
  std::copy(id.begin(), id.end(), message.id.begin());
  message.purpose = entry["purpose"];
  message.group = entry["group"];
  message.shared = fromHex(entry["shared_hex"]);
  message.store = false;
  const auto type = entry["type"] == "prekey" ? EnvelopeType::PreKey : EnvelopeType::Signal;
  message.recipients.push_back({alice, type, fromHex(entry["body_hex"])});
  return message;
}

OutgoingMessage keyMessage(size_t bodySize) {
  OutgoingMessage message;
  message.purpose = 1;
  message.group = "call";
  message.store = false;
  message.recipients.push_back({alice, EnvelopeType::Signal, Bytes(bodySize, 7)});
  return message;
}

}  // namespace

TEST_CASE("Key messages look on the data channel as the known answers say") {
  const auto vectors = test::loadVectors("direct-messages.json");
  for (const auto& entry : vectors["messages"]) {
    INFO(entry["name"]);
    const OutgoingMessage message = outgoing(entry);
    const Bytes payload = encodeDirect(message, message.recipients[0]);
    CHECK(payload == fromHex(entry["payload_hex"]));
    const auto back = decodeDirect(payload, alice);
    REQUIRE(back);
    CHECK(back->from == alice);
    CHECK(back->id == message.id);
    CHECK(back->purpose == message.purpose);
    CHECK(back->group == message.group);
    CHECK(back->type == message.recipients[0].type);
    CHECK(back->body == message.recipients[0].body);
    CHECK(back->shared == message.shared);
    CHECK(back->direct);
    CHECK(back->seq == 0);
  }
}

TEST_CASE("What is no key message is refused, with the reason") {
  const auto vectors = test::loadVectors("direct-messages.json");
  CHECK(vectors["refused"].size() > 10);
  for (const auto& entry : vectors["refused"]) {
    INFO(entry["name"]);
    const auto message = decodeDirect(fromHex(entry["payload_hex"]), alice);
    REQUIRE_FALSE(message);
    CHECK(toString(message.error()) == entry["error"].get<std::string>());
  }
}

TEST_CASE("A key message that was cut anywhere before its body is refused") {
  const auto vectors = test::loadVectors("direct-messages.json");
  const Bytes whole = fromHex(vectors["messages"][1]["payload_hex"]);
  const size_t body = fromHex(vectors["messages"][1]["body_hex"]).size();
  for (size_t size = 0; size <= whole.size() - body; ++size) {
    INFO(size << " bytes");
    CHECK_FALSE(decodeDirect(base::ByteView(whole).first(size), alice));
  }
  CHECK(decodeDirect(base::ByteView(whole).first(whole.size() - body + 1), alice));
}

TEST_CASE("Messages that do not fit the form are not put into it") {
  OutgoingMessage message = keyMessage(0);
  CHECK(encodeDirect(message, message.recipients[0]).empty());
  message = keyMessage(1);
  CHECK_FALSE(encodeDirect(message, message.recipients[0]).empty());
  message.recipients[0].type = EnvelopeType::Error;
  CHECK(encodeDirect(message, message.recipients[0]).empty());
  message = keyMessage(1);
  message.purpose = 2;
  CHECK(encodeDirect(message, message.recipients[0]).empty());
  message = keyMessage(1);
  message.group = "";
  CHECK(encodeDirect(message, message.recipients[0]).empty());
  message.group = std::string(65, 'g');
  CHECK(encodeDirect(message, message.recipients[0]).empty());
  message = keyMessage(1);
  message.shared.resize(65'536);
  CHECK(encodeDirect(message, message.recipients[0]).empty());
}

TEST_CASE("Whatever decodes encodes to the same bytes") {
  const uint64_t seed = GENERATE(range(uint64_t{1}, uint64_t{6}));
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  const auto vectors = test::loadVectors("direct-messages.json");
  size_t decoded = 0;
  for (int round = 0; round < 5'000; ++round) {
    const auto& entries = vectors["messages"];
    Bytes payload = fromHex(entries[random.u32() % entries.size()]["payload_hex"]);
    for (uint32_t i = 0; i < random.u32() % 4; ++i) {
      payload[random.u32() % std::min<size_t>(payload.size(), 60)] = static_cast<uint8_t>(random.u32());
    }
    const auto message = decodeDirect(payload, alice);
    if (!message) continue;
    ++decoded;
    OutgoingMessage again;
    again.id = message->id;
    again.purpose = message->purpose;
    again.group = message->group;
    again.shared = message->shared;
    CHECK(encodeDirect(again, {alice, message->type, message->body}) == payload);
  }
  CHECK(decoded > 100);
}

}  // namespace sotto::client::e2ee
