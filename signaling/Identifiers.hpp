// Names and secrets drawn at random, and how they are compared.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "media/base/Random.hpp"

namespace sotto::signaling {

/// `bytes` random bytes as lower-case hex.
std::string randomHex(base::Random& random, size_t bytes);

/// Compares in a time that depends on the lengths only.
bool equalSecrets(std::string_view a, std::string_view b);

/// Whether `text` is UTF-8 of 1..maxBytes bytes without control characters: a name that may be shown to
/// people.
bool isDisplayable(std::string_view text, size_t maxBytes);

}  // namespace sotto::signaling
