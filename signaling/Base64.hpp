// Standard base64 with padding (RFC 4648 section 4), strictly: one text for each value.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace sotto::signaling {

std::string encodeBase64(std::string_view bytes);

/// How many bytes the text stands for; nullopt when it is not base64 (other characters, missing padding, bits
/// set that stand for nothing).
std::optional<size_t> base64Size(std::string_view text);

/// Nullopt as above.
std::optional<std::string> decodeBase64(std::string_view text);

}  // namespace sotto::signaling
