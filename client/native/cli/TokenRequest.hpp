// Asks a server in development mode for a token: POST /api/token (docs/signaling.md).
#pragma once

#include <optional>
#include <string>

#include "client/native/call/TlsTrust.hpp"
#include "media/base/Expected.hpp"

namespace sotto::client::cli {

/// Blocks for ten seconds at most. `server`: as for the call itself (http, https, ws or wss). The error names
/// the server and says what it answered.
base::Expected<std::string> requestToken(const std::string& server, const std::string& room,
                                         const std::string& name, const call::TlsTrust& trust);

/// The `room` claim inside a JWT, unverified; nullopt when the token has another form.
std::optional<std::string> roomOfToken(const std::string& token);

}  // namespace sotto::client::cli
