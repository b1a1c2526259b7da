// libjwt checks the signature; the claims are read here, so that each refusal can say what was wrong.
#include "signaling/Tokens.hpp"

#include <jwt.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "signaling/Identifiers.hpp"

namespace sotto::signaling {
namespace {

using nlohmann::json;

/// A token of ours has about 300 bytes.
constexpr size_t maxTokenBytes = size_t{8} * 1024;

struct JwtDeleter {
  void operator()(jwt_t* jwt) const { jwt_free(jwt); }
};
using Jwt = std::unique_ptr<jwt_t, JwtDeleter>;
using Text = std::unique_ptr<char, decltype(&std::free)>;

/// With an empty secret the signature is not looked at.
Jwt decode(const std::string& token, const std::string& secret) {
  jwt_t* jwt = nullptr;
  const auto* key = secret.empty() ? nullptr : reinterpret_cast<const unsigned char*>(secret.data());
  return jwt_decode(&jwt, token.c_str(), key, static_cast<int>(secret.size())) == 0 ? Jwt(jwt) : nullptr;
}

tl::unexpected<TokenRefusal> unauthorized(TokenFault fault, std::string message) {
  return tl::make_unexpected(TokenRefusal{fault, {ErrorCode::Unauthorized, std::move(message), 0, {}, {}}});
}

/// For a token that libjwt would not take with our secret.
tl::unexpected<TokenRefusal> whyNotDecoded(const std::string& token) {
  const Jwt unchecked = decode(token, "");
  if (!unchecked) return unauthorized(TokenFault::Malformed, "the token is not a JWT");
  const char* algorithm = jwt_get_header(unchecked.get(), "alg");
  const bool expected = algorithm != nullptr && std::string_view(algorithm) == "HS256";
  return unauthorized(TokenFault::Signature, expected ? "the token's signature does not fit"
                                                      : "the token must be signed with HS256");
}

/// Reads one claim after the other and keeps the first complaint.
class ClaimReader {
 public:
  explicit ClaimReader(const json& claims) : claims_(claims) {}

  std::string text(const char* name, const std::optional<std::string>& absent) {
    const auto found = claims_.find(name);
    if (found == claims_.end()) {
      if (!absent) complain(std::string("the token has no \"") + name + "\"");
      return absent.value_or("");
    }
    if (!found->is_string() || !isDisplayable(found->get_ref<const std::string&>(), maxNameBytes)) {
      complain(std::string("the token's \"") + name +
               "\" must be text of 1 to 128 bytes without control characters");
      return "";
    }
    return found->get<std::string>();
  }

  std::optional<int64_t> time(const char* name) {
    const auto found = claims_.find(name);
    if (found == claims_.end()) return std::nullopt;
    if (!found->is_number() || found->get<double>() < 0 || found->get<double>() > 1e15) {
      complain(std::string("the token's \"") + name + "\" must be a number of seconds since 1970");
      return std::nullopt;
    }
    return static_cast<int64_t>(found->get<double>());
  }

  bool grant(const char* name) {
    const auto grants = claims_.find("grants");
    if (grants == claims_.end()) return true;
    if (!grants->is_object()) return complain("the token's \"grants\" must be an object"), false;
    const auto found = grants->find(name);
    if (found == grants->end()) return true;
    if (!found->is_boolean()) return complain("the token's \"grants\" must hold true or false"), false;
    return found->get<bool>();
  }

  void complain(std::string message) {
    if (complaint_.empty()) complaint_ = std::move(message);
  }
  const std::string& complaint() const { return complaint_; }

