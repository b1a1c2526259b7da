// Standard base64 with padding (RFC 4648 section 4), as keys and sealed bytes travel in JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "media/base/Bytes.hpp"

namespace sotto::client::call {

std::string toBase64(base::ByteView bytes);
/// Strict: nullopt for other characters, missing or superfluous padding, and stray bits at the end.
std::optional<std::vector<uint8_t>> fromBase64(std::string_view text);

}  // namespace sotto::client::call
