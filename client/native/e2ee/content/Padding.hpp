// ISO 7816-4 padding: 0x80, then zeros. Hides lengths; integrity is the business of what seals it.
#pragma once

#include <optional>

#include "client/native/e2ee/SecretBytes.hpp"

namespace sotto::client::e2ee {

/// `plain` brought to the next multiple of `step`, at least `smallest` (a multiple of it).
inline SecretBytes pad(base::ByteView plain, size_t step, size_t smallest) {
  const size_t size = std::max(smallest, (plain.size() / step + 1) * step);
  SecretBytes padded(size);
  std::copy(plain.begin(), plain.end(), padded.writable().begin());
  padded.writable()[plain.size()] = 0x80;
  return padded;
}

/// What was padded; nullopt when there is no padding.
inline std::optional<base::ByteView> unpad(base::ByteView padded) {
  size_t end = padded.size();
  while (end > 0 && padded[end - 1] == 0) --end;
  if (end == 0 || padded[end - 1] != 0x80) return std::nullopt;
  return padded.first(end - 1);
}

}  // namespace sotto::client::e2ee
