// Whether bytes are UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include "media/base/Bytes.hpp"

namespace sotto::client::e2ee {

inline bool isUtf8(base::ByteView text) {
  for (size_t i = 0; i < text.size();) {
    const uint8_t lead = text[i++];
    if (lead < 0x80) continue;
    const size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4 || more > text.size() - i) return false;
    const uint8_t second = text[i];
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return false;
    }
    for (size_t n = 0; n < more; ++n, ++i) {
      if ((text[i] & 0xC0) != 0x80) return false;
    }
  }
  return true;
}

}  // namespace sotto::client::e2ee
