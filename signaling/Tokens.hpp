// The tokens that let a client into a room: JWT (RFC 7519), HS256, one secret on both sides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "media/base/Expected.hpp"
#include "signaling/RequestError.hpp"

namespace sotto::signaling {

/// RFC 7518 section 3.2: the key of HS256 is at least as long as its hash.
constexpr size_t minSecretBytes = 32;
/// Longest room, user, device and shown name, in bytes of UTF-8.
constexpr size_t maxNameBytes = 128;

struct TokenClaims {
  std::string room;                  ///< empty: for keys and messages alone, joins nothing
  std::string user;                  ///< claim "sub"
  std::string device;                ///< "default" when the claim is absent
  std::string name;                  ///< shown to people; the user when the claim is absent
  bool publish = true;               ///< grants.publish
  bool subscribe = true;             ///< grants.subscribe
  int64_t expiresAt = 0;             ///< claim "exp", Unix seconds
  std::optional<int64_t> notBefore;  ///< claim "nbf", Unix seconds
};

/// Why a token was refused, for the metrics.
enum class TokenFault { Missing, Malformed, Signature, Claims, Expired, NotYetValid, OtherRoom };
constexpr size_t tokenFaultCount = static_cast<size_t>(TokenFault::OtherRoom) + 1;
/// "not_yet_valid".
std::string_view tokenFaultName(TokenFault fault);

struct TokenRefusal {
  TokenFault fault = TokenFault::Malformed;
  RequestError error;
};

/// Fails when the secret is too short or a claim is not what verifyToken() would take.
base::Expected<std::string> issueToken(const std::string& secret, const TokenClaims& claims);

/// Every refusal is Unauthorized with a sentence of its own: not a JWT, another algorithm (none included),
/// signature, expired, not yet valid, a claim missing or of the wrong type. `unixSeconds` is the time now.
tl::expected<TokenClaims, TokenRefusal> verifyToken(const std::string& secret, std::string_view token,
                                                    int64_t unixSeconds);

}  // namespace sotto::signaling
