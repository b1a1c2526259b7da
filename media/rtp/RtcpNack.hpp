// Generic NACK (RFC 4585 section 6.2.1): lost sequence numbers as pairs of PID and a bit mask of the 16
// after.
#pragma once

#include <span>

#include "media/rtp/RtcpPacket.hpp"

namespace sotto::rtp {

/// A view of a received NACK; valid as long as its bytes are.
class NackView {
 public:
  static tl::expected<NackView, ParseError> parse(const RtcpPacketView& packet);

  uint32_t senderSsrc = 0;
  uint32_t mediaSsrc = 0;

  /// Calls `visit(uint16_t sequenceNumber)` for every lost packet, in the order of the items.
  template <typename Visitor>
  void forEach(Visitor&& visit) const {
    for (size_t at = 0; at + 4 <= items_.size(); at += 4) {
      const uint16_t pid = base::loadU16(&items_[at]);
      const uint16_t mask = base::loadU16(&items_[at + 2]);
      visit(pid);
      for (unsigned bit = 0; bit < 16; ++bit) {
        if (mask >> bit & 1) visit(static_cast<uint16_t>(pid + bit + 1));
      }
    }
  }

 private:
  base::ByteView items_;
};

/// Writes one NACK for `sequenceNumbers` (ascending, modulo wrap). Returns its size, or 0 when there are none
/// or `out` is too small.
size_t writeNack(uint32_t senderSsrc, uint32_t mediaSsrc, std::span<const uint16_t> sequenceNumbers,
                 base::MutableByteView out);

}  // namespace sotto::rtp
