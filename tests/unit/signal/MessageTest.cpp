// Messages and bundles on the wire: what must be refused, and what must be passed over.
#include <catch2/catch.hpp>

#include "client/native/e2ee/signal/PreKeySignalMessage.hpp"
#include "client/native/e2ee/signal/Protobuf.hpp"
#include "tests/unit/signal/SignalTestSupport.hpp"

using namespace sotto;
using namespace sotto::e2ee::signal;
using namespace sotto::e2ee::signal::test;

namespace {

const Bytes mac(SignalMessage::macSize, 0x55);

/// A message of these parts; parsing checks no MAC.
Bytes messageOf(ProtobufWriter& fields, uint8_t version = 0x33) {
  Bytes wire{version};
  wire.insert(wire.end(), fields.written().begin(), fields.written().end());
  wire.insert(wire.end(), mac.begin(), mac.end());
  return wire;
}

PublicKey someKey() {
  base::SeededRandom random(9);
  return KeyPair::generate(random).publicKey;
}

ProtobufWriter goodFields() {
  ProtobufWriter fields;
  fields.bytes(1, someKey().serialize());
  fields.varint(2, 7);
  fields.varint(3, 5);
  fields.bytes(4, Bytes(16, 0xaa));
  return fields;
}

PreKeySignalMessage firstMessage() {
  ProtobufWriter fields = goodFields();
  PreKeySignalMessage message;
  message.registrationId = 12;
  message.preKeyId = 34;
  message.signedPreKeyId = 56;
  message.baseKey = someKey();
  message.identityKey = someKey();
  message.message = SignalMessage::parse(messageOf(fields)).value();
  return message;
}

std::string refusal(const Bytes& wire) {
  const auto parsed = SignalMessage::parse(wire);
  return parsed ? "accepted" : std::string(toString(parsed.error()));
}

}  // namespace

TEST_CASE("a ratchet message's fields come out as they went in") {
  ProtobufWriter fields = goodFields();
  const auto parsed = SignalMessage::parse(messageOf(fields));
  REQUIRE(parsed);
  CHECK(parsed->fields().ratchetKey == someKey());
  CHECK(parsed->fields().counter == 7);
  CHECK(parsed->fields().previousCounter == 5);
  CHECK(parsed->fields().ciphertext == Bytes(16, 0xaa));
}

TEST_CASE("fields that nobody knows yet are passed over") {
  ProtobufWriter fields = goodFields();
  fields.varint(99, UINT64_MAX);
  fields.bytes(100, Bytes(3));
  // Fixed 64 and fixed 32.
  fields.raw(
      fromHex("a906"
              "0102030405060708"));
  fields.raw(
      fromHex("ad06"
              "01020304"));
  CHECK(refusal(messageOf(fields)) == "accepted");
}

TEST_CASE("what is not well-formed protobuf is refused") {
  // A varint of eleven bytes, one above 64 bits, field number 0, groups, lengths beyond the end.
  for (const char* tail : {"1080808080808080808080"
                           "01",
                           "10ffffffffffffffffff7f", "0001", "0b", "0c", "0e", "0f", "2aff",
                           "2affffffffffffffffff01", "a9060102", "10", "80"}) {
    ProtobufWriter fields = goodFields();
    fields.raw(fromHex(tail));
    INFO(tail);
    CHECK(refusal(messageOf(fields)) == "malformed");
  }
}

TEST_CASE("a field of the wrong kind or a number beyond 32 bits is refused") {
  ProtobufWriter counter = goodFields();
  counter.bytes(2, Bytes(1));
  CHECK(refusal(messageOf(counter)) == "malformed");
  ProtobufWriter tooLarge = goodFields();
  tooLarge.varint(2, uint64_t{1} << 32);
  CHECK(refusal(messageOf(tooLarge)) == "malformed");
  ProtobufWriter ciphertext = goodFields();
  ciphertext.varint(4, 1);
  CHECK(refusal(messageOf(ciphertext)) == "malformed");
}

TEST_CASE("a message without one of its fields is refused") {
  for (const uint32_t missing : {1u, 2u, 4u}) {
    ProtobufWriter fields;
    if (missing != 1) fields.bytes(1, someKey().serialize());
    if (missing != 2) fields.varint(2, 7);
    if (missing != 4) fields.bytes(4, Bytes(16));
    INFO("without field " << missing);
    CHECK(refusal(messageOf(fields)) == "malformed");
  }
  ProtobufWriter withoutPrevious;
  withoutPrevious.bytes(1, someKey().serialize());
  withoutPrevious.varint(2, 7);
  withoutPrevious.bytes(4, Bytes(16));
  CHECK(refusal(messageOf(withoutPrevious)) == "accepted");
}

