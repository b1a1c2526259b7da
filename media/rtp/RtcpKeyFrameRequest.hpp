// Requests for a key frame: picture loss indication (RFC 4585 section 6.3.1) and full intra request
// (RFC 5104 section 4.3.1).
#pragma once

#include "media/rtp/RtcpPacket.hpp"

namespace sotto::rtp {

struct Pli {
  uint32_t senderSsrc = 0;
  uint32_t mediaSsrc = 0;
  bool operator==(const Pli&) const = default;
};
tl::expected<Pli, ParseError> parsePli(const RtcpPacketView& packet);
/// Returns 12, or 0 when `out` is too small.
size_t writePli(const Pli& pli, base::MutableByteView out);

/// A view of a received FIR; valid as long as its bytes are.
class FirView {
 public:
  static tl::expected<FirView, ParseError> parse(const RtcpPacketView& packet);

  uint32_t senderSsrc = 0;

  /// Calls `visit(uint32_t ssrc, uint8_t sequence)` for every entry. A request repeated with the same
  /// sequence is the same request.
  template <typename Visitor>
  void forEach(Visitor&& visit) const {
    for (size_t at = 0; at + 8 <= entries_.size(); at += 8) {
      visit(base::loadU32(&entries_[at]), entries_[at + 4]);
    }
  }

 private:
  base::ByteView entries_;
};
/// Writes a FIR with one entry. Returns 20, or 0 when `out` is too small.
size_t writeFir(uint32_t senderSsrc, uint32_t mediaSsrc, uint8_t sequence, base::MutableByteView out);

}  // namespace sotto::rtp
