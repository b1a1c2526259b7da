// The known answers of other implementations: key derivation, and a whole session byte for byte.
#include <catch2/catch.hpp>

#include "client/native/e2ee/signal/X3dh.hpp"
#include "tests/unit/signal/SignalTestSupport.hpp"

using namespace sotto;
using namespace sotto::e2ee::signal;
using namespace sotto::e2ee::signal::test;

namespace {

Secret32 secret(const nlohmann::json& hex) {
  return Secret32(fromHex(hex.get<std::string>()));
}

std::string hex(const Secret32& value) {
  return toHex(value.view());
}

/// Alice, Bob, and the keys that they draw in the known session.
struct KnownSession {
  nlohmann::json vectors = loadVectors("signal-v3.json")["full_session_known_answer"];
  nlohmann::json keys = vectors["private_keys"];
  KeyPair aliceIdentity = keyPair(keys["alice_identity"]);
  InitiatorKeys aliceKeys{keyPair(keys["alice_base"]), keyPair(keys["alice_ratchet"])};

  KeyStore bob(bool oneTime) const {
    GivenKeys given{keyPair(keys["bob_identity"]), vectors["bob_registration_id"],
                    vectors["signed_prekey_id"], keyPair(keys["bob_signed_prekey"]), std::nullopt};
    if (oneTime) given.oneTime.emplace(vectors["one_time_prekey_id"], keyPair(keys["bob_one_time_prekey"]));
    return given.store();
  }
  LocalDevice alice() const { return {aliceIdentity, vectors["alice_registration_id"]}; }
};

void checkAliceSends(bool oneTime, const char* which) {
  const KnownSession known;
  auto state = beginAsInitiator(known.alice(), bundleOf(known.bob(oneTime)), known.aliceKeys);
  REQUIRE(state);
  SessionRecord record;
  record.promote(*state);
  for (const auto& message : known.vectors[which]["messages"]) {
    CHECK(hex(record.current().sendingChain().key) == message["chain_key"]);
    SessionState inner = record.current();
    CHECK(toHex(inner.encrypt(bytesOf(message["plaintext"]))->wire()) == message["signal_message"]);
    const auto sealed = encrypt(record, bytesOf(message["plaintext"]));
    REQUIRE(sealed);
    CHECK(sealed->type == CiphertextMessage::Type::PreKey);
    CHECK(toHex(sealed->body) == message["prekey_signal_message"]);
  }
}

void checkBobOpens(bool oneTime, const char* which, const char* wireName) {
  const KnownSession known;
  KeyStore bob = known.bob(oneTime);
  SessionRecord record;
  base::SeededRandom random(1);
  for (const auto& message : known.vectors[which]["messages"]) {
    const auto parsed = PreKeySignalMessage::parse(fromHex(message[wireName]));
    REQUIRE(parsed);
    CHECK(parsed->identityKey == known.aliceIdentity.publicKey);
    const auto plaintext = decryptPreKey(record, bob, *parsed, random);
    REQUIRE(plaintext);
    CHECK(*plaintext == bytesOf(message["plaintext"]));
  }
  CHECK(bob.oneTimePreKeys().empty());
}

}  // namespace

TEST_CASE("chain and message keys are the known ones") {
  const auto vector = loadVectors("signal-v3.json")["chain_key_v3"];
  const ChainKey chain{secret(vector["chain_key"]), 0};
  CHECK(hex(chain.seed()) == vector["seed_hmac_01"]);
  const MessageKeys keys = MessageKeys::derive(chain.seed());
  CHECK(hex(keys.cipherKey) == vector["cipher_key"]);
  CHECK(hex(keys.macKey) == vector["mac_key"]);
  CHECK(toHex(keys.iv.view()) == vector["iv"]);
  CHECK(hex(chain.next().key) == vector["next_chain_key"]);
  CHECK(chain.next().index == 1);
}

TEST_CASE("a step of the root chain gives the known keys") {
  const auto vector = loadVectors("signal-v3.json")["root_key_step"];
  const auto step = RootKey{secret(vector["root_key"])}.step(publicKey(vector["their_public"]),
                                                             privateKey(vector["our_private"]));
  REQUIRE(step);
  CHECK(hex(step->root.key) == vector["next_root_key"]);
  CHECK(hex(step->chain.key) == vector["next_chain_key"]);
}

TEST_CASE("Bob derives the known first keys without a one-time prekey") {
  const auto vector = loadVectors("signal-v3.json")["x3dh_session_no_otpk"];
  const RootStep first = deriveFirstKeys(fromHex(vector["master_secret"]));
  CHECK(hex(first.root.key) == vector["root_key"]);
  CHECK(hex(first.chain.key) == vector["initial_chain_key"]);

  const GivenKeys bob{keyPair(vector["bob_identity_private"]), 1, 22,
                      keyPair(vector["bob_signed_prekey_private"]), std::nullopt};
  CHECK(bob.identity.publicKey == publicKey(vector["bob_identity_public"]));
  PreKeySignalMessage message;
  message.signedPreKeyId = 22;
  message.identityKey = publicKey(vector["alice_identity_public"]);
  message.baseKey = publicKey(vector["alice_base_public"]);
  const auto state = beginAsResponder(bob.store(), message);
  REQUIRE(state);
  CHECK(hex(state->sendingChain().key) == vector["initial_chain_key"]);
  CHECK(state->ratchetKey().publicKey == publicKey(vector["bob_signed_prekey_public"]));
}

TEST_CASE("the known session's first keys follow from its secrets") {
  const KnownSession known;
  for (const char* which : {"v3_version_byte_0x33", "without_one_time_prekey_0x33"}) {
    const auto& answer = known.vectors[which];
    const RootStep first = deriveFirstKeys(fromHex(answer["master_secret"]));
    CHECK(hex(first.root.key) == answer["root_key_0"]);
    CHECK(hex(first.chain.key) == answer["bob_initial_sending_chain_key"]);
    const auto sending = first.root.step(publicKey(known.vectors["public_keys"]["bob_signed_prekey"]),
                                         known.aliceKeys.ratchet.privateKey);
    CHECK(hex(sending->root.key) == answer["root_key_1"]);
    CHECK(hex(sending->chain.key) == answer["alice_sending_chain_key"]);
    for (const auto& message : answer["messages"]) {
      const ChainKey chain{secret(message["chain_key"]), 0};
      const MessageKeys keys = MessageKeys::derive(chain.seed());
      CHECK(hex(chain.seed()) == message["keys"]["seed"]);
      CHECK(hex(keys.cipherKey) == message["keys"]["cipher_key"]);
      CHECK(hex(keys.macKey) == message["keys"]["mac_key"]);
      CHECK(toHex(keys.iv.view()) == message["keys"]["iv"]);
    }
  }
}

TEST_CASE("Alice's messages are the known session's, byte for byte") {
  checkAliceSends(true, "v3_version_byte_0x33");
  checkAliceSends(false, "without_one_time_prekey_0x33");
}

TEST_CASE("Bob opens the known session's messages") {
  checkBobOpens(true, "v3_version_byte_0x33", "prekey_signal_message");
  checkBobOpens(false, "without_one_time_prekey_0x33", "prekey_signal_message");
}

TEST_CASE("Bob opens messages of a sender that knows version 4 as well") {
  checkBobOpens(true, "v3_version_byte_0x34", "prekey_signal_message");
}
