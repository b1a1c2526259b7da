// Datagrams received in one system call (recvmmsg), with those that UDP_GRO has joined taken apart again.
#pragma once

#include <cstdint>
#include <memory>

#include "media/base/Bytes.hpp"
#include "media/base/SocketAddress.hpp"
#include "media/base/Units.hpp"
#include "media/net/UdpSocket.hpp"

namespace sotto::net {

struct ReceiveCounters {
  uint64_t datagrams = 0;
  uint64_t bytes = 0;
  uint64_t systemCalls = 0;
  uint64_t oversized = 0;  ///< dropped: longer than maxDatagram
};

class ReceiveBatch {
 public:
  /// Longer datagrams are no part of a call: they are dropped (see base::PacketBuffer::capacity).
  static constexpr size_t maxDatagram = 2048;
  /// The kernel stamps with the wall clock: where that was set in between, no difference means anything.
  static constexpr base::TimeDelta maxWaited = base::TimeDelta::seconds(1);

  /// Makes the buffers: 2 MB with UDP_GRO, 128 kB without.
  explicit ReceiveBatch(const Capabilities& capabilities);
  ReceiveBatch(ReceiveBatch&&) noexcept;
  ReceiveBatch& operator=(ReceiveBatch&&) noexcept;
  ~ReceiveBatch();

  /// Takes what waits in the socket, up to what the buffers hold. False when nothing waited.
  bool receive(UdpSocket& socket);
  /// Calls `visit(base::MutableByteView datagram, const base::SocketAddress& from, base::TimeDelta waited)`
  /// for each datagram of the last receive(), in order. The visitor may change the bytes. `waited`: from the
  /// kernel's taking it in until receive(), 0 to maxWaited.
  template <typename Visitor>
  void forEachDatagram(Visitor&& visit) {
    for (size_t i = 0; i < messageCount(); ++i) {
      const Message message = messageAt(i);
      for (base::MutableByteView rest = message.bytes; !rest.empty();) {
        const size_t size = rest.size() < message.segmentSize ? rest.size() : message.segmentSize;
        if (size <= maxDatagram) visit(rest.first(size), message.from, message.waited);
        rest = rest.subspan(size);
      }
    }
  }
  const ReceiveCounters& counters() const;

 private:
  /// Equal datagrams of `segmentSize` bytes from one sender; the last may be shorter.
  struct Message {
    base::MutableByteView bytes;
    size_t segmentSize = 0;
    base::SocketAddress from;
    base::TimeDelta waited;
  };
  size_t messageCount() const;
  Message messageAt(size_t index) const;

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sotto::net
