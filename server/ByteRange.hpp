// The Range header of a download (RFC 9110 section 14).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sotto::server {

/// Bytes `from` to before `to`.
struct ByteRange {
  uint64_t from = 0, to = 0;
  bool partial = false;  ///< false: the whole was asked for
};

/// What is to be sent of `size` bytes. A header that is absent, of another unit, of several ranges or not
/// understood asks for the whole, as the RFC has it; nullopt when nothing of the range is there (416).
std::optional<ByteRange> parseRange(std::string_view header, uint64_t size);

}  // namespace sotto::server