TEST_CASE("only version 3 is spoken, whatever more the sender knows") {
  for (unsigned version = 0; version <= 0xff; ++version) {
    ProtobufWriter fields = goodFields();
    INFO("version byte " << version);
    CHECK(refusal(messageOf(fields, static_cast<uint8_t>(version))) ==
          (version >> 4 == 3 ? "accepted" : "unsupported-version"));
  }
}

TEST_CASE("a ratchet key that is none is refused") {
  for (const size_t size : {0u, 32u, 34u}) {
    ProtobufWriter fields = goodFields();
    fields.bytes(1, Bytes(size, 5));
    CHECK(refusal(messageOf(fields)) == "invalid-key");
  }
  ProtobufWriter notCanonical = goodFields();
  notCanonical.bytes(1, fromHex("05" + std::string(64, 'f')));
  CHECK(refusal(messageOf(notCanonical)) == "invalid-key");
}

TEST_CASE("every truncation of a message is refused or another message") {
  ProtobufWriter fields = goodFields();
  const Bytes good = messageOf(fields);
  for (size_t size = 0; size < good.size(); ++size) {
    const auto parsed = SignalMessage::parse(base::ByteView(good).first(size));
    INFO(size << " bytes");
    // Cut within the last field it cannot parse; its MAC covers what is left of it in any case.
    CHECK((!parsed || parsed->wire().size() == size));
    CHECK(!parsed);
  }
}

TEST_CASE("a huge message is refused before it is read") {
  ProtobufWriter fields = goodFields();
  fields.bytes(4, Bytes(maxMessageSize));
  CHECK(refusal(messageOf(fields)) == "malformed");
}

TEST_CASE("a first message's fields come out as they went in") {
  const PreKeySignalMessage message = firstMessage();
  const auto parsed = PreKeySignalMessage::parse(message.serialize());
  REQUIRE(parsed);
  CHECK(parsed->registrationId == 12);
  CHECK(parsed->preKeyId == 34u);
  CHECK(parsed->signedPreKeyId == 56);
  CHECK(parsed->baseKey == message.baseKey);
  CHECK(parsed->identityKey == message.identityKey);
  CHECK(toHex(parsed->message.wire()) == toHex(message.message.wire()));
  PreKeySignalMessage without = firstMessage();
  without.preKeyId.reset();
  CHECK(!PreKeySignalMessage::parse(without.serialize())->preKeyId);
}

TEST_CASE("every truncation of a first message is refused") {
  const Bytes good = firstMessage().serialize();
  for (size_t size = 0; size < good.size(); ++size) {
    INFO(size << " bytes");
    CHECK(!PreKeySignalMessage::parse(base::ByteView(good).first(size)));
  }
}

TEST_CASE("a bundle whose prekey its identity did not sign is refused") {
  TestDevice bob("bob", 10);
  const PreKeyBundle good = bob.bundle();
  CHECK(good.isSigned());
  const auto identity = good.identityKey.serialize();
  const auto signedPreKey = good.signedPreKey.key.serialize();
  const auto other = TestDevice("mallory", 11).bundle();
  const auto otherKey = other.signedPreKey.key.serialize();
  const auto otherIdentity = other.identityKey.serialize();
  using Parts = PreKeyBundle::Parts;
  const auto refused = [](const Parts& parts) {
    const auto bundle = PreKeyBundle::fromParts(parts);
    return bundle ? "accepted" : std::string(toString(bundle.error()));
  };
  const auto& signature = good.signedPreKey.signature;
  CHECK(refused({1, identity, 1, signedPreKey, signature, std::nullopt, {}}) == "accepted");
  CHECK(refused({1, identity, 1, otherKey, signature, std::nullopt, {}}) == "invalid-signature");
  CHECK(refused({1, otherIdentity, 1, signedPreKey, signature, std::nullopt, {}}) == "invalid-signature");
  CHECK(refused({1, identity, 1, signedPreKey, base::ByteView(signature).first(63), std::nullopt, {}}) ==
        "malformed");
  CHECK(refused({1, identity, 1, signedPreKey, signature, 5, {}}) == "invalid-key");
  CHECK(refused({1, base::ByteView(identity).first(32), 1, signedPreKey, signature, std::nullopt, {}}) ==
        "invalid-key");
}
