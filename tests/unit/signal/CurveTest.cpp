// Curve25519: agreement by RFC 7748's vectors, keys that must be refused, and XEdDSA signatures.
#include <catch2/catch.hpp>

#include "tests/unit/signal/SignalTestSupport.hpp"

using namespace sotto;
using namespace sotto::e2ee::signal;
using namespace sotto::e2ee::signal::test;

namespace {

std::string agreed(const PrivateKey& ours, const PublicKey& theirs) {
  const auto shared = ours.agree(theirs);
  return shared ? toHex(shared->view()) : std::string(toString(shared.error()));
}

Bytes wire(const std::string& u) {
  return fromHex("05" + u);
}

}  // namespace

TEST_CASE("agreement gives RFC 7748's answers") {
  const auto vectors = loadVectors("rfc7748-x25519.json");
  for (const auto& vector : vectors["vectors"]) {
    INFO(vector["name"]);
    // The second has its top bit set, which RFC 7748 ignores and a key from the wire may not have.
    Bytes u = fromHex(vector["u"]);
    u[31] &= 0x7f;
    CHECK(agreed(privateKey(vector["scalar"]), PublicKey::fromU(u)) == vector["out"]);
  }
  const auto& dh = vectors["dh_6_1"];
  CHECK(toHex(privateKey(dh["alice_private"]).publicKey().u()) == dh["alice_public"]);
  CHECK(toHex(privateKey(dh["bob_private"]).publicKey().u()) == dh["bob_public"]);
  CHECK(agreed(privateKey(dh["alice_private"]), publicKey(dh["bob_public"])) == dh["shared"]);
}

TEST_CASE("a thousand agreements one on the other give RFC 7748's answer") {
  const auto vectors = loadVectors("rfc7748-x25519.json")["iterated_from_9"];
  Bytes k(32), u(32);
  k[0] = u[0] = 9;
  for (int i = 1; i <= 1000; ++i) {
    u[31] &= 0x7f;
    const auto out = PrivateKey::fromBytes(k).agree(PublicKey::fromU(u));
    u = k;
    k.assign(out->view().begin(), out->view().end());
    if (i == 1) CHECK(toHex(k) == vectors["1"]);
  }
  CHECK(toHex(k) == vectors["1000"]);
}

TEST_CASE("agreement with a point of low order is refused") {
  base::SeededRandom random(1);
  const PrivateKey ours = PrivateKey::generate(random);
  // The orders 4, 1, 8, 8 and 2 on the curve and its twist.
  for (const char* u : {"0000000000000000000000000000000000000000000000000000000000000000",
                        "0100000000000000000000000000000000000000000000000000000000000000",
                        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    INFO(u);
    const auto key = PublicKey::parse(wire(u));
    REQUIRE(key);
    CHECK(agreed(ours, *key) == "invalid-key");
  }
}

TEST_CASE("a public key has one form on the wire") {
  base::SeededRandom random(2);
  const PublicKey key = KeyPair::generate(random).publicKey;
  const auto good = key.serialize();
  CHECK(PublicKey::parse(good) == key);
  CHECK(!PublicKey::parse(base::ByteView(good).first(32)));
  CHECK(!PublicKey::parse({}));
  Bytes longer(good.begin(), good.end());
  longer.push_back(0);
  CHECK(!PublicKey::parse(longer));
  auto otherType = good;
  otherType[0] = 0x06;
  CHECK(!PublicKey::parse(otherType));
  auto topBit = good;
  topBit[32] |= 0x80;
  CHECK(!PublicKey::parse(topBit));
  CHECK(PublicKey::parse(wire("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")));
  CHECK(!PublicKey::parse(wire("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")));
  CHECK(!PublicKey::parse(wire("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")));
}

TEST_CASE("a private key is clamped") {
  const PrivateKey key = PrivateKey::fromBytes(Bytes(32, 0xff));
  CHECK(key.view()[0] == 0xf8);
  CHECK(key.view()[31] == 0x7f);
  CHECK(PrivateKey::fromBytes(Bytes(32)).view()[31] == 0x40);
}

TEST_CASE("a deployed signature verifies, and no bit of it may change") {
  const auto vector = loadVectors("signal-v3.json")["xeddsa_verify"];
  const PublicKey key = publicKey(vector["public"]);
  const Bytes message = fromHex(vector["message"]);
  const Bytes signature = fromHex(vector["signature"]);
  CHECK(privateKey(vector["private"]).publicKey() == key);
  REQUIRE(verify(key, message, signature));
  for (size_t bit = 0; bit < signature.size() * 8; ++bit) {
    Bytes forged = signature;
    forged[bit / 8] = static_cast<uint8_t>(forged[bit / 8] ^ (1u << (bit % 8)));
    INFO("bit " << bit);
    CHECK(!verify(key, message, forged));
  }
  for (size_t i = 0; i < message.size(); ++i) {
    Bytes other = message;
    other[i] ^= 1;
    CHECK(!verify(key, other, signature));
  }
  CHECK(!verify(key, message, base::ByteView(signature).first(63)));
  CHECK(!verify(key, message, {}));
}

TEST_CASE("our signatures verify, are fresh each time, and carry either sign") {
  base::SeededRandom random(3);
  bool signs[2] = {false, false};
  for (int i = 0; i < 40; ++i) {
    const KeyPair pair = KeyPair::generate(random);
    const Bytes message = bytesOf("message " + std::to_string(i));
    const Signature first = sign(pair.privateKey, message, random);
    const Signature second = sign(pair.privateKey, message, random);
    CHECK(first != second);
    INFO("key " << i);
    CHECK(verify(pair.publicKey, message, first));
    CHECK(verify(pair.publicKey, message, second));
    CHECK(!verify(KeyPair::generate(random).publicKey, message, first));
    signs[first[63] >> 7] = true;
  }
  CHECK((signs[0] && signs[1]));
}

TEST_CASE("a signature with an unreduced s is refused") {
  base::SeededRandom random(4);
  const KeyPair pair = KeyPair::generate(random);
  const Bytes message = bytesOf("m");
  Signature signature = sign(pair.privateKey, message, random);
  // s + L, with L the order of the base point: the same equation, another signature.
  const Bytes order = fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  const uint8_t sign = signature[63] & 0x80;
  signature[63] &= 0x7f;
  unsigned carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    carry += static_cast<unsigned>(signature[32 + i]) + order[i];
    signature[32 + i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  signature[63] |= sign;
  CHECK(!verify(pair.publicKey, message, signature));
}

TEST_CASE("nothing verifies under an identity of low order") {
  for (const char* u : {"0000000000000000000000000000000000000000000000000000000000000000",
                        "0100000000000000000000000000000000000000000000000000000000000000",
                        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    // R the neutral point and s zero satisfy the equation for a public point of low order and many messages.
    Bytes signature(64);
    signature[0] = 1;
    int accepted = 0;
    for (uint8_t i = 0; i < 64; ++i) accepted += verify(*PublicKey::parse(wire(u)), {&i, 1}, signature);
    CHECK(accepted == 0);
  }
}
