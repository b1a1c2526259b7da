#include "signaling/XEdDsaVerify.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace sotto::signaling {
namespace {

std::string fromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

struct KnownAnswer {
  KnownAnswer() {
    std::ifstream file(std::string(SOTTO_TEST_DATA) + "/signal-v3.json");
    const auto vectors = nlohmann::json::parse(file).at("xeddsa_verify");
    const auto text = [&vectors](const char* name) { return fromHex(vectors.at(name).get<std::string>()); };
    key = "\x05" + text("public");
    message = text("message");
    signature = text("signature");
  }
  std::string key, message, signature;
};

}  // namespace

TEST_CASE_METHOD(KnownAnswer, "A deployed implementation's signature verifies") {
  REQUIRE(signature.size() == 64);
  CHECK(verifyXEdDsa(key, message, signature));
}

TEST_CASE_METHOD(KnownAnswer, "A signature with any bit changed does not verify") {
  for (size_t bit = 0; bit < signature.size() * 8; ++bit) {
    std::string changed = signature;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    INFO("bit " << bit);
    CHECK_FALSE(verifyXEdDsa(key, message, changed));
  }
  CHECK_FALSE(verifyXEdDsa(key, message + "x", signature));
  CHECK_FALSE(verifyXEdDsa(key, message, signature.substr(1)));
  CHECK_FALSE(verifyXEdDsa(key, message, signature + "x"));
  CHECK_FALSE(verifyXEdDsa(key, message, ""));
}

TEST_CASE_METHOD(KnownAnswer, "Another key verifies nothing of it") {
  std::string other = key;
  other[5] = static_cast<char>(other[5] ^ 1);
  CHECK_FALSE(verifyXEdDsa(other, message, signature));
  CHECK_FALSE(verifyXEdDsa("", message, signature));
}

TEST_CASE("Keys of low order, of another type or size, or not below the prime are not usable") {
  const std::string zeros(32, '\0');
  const auto key = [](std::string coordinate) { return "\x05" + coordinate; };
  std::string base = zeros;
  base[0] = 9;
  CHECK(isUsableCurveKey(key(base)));
  CHECK_FALSE(isUsableCurveKey("\x06" + base));
  CHECK_FALSE(isUsableCurveKey(base));
  CHECK_FALSE(isUsableCurveKey(key(base) + "x"));
  CHECK_FALSE(isUsableCurveKey(""));
  for (const char* hex : {"0000000000000000000000000000000000000000000000000000000000000000",
                          "0100000000000000000000000000000000000000000000000000000000000000",
                          "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                          "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
                          "d9ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}) {
    INFO(hex);
    CHECK_FALSE(isUsableCurveKey(key(fromHex(hex))));
  }
  CHECK(isUsableCurveKey(key(fromHex("ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"))));
}

}  // namespace sotto::signaling
