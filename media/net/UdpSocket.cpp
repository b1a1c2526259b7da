// socket(7), udp(7), sendmmsg(2).
#include "media/net/UdpSocket.hpp"

#include <fcntl.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "media/net/SocketName.hpp"

namespace sotto::net {
namespace {

/// Messages for one sendmmsg; the kernel takes 1024, but by then the first could long be on their way.
constexpr size_t messagesPerCall = 128;

struct Control {
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(uint16_t)) + packetInfoSpace> bytes{};
};

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Room for the kernel's buffer in `direction` (SO_RCVBUF or SO_SNDBUF); returns what was granted.
int growBuffer(int fd, int direction, int forced, int bytes) {
  // The forced form passes net.core.[rw]mem_max and needs CAP_NET_ADMIN.
  if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0) {
    setsockopt(fd, SOL_SOCKET, direction, &bytes, sizeof bytes);
  }
  int granted = 0;
  socklen_t length = sizeof granted;
  getsockopt(fd, SOL_SOCKET, direction, &granted, &length);
  return granted;
}

bool isFull(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM;
}

std::string describe(const char* call, const base::SocketAddress& address) {
  return std::string(call) + " for UDP " + address.toString() + ": " + std::strerror(errno);
}

}  // namespace

struct UdpSocket::Impl {
  Impl(FileDescriptor descriptor, int socketFamily, const Capabilities& wanted)
      : socket(std::move(descriptor)), family(socketFamily), capabilities(wanted) {}

  size_t fill(std::span<const base::DatagramBatch::Entry> entries, const base::DatagramBatch& batch);
  void sendBatched(const base::DatagramBatch& batch);
  bool sendPlain(const base::DatagramBatch::Entry& entry, base::ByteView bytes);
  bool afterError(int error, const base::DatagramBatch::Entry& entry, base::ByteView bytes);
  void dropRest(std::span<const base::DatagramBatch::Entry> rest);
  int sendOne(base::ByteView datagram, const SocketName& name, uint8_t via);
  void addAncillary(msghdr& header, Control& control, uint16_t segmentSize, uint8_t via) const;

  FileDescriptor socket;
  int family;
  Capabilities capabilities;
  base::SocketAddress local;
  LocalAddresses locals;
  int receiveBuffer = 0;
  int sendBuffer = 0;
  SendCounters counters;

  std::array<mmsghdr, messagesPerCall> headers{};
  std::array<iovec, messagesPerCall> pieces{};
  std::array<SocketName, messagesPerCall> names;
  std::array<Control, messagesPerCall> controls;
};

UdpSocket::UdpSocket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
UdpSocket::UdpSocket(UdpSocket&&) noexcept = default;
UdpSocket& UdpSocket::operator=(UdpSocket&&) noexcept = default;
UdpSocket::~UdpSocket() = default;

