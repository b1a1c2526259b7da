// The send arena: outgoing datagrams are written straight into it and leave in one system call.
// Filled by the media core (which does no I/O), emptied by media/net or by the simulator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "media/base/Bytes.hpp"
#include "media/base/SocketAddress.hpp"

namespace sotto::base {

class DatagramBatch {
 public:
  /// Datagrams to one destination that lie back to back in the arena, all `segmentSize` bytes long but
  /// the last, which may be shorter: one UDP_SEGMENT send.
  struct Entry {
    SocketAddress destination;
    size_t offset = 0;
    size_t size = 0;
    uint16_t segmentSize = 0;
    uint16_t segments = 0;
  };
  /// Linux takes at most 64 segments and 65,507 bytes of payload in one UDP_SEGMENT send.
  static constexpr size_t maxSegments = 64;
  static constexpr size_t maxEntryBytes = 65'507;

  /// `arenaBytes`: room for datagrams between two flushes; the arena never grows.
  explicit DatagramBatch(size_t arenaBytes = 8 << 20, size_t maxEntries = 16'384);

  /// Room for one datagram of at most `maxSize` bytes, or an empty view when the arena is full (the caller
  /// drops the datagram, as a full socket buffer would; `overflows` counts it). Valid until the next call.
  MutableByteView begin(size_t maxSize);
  /// The datagram begun last is `size` bytes (<= what was asked for) to `destination`. Coalesced with the
  /// entry before when UDP_SEGMENT allows. `size` 0, or above maxEntryBytes (no datagram is that long),
  /// abandons it.
  void commit(const SocketAddress& destination, size_t size);
  /// begin + copy + commit, for small datagrams made elsewhere. False when the arena was full.
  bool append(const SocketAddress& destination, ByteView datagram);

  std::span<const Entry> entries() const { return entries_; }
  ByteView bytes(const Entry& entry) const { return ByteView(arena_).subspan(entry.offset, entry.size); }
  /// Calls `visit(destination, datagram)` for every datagram, segments apart.
  template <typename Visitor>
  void forEachDatagram(Visitor&& visit) const {
    for (const Entry& entry : entries_) {
      ByteView rest = bytes(entry);
      while (!rest.empty()) {
        const size_t length = rest.size() < entry.segmentSize ? rest.size() : entry.segmentSize;
        visit(entry.destination, rest.first(length));
        rest = rest.subspan(length);
      }
    }
  }
  bool empty() const { return entries_.empty(); }
  size_t usedBytes() const { return used_; }
  size_t capacityBytes() const { return arena_.size(); }
  uint64_t overflows() const { return overflows_; }
  void clear();

 private:
  std::vector<uint8_t> arena_;
  std::vector<Entry> entries_;
  size_t maxEntries_;
  size_t used_ = 0;
  size_t begun_ = 0;
  uint64_t overflows_ = 0;
};

}  // namespace sotto::base
