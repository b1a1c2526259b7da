// What a datagram of DTLS records looks like from outside (RFC 6347 section 4.1).
#pragma once

#include "media/base/Bytes.hpp"

namespace sotto::dtls {

/// Type, version, epoch, sequence number, length.
inline constexpr size_t recordHeaderSize = 13;

/// True when the datagram is one or more records of known types of DTLS 1.x, each of them whole. OpenSSL
/// drops anything else without a word.
inline bool holdsWholeRecords(base::ByteView datagram) {
  constexpr uint8_t changeCipherSpec = 20, heartbeat = 24, majorVersion = 0xFE;
  if (datagram.empty()) return false;
  while (!datagram.empty()) {
    if (datagram.size() < recordHeaderSize) return false;
    if (datagram[0] < changeCipherSpec || datagram[0] > heartbeat || datagram[1] != majorVersion)
      return false;
    const size_t size = recordHeaderSize + base::loadU16(&datagram[11]);
    if (datagram.size() < size) return false;
    datagram = datagram.subspan(size);
  }
  return true;
}

}  // namespace sotto::dtls