base::Expected<UdpSocket> UdpSocket::open(const UdpOptions& options, const Capabilities& capabilities) {
  base::SocketAddress address = options.address;
  const bool onlyV4 = address.isV4() || (address.isUnspecified() && !capabilities.ipv6);
  if (onlyV4 && !address.isV4()) address = base::SocketAddress::v4(0, 0, 0, 0, address.port);
  const int family = onlyV4 ? AF_INET : AF_INET6;

  FileDescriptor fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return base::fail(describe("socket", address));
  const int off = 0, on = 1;
  if (family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  SocketName name;
  toSocketName(address, family, name);
  if (bind(fd.get(), &name.generic, name.length) != 0) return base::fail(describe("bind", address));
  SocketName bound;
  bound.length = sizeof bound.v6;
  if (getsockname(fd.get(), &bound.generic, &bound.length) != 0) {
    return base::fail(describe("getsockname", address));
  }

  auto impl = std::make_unique<Impl>(std::move(fd), family, capabilities);
  impl->local = fromSocketName(bound);
  const int socket = impl->socket.get();
  impl->receiveBuffer = growBuffer(socket, SO_RCVBUF, SO_RCVBUFFORCE, options.bufferBytes);
  impl->sendBuffer = growBuffer(socket, SO_SNDBUF, SO_SNDBUFFORCE, options.bufferBytes);
  if (capabilities.gro) {
    impl->capabilities.gro = setsockopt(socket, SOL_UDP, UDP_GRO, &on, sizeof on) == 0;
  }
  // Without stamps datagrams count as read the moment they came: good enough where the kernel has none.
  setsockopt(socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  // Bound to one address, all answers leave from it anyway.
  if (address.isUnspecified() && !enablePacketInfo(socket, family)) {
    return base::fail(describe("setsockopt IP_PKTINFO", address));
  }
  return UdpSocket(std::move(impl));
}

int UdpSocket::fd() const {
  return impl_->socket.get();
}
const base::SocketAddress& UdpSocket::localAddress() const {
  return impl_->local;
}
LocalAddresses& UdpSocket::localAddresses() {
  return impl_->locals;
}
const Capabilities& UdpSocket::capabilities() const {
  return impl_->capabilities;
}
int UdpSocket::receiveBufferBytes() const {
  return impl_->receiveBuffer;
}
int UdpSocket::sendBufferBytes() const {
  return impl_->sendBuffer;
}
const SendCounters& UdpSocket::sent() const {
  return impl_->counters;
}

void UdpSocket::send(base::DatagramBatch& batch) {
  if (impl_->capabilities.segment) {
    impl_->sendBatched(batch);
  } else {
    std::span<const base::DatagramBatch::Entry> rest = batch.entries();
    while (!rest.empty() && impl_->sendPlain(rest.front(), batch.bytes(rest.front()))) rest = rest.subspan(1);
    impl_->dropRest(rest.empty() ? rest : rest.subspan(1));
  }
  batch.clear();
}

/// Prepares a message for each of the first entries; returns how many. Stops before one without an address.
size_t UdpSocket::Impl::fill(std::span<const base::DatagramBatch::Entry> entries,
                             const base::DatagramBatch& batch) {
  const size_t count = std::min(entries.size(), messagesPerCall);
  for (size_t i = 0; i < count; ++i) {
    const auto& entry = entries[i];
    if (!toSocketName(entry.destination, family, names[i])) return i;
    const base::ByteView bytes = batch.bytes(entry);
    // sendmmsg does not write to what it sends.
    pieces[i] = {const_cast<uint8_t*>(bytes.data()), bytes.size()};
    msghdr& header = headers[i].msg_hdr;
    header = {};
    header.msg_name = &names[i].generic;
    header.msg_namelen = names[i].length;
    header.msg_iov = &pieces[i];
    header.msg_iovlen = 1;
    addAncillary(header, controls[i], entry.segments < 2 ? uint16_t{0} : entry.segmentSize,
                 entry.destination.via);
  }
  return count;
}

/// `segmentSize` 0: one datagram. Leaves the header without control messages when none is needed.
void UdpSocket::Impl::addAncillary(msghdr& header, Control& control, uint16_t segmentSize,
                                   uint8_t via) const {
  const IpBytes* source = locals.find(via);
  if (segmentSize == 0 && source == nullptr) return;
  header.msg_control = control.bytes.data();
  header.msg_controllen = control.bytes.size();
  cmsghdr* part = CMSG_FIRSTHDR(&header);
  size_t used = 0;
  if (segmentSize != 0) {
    part->cmsg_level = SOL_UDP;
    part->cmsg_type = UDP_SEGMENT;
    part->cmsg_len = CMSG_LEN(sizeof segmentSize);
    std::memcpy(CMSG_DATA(part), &segmentSize, sizeof segmentSize);
    used += CMSG_SPACE(sizeof segmentSize);
    part = reinterpret_cast<cmsghdr*>(control.bytes.data() + used);
  }
  if (source != nullptr) used += addPacketInfo(family, *source, *part);
  header.msg_controllen = used;
}

void UdpSocket::Impl::sendBatched(const base::DatagramBatch& batch) {
  std::span<const base::DatagramBatch::Entry> rest = batch.entries();
  while (!rest.empty()) {
    const size_t count = fill(rest, batch);
    if (count == 0) {
      counters.droppedError += rest.front().segments;
      rest = rest.subspan(1);
      continue;
    }
    ++counters.systemCalls;
    const int sent = sendmmsg(socket.get(), headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      const bool goOn = afterError(errno, rest.front(), batch.bytes(rest.front()));
      rest = rest.subspan(1);
      if (!goOn) return dropRest(rest);
      continue;
    }
    for (const auto& entry : rest.first(static_cast<size_t>(sent))) {
      counters.datagrams += entry.segments;
      counters.bytes += entry.size;
    }
    rest = rest.subspan(static_cast<size_t>(sent));
  }
}

/// Where one datagram finds the buffer full the next ones do as well: trying each would only cost time.
void UdpSocket::Impl::dropRest(std::span<const base::DatagramBatch::Entry> rest) {
  for (const auto& entry : rest) counters.droppedFull += entry.segments;
}

/// The first message of a call failed. Returns false when the buffer is full. Anything else may be the fault
/// of UDP_SEGMENT (a segment above the path's MTU: EMSGSIZE or EINVAL; a device without checksum offload:
/// EIO), or of a datagram sent earlier (ECONNREFUSED), and is tried once more the plain way.
bool UdpSocket::Impl::afterError(int error, const base::DatagramBatch::Entry& entry, base::ByteView bytes) {
  if (isFull(error)) {
    counters.droppedFull += entry.segments;
    return false;
  }
  if (error == EIO && entry.segments > 1) capabilities.segment = false;
  return sendPlain(entry, bytes);
}

int UdpSocket::Impl::sendOne(base::ByteView datagram, const SocketName& name, uint8_t via) {
  // sendmsg does not write to what it sends.
  iovec piece{const_cast<uint8_t*>(datagram.data()), datagram.size()};
  msghdr header{};
  header.msg_name = const_cast<sockaddr*>(&name.generic);
  header.msg_namelen = name.length;
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  Control control;
  addAncillary(header, control, 0, via);
  // A second attempt: ECONNREFUSED tells of an earlier datagram, and EINTR of nothing.
  for (int attempt = 0; attempt < 2; ++attempt) {
    ++counters.systemCalls;
    if (sendmsg(socket.get(), &header, MSG_DONTWAIT) >= 0) return 0;
    if (errno != EINTR && errno != ECONNREFUSED) break;
  }
  return errno;
}

/// Returns false when the buffer is full; what is left of the entry is dropped then.
bool UdpSocket::Impl::sendPlain(const base::DatagramBatch::Entry& entry, base::ByteView bytes) {
  SocketName name;
  if (!toSocketName(entry.destination, family, name)) {
    counters.droppedError += entry.segments;
    return true;
  }
  for (unsigned left = entry.segments; !bytes.empty(); --left) {
    const base::ByteView datagram = bytes.first(std::min(bytes.size(), size_t{entry.segmentSize}));
    bytes = bytes.subspan(datagram.size());
    const int error = sendOne(datagram, name, entry.destination.via);
    if (isFull(error)) {
      counters.droppedFull += left;
      return false;
    }
    if (error == 0) {
      ++counters.datagrams;
      counters.bytes += datagram.size();
    } else {
      ++counters.droppedError;
    }
  }
  return true;
}

}  // namespace sotto::net
