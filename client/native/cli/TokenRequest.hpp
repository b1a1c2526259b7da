// Asks a server in development mode for a token: POST /api/token (docs/signaling.md, docs/directory.md).
#pragma once

#include <optional>
#include <string>

#include "client/native/call/TlsTrust.hpp"
#include "media/base/Expected.hpp"

namespace sotto::client::cli {

/// What the token is to say. Empty: no room (for the key directory alone), or names that the server draws.
struct TokenWish {
  std::string room;
  std::string name;  ///< as others see it
  std::string user, device;
};

/// Blocks for ten seconds at most. `server`: as for the call itself (http, https, ws or wss). The error names
/// the server and says what it answered.
base::Expected<std::string> requestToken(const std::string& server, const TokenWish& wish,
                                         const call::TlsTrust& trust);

/// What a JWT claims, unverified. Empty: absent.
struct TokenClaims {
  std::string room, user, device;
};
/// Nullopt when it has another form. A token without a device is for the one named "default".
std::optional<TokenClaims> claimsOfToken(const std::string& token);

}  // namespace sotto::client::cli
