#include "signaling/Tokens.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "World.hpp"

namespace sotto::signaling {
namespace {

using nlohmann::json;
using test::secret;

constexpr int64_t now = 1'800'000'000;

std::string base64Url(const std::string& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

/// A token put together by hand (RFC 7515 appendix A.1), so that libjwt is held against something else.
std::string handMade(const json& header, const json& claims, const std::string& key = secret) {
  const std::string body = base64Url(header.dump()) + "." + base64Url(claims.dump());
  unsigned char mac[32];
  unsigned int length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), mac, &length);
  return body + "." + base64Url(std::string(reinterpret_cast<char*>(mac), length));
}

const json hs256{{"alg", "HS256"}, {"typ", "JWT"}};
json goodClaims() {
  return {{"room", "demo"}, {"sub", "alice"}, {"device", "web-1"}, {"name", "Alice"}, {"exp", now + 60}};
}

TEST_CASE("A token made by hand is accepted with all its claims") {
  json claims = goodClaims();
  claims["grants"] = {{"publish", false}};
  claims["nbf"] = now - 5;
  const auto verified = verifyToken(secret, handMade(hs256, claims), now);
  REQUIRE(verified);
  CHECK(verified->room == "demo");
  CHECK(verified->user == "alice");
  CHECK(verified->device == "web-1");
  CHECK(verified->name == "Alice");
  CHECK_FALSE(verified->publish);
  CHECK(verified->subscribe);
  CHECK(verified->expiresAt == now + 60);
}

TEST_CASE("Device and name may be absent") {
  json claims = goodClaims();
  claims.erase("device");
  claims.erase("name");
  const auto verified = verifyToken(secret, handMade(hs256, claims), now);
  REQUIRE(verified);
  CHECK(verified->device == "default");
  CHECK(verified->name == "alice");
}

TEST_CASE("An issued token verifies, and expires to the second") {
  TokenClaims claims;
  claims.room = "Küche";
  claims.user = "u";
  claims.device = "d";
  claims.name = "Jürgen \"J\"";
  claims.subscribe = false;
  claims.expiresAt = now + 10;
  claims.notBefore = now;
  const auto token = issueToken(secret, claims);
  REQUIRE(token);
  const auto verified = verifyToken(secret, *token, now + 9);
  REQUIRE(verified);
  CHECK(verified->name == claims.name);
  CHECK(verified->room == claims.room);
  CHECK_FALSE(verified->subscribe);
  CHECK(verifyToken(secret, *token, now + 10).error().error.message == "the token has expired");
  CHECK(verifyToken(secret, *token, now - 1).error().error.message == "the token is not valid yet");
}

TEST_CASE("Each refusal has a sentence of its own") {
  const auto without = [](const char* name) {
    json claims = goodClaims();
    claims.erase(name);
    return handMade(hs256, claims);
  };
  const auto with = [](const char* name, json value) {
    json claims = goodClaims();
    claims[name] = std::move(value);
    return handMade(hs256, claims);
  };
  const std::string good = handMade(hs256, goodClaims());
  std::string tampered = good;
  tampered[good.find('.') + 5] ^= 1;
  const std::string unsigned_ =
      base64Url(json{{"alg", "none"}}.dump()) + "." + base64Url(goodClaims().dump()) + ".";
  struct Case {
    std::string token, message;
  };
  const std::vector<Case> cases{
      {"", "a token is needed"},
      {"abc", "the token is not a JWT"},
      {"a.b.c", "the token is not a JWT"},
      {std::string("a\0b", 3), "the token is not a JWT"},
      {std::string(9000, 'a'), "the token is longer than 8192 bytes"},
      {unsigned_, "the token must be signed with HS256"},
      {handMade({{"alg", "HS512"}, {"typ", "JWT"}}, goodClaims()), "the token must be signed with HS256"},
      {handMade(hs256, goodClaims(), "another key of thirty-two bytes!"),
       "the token's signature does not fit"},
      {good.substr(0, good.rfind('.') + 1), "the token's signature does not fit"},
      {with("exp", now), "the token has expired"},
      {with("nbf", now + 1), "the token is not valid yet"},
      {without("exp"), "the token has no \"exp\""},
      {without("sub"), "the token has no \"sub\""},
      {with("exp", "tomorrow"), "the token's \"exp\" must be a number of seconds since 1970"},
      {with("room", 5), "the token's \"room\" must be text of 1 to 128 bytes without control characters"},
      {with("room", ""), "the token's \"room\" must be text of 1 to 128 bytes without control characters"},
      {with("name", "a\nb"),
       "the token's \"name\" must be text of 1 to 128 bytes without control characters"},
      {with("name", std::string(129, 'a')),
       "the token's \"name\" must be text of 1 to 128 bytes without control characters"},
      {with("grants", true), "the token's \"grants\" must be an object"},
      {with("grants", {{"publish", "yes"}}), "the token's \"grants\" must hold true or false"},
  };
  for (const auto& [token, message] : cases) {
    CAPTURE(token);
    const auto verified = verifyToken(secret, token, now);
    REQUIRE_FALSE(verified);
    CHECK(verified.error().error.code == ErrorCode::Unauthorized);
    CHECK(verified.error().error.message == message);
  }
  CHECK_FALSE(verifyToken(secret, tampered, now));
}

TEST_CASE("A token may name no room, and says so when it comes back") {
  json claims = goodClaims();
  claims.erase("room");
  const auto verified = verifyToken(secret, handMade(hs256, claims), now);
  REQUIRE(verified);
  CHECK(verified->room.empty());
  CHECK(verified->user == "alice");
  TokenClaims issued;
  issued.user = issued.device = issued.name = "x";
  issued.expiresAt = now + 60;
  CHECK(verifyToken(secret, issueToken(secret, issued).value(), now)->room.empty());
}

TEST_CASE("A secret that is too short signs and verifies nothing") {
  TokenClaims claims;
  claims.room = claims.user = claims.device = claims.name = "x";
  claims.expiresAt = now + 60;
  CHECK_FALSE(issueToken("short", claims));
  CHECK(verifyToken("short", handMade(hs256, goodClaims(), "short"), now).error().error.code ==
        ErrorCode::Internal);
}

}  // namespace
}  // namespace sotto::signaling
