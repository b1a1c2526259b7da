// A worker's UDP socket: non-blocking, for both IP versions, many datagrams to a system call where the kernel
// can do that. After open() it makes only the calls sendmmsg, sendmsg, recvmmsg and close.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "media/base/DatagramBatch.hpp"
#include "media/base/Expected.hpp"
#include "media/base/SocketAddress.hpp"
#include "media/net/Capabilities.hpp"
#include "media/net/PacketInfo.hpp"

namespace sotto::net {

struct UdpOptions {
  /// Local address; unspecified ("::" or "0.0.0.0"): all. "::" takes IPv4 as well, or alone where there is no
  /// IPv6.
  base::SocketAddress address;  ///< port 0: the kernel picks one
  /// What is asked of the kernel for each direction; it may grant less (net.core.rmem_max). A key frame to a
  /// full room is sent at once: two hundred recipients times 50 kB.
  int bufferBytes = 8 << 20;
};

struct SendCounters {
  uint64_t datagrams = 0;  ///< handed to the kernel
  uint64_t bytes = 0;      ///< their payload
  uint64_t systemCalls = 0;
  uint64_t droppedFull = 0;   ///< datagrams dropped because a buffer of the kernel was full
  uint64_t droppedError = 0;  ///< datagrams dropped because of any other error (no route, too large, ...)
};

class UdpSocket {
 public:
  /// Says which call failed and why.
  static base::Expected<UdpSocket> open(const UdpOptions& options, const Capabilities& capabilities);
  UdpSocket(UdpSocket&&) noexcept;
  UdpSocket& operator=(UdpSocket&&) noexcept;
  ~UdpSocket();

  /// For epoll; readable when datagrams wait.
  int fd() const;
  const base::SocketAddress& localAddress() const;
  /// What SocketAddress::via stands for on this socket; filled by ReceiveBatch when bound to all addresses.
  LocalAddresses& localAddresses();
  /// What this socket uses: of the capabilities given to open() those that it was granted.
  const Capabilities& capabilities() const;
  /// What the kernel granted in bytes (it counts its own overhead in).
  int receiveBufferBytes() const;
  int sendBufferBytes() const;

  /// Sends everything in `batch` and clears it. Never blocks and never fails as a whole: what cannot be sent
  /// is dropped and counted, as the network might have done.
  void send(base::DatagramBatch& batch);
  const SendCounters& sent() const;

 private:
  struct Impl;
  explicit UdpSocket(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sotto::net
