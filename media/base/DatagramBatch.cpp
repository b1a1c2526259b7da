#include "media/base/DatagramBatch.hpp"

#include <algorithm>
#include <utility>

namespace sotto::base {

DatagramBatch::DatagramBatch(size_t arenaBytes, size_t maxEntries)
    : arena_(arenaBytes), maxEntries_(maxEntries) {
  entries_.reserve(maxEntries);
}

MutableByteView DatagramBatch::begin(size_t maxSize) {
  if (maxSize > arena_.size() - used_ || entries_.size() == maxEntries_) {
    ++overflows_;
    begun_ = 0;
    return {};
  }
  begun_ = maxSize;
  return MutableByteView(arena_).subspan(used_, maxSize);
}

void DatagramBatch::commit(const SocketAddress& destination, size_t size) {
  const size_t begun = std::exchange(begun_, 0);
  if (size == 0 || size > begun || size > maxEntryBytes) return;
  const size_t offset = used_;
  used_ += size;
  if (!entries_.empty()) {
    Entry& last = entries_.back();
    // A shorter segment ends its entry: the kernel cuts at multiples of segmentSize.
    const bool open = last.size == static_cast<size_t>(last.segmentSize) * last.segments;
    if (open && size <= last.segmentSize && last.segments < maxSegments &&
        last.size + size <= maxEntryBytes && last.destination == destination) {
      last.size += size;
      ++last.segments;
      return;
    }
  }
  entries_.push_back({destination, offset, size, static_cast<uint16_t>(size), 1});
}

bool DatagramBatch::append(const SocketAddress& destination, ByteView datagram) {
  MutableByteView room = begin(datagram.size());
  if (room.size() < datagram.size() || datagram.empty()) return false;
  std::copy(datagram.begin(), datagram.end(), room.begin());
  commit(destination, datagram.size());
  return true;
}

void DatagramBatch::clear() {
  entries_.clear();
  used_ = 0;
  begun_ = 0;
}

}  // namespace sotto::base