 private:
  const json& claims_;
  std::string complaint_;
};

tl::expected<TokenClaims, TokenRefusal> readClaims(const json& object, int64_t unixSeconds) {
  ClaimReader reader(object);
  TokenClaims claims;
  const auto expiresAt = reader.time("exp");
  claims.notBefore = reader.time("nbf");
  if (!expiresAt) reader.complain("the token has no \"exp\"");
  claims.expiresAt = expiresAt.value_or(0);
  claims.room = reader.text("room", "");
  claims.user = reader.text("sub", std::nullopt);
  claims.device = reader.text("device", "default");
  claims.name = reader.text("name", claims.user);
  claims.publish = reader.grant("publish");
  claims.subscribe = reader.grant("subscribe");
  if (!reader.complaint().empty()) return unauthorized(TokenFault::Claims, reader.complaint());
  if (unixSeconds >= claims.expiresAt) return unauthorized(TokenFault::Expired, "the token has expired");
  if (claims.notBefore && unixSeconds < *claims.notBefore)
    return unauthorized(TokenFault::NotYetValid, "the token is not valid yet");
  return claims;
}

}  // namespace

std::string_view tokenFaultName(TokenFault fault) {
  static constexpr std::array<std::string_view, tokenFaultCount> names{
      "missing", "malformed", "signature", "claims", "expired", "not_yet_valid", "other_room"};
  return names[static_cast<size_t>(fault)];
}

base::Expected<std::string> issueToken(const std::string& secret, const TokenClaims& claims) {
  if (secret.size() < minSecretBytes) return base::fail("the secret must have at least 32 bytes");
  for (const std::string* text : {&claims.room, &claims.user, &claims.device, &claims.name}) {
    if (text == &claims.room && text->empty()) continue;
    if (!isDisplayable(*text, maxNameBytes)) {
      return base::fail("room and names must be text of 1 to 128 bytes without control characters");
    }
  }
  json object{{"sub", claims.user},
              {"device", claims.device},
              {"name", claims.name},
              {"grants", {{"publish", claims.publish}, {"subscribe", claims.subscribe}}},
              {"exp", claims.expiresAt}};
  if (!claims.room.empty()) object["room"] = claims.room;
  if (claims.notBefore) object["nbf"] = *claims.notBefore;
  jwt_t* raw = nullptr;
  if (jwt_new(&raw) != 0) return base::fail("no memory for a token");
  const Jwt jwt(raw);
  const auto* key = reinterpret_cast<const unsigned char*>(secret.data());
  if (jwt_add_grants_json(jwt.get(), object.dump().c_str()) != 0 ||
      jwt_set_alg(jwt.get(), JWT_ALG_HS256, key, static_cast<int>(secret.size())) != 0) {
    return base::fail("the token could not be put together");
  }
  const Text encoded(jwt_encode_str(jwt.get()), &std::free);
  if (!encoded) return base::fail("the token could not be signed");
  return std::string(encoded.get());
}

tl::expected<TokenClaims, TokenRefusal> verifyToken(const std::string& secret, std::string_view token,
                                                    int64_t unixSeconds) {
  if (token.empty()) return unauthorized(TokenFault::Missing, "a token is needed");
  if (token.size() > maxTokenBytes)
    return unauthorized(TokenFault::Malformed, "the token is longer than 8192 bytes");
  if (token.find('\0') != token.npos) return unauthorized(TokenFault::Malformed, "the token is not a JWT");
  if (secret.size() < minSecretBytes) {
    RequestError error{ErrorCode::Internal, "the server has no usable auth.secret", 0, {}, {}};
    return tl::make_unexpected(TokenRefusal{TokenFault::Signature, std::move(error)});
  }
  const std::string text(token);
  const Jwt jwt = decode(text, secret);
  if (!jwt || jwt_get_alg(jwt.get()) != JWT_ALG_HS256) return whyNotDecoded(text);
  const Text claims(jwt_get_grants_json(jwt.get(), nullptr), &std::free);
  const json object = claims ? json::parse(claims.get(), nullptr, false) : json();
  if (!object.is_object()) return unauthorized(TokenFault::Claims, "the token has no claims");
  return readClaims(object, unixSeconds);
}

}  // namespace sotto::signaling
