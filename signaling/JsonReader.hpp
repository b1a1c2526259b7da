// How requests are read from JSON: bounded in size and depth before anything is built, each complaint naming
// its key. For .cpp files only: nlohmann's header is heavy.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "signaling/RequestError.hpp"

namespace sotto::signaling::reading {

using nlohmann::json;

/// 2^53: beyond it, JavaScript clients could not tell numbers apart.
constexpr uint64_t maxInteger = uint64_t{1} << 53;

/// Thrown to leave a half-read message; caught where the reading began.
struct Refusal {
  RequestError error;
};
/// Throws a Refusal with BadMessage, or with another code.
[[noreturn]] void bad(std::string message, ErrorCode code = ErrorCode::BadMessage);

/// The JSON object that `text` is. Refuses what is longer than `maxBytes`, nests deeper than 16 levels, or is
/// no JSON object.
json parseObject(std::string_view text, size_t maxBytes);

/// The value of a key; null when it is absent or null.
const json* find(const json& object, const char* key);
std::string requireText(const json& object, const char* key, size_t maxBytes = SIZE_MAX);
/// 0..max; `absent` stands in for a key that is not there, without it that is refused.
uint64_t integer(const json& object, const char* key, uint64_t max,
                 std::optional<uint64_t> absent = std::nullopt);
bool boolean(const json& object, const char* key);
/// A list of objects and strings.
const json& list(const json& object, const char* key, size_t maxEntries);
/// An entry of the list `key` that must be an object.
const json& objectEntry(const json& entry, const char* key);
/// JSON text; strings that are not UTF-8 are repaired.
std::string dump(const json& message);

}  // namespace sotto::signaling::reading
