// recvmmsg(2) with UDP_GRO (udp(7)).
#include "media/net/ReceiveBatch.hpp"

#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <optional>
#include <vector>

#include "media/net/PacketInfo.hpp"
#include "media/net/SocketName.hpp"

namespace sotto::net {
namespace {

/// What UDP_GRO joins is one IP packet at most.
constexpr size_t joinedBytes = 65'536;
constexpr size_t joinedMessages = 32;
constexpr size_t plainMessages = 64;
/// Each pending ICMP error takes one call to be forgotten; datagrams may wait behind it.
constexpr int maxErrorsSkipped = 8;

struct Control {
  alignas(cmsghdr)
      std::array<uint8_t, CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(timespec)) + packetInfoSpace> bytes{};
};

/// What the kernel says about a message beside its bytes.
struct Ancillary {
  size_t segmentSize = 0;  ///< length of the datagrams that were joined into it; 0 when none were
  std::optional<IpBytes> destination;
  std::optional<int64_t> takenInUs;  ///< by the wall clock
};

int64_t microseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1'000;
}

int64_t wallClockUs() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return microseconds(time);
}

Ancillary ancillaryOf(msghdr& header) {
  Ancillary told;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level == SOL_UDP && part->cmsg_type == UDP_GRO) {
      int size = 0;
      std::memcpy(&size, CMSG_DATA(part), sizeof size);
      told.segmentSize = size > 0 ? static_cast<size_t>(size) : 0;
    } else if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
      timespec time{};
      std::memcpy(&time, CMSG_DATA(part), sizeof time);
      told.takenInUs = microseconds(time);
    } else if (const auto destination = destinationOf(*part)) {
      told.destination = destination;
    }
  }
  return told;
}

}  // namespace

struct ReceiveBatch::Impl {
  explicit Impl(const Capabilities& capabilities)
      : messageBytes(capabilities.gro ? joinedBytes : maxDatagram),
        count(capabilities.gro ? joinedMessages : plainMessages),
        buffer(messageBytes * count),
        headers(count),
        pieces(count),
        names(count),
        controls(count),
        messages(count) {}

  void prepare(size_t i) {
    pieces[i] = {&buffer[i * messageBytes], messageBytes};
    msghdr& header = headers[i].msg_hdr;
    header = {};
    header.msg_name = &names[i].v6;
    header.msg_namelen = sizeof names[i].v6;
    header.msg_iov = &pieces[i];
    header.msg_iovlen = 1;
    header.msg_control = controls[i].bytes.data();
    header.msg_controllen = controls[i].bytes.size();
  }
  /// Takes over message `i` of the last call unless it is empty or cut off.
  void accept(size_t i, LocalAddresses& locals, int64_t nowUs) {
    const size_t size = headers[i].msg_len;
    if (size == 0) return;
    if ((headers[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
      ++counters.oversized;
      return;
    }
    const Ancillary told = ancillaryOf(headers[i].msg_hdr);
    const size_t segment = told.segmentSize == 0 ? size : told.segmentSize;
    const size_t whole = size / segment, last = size % segment;
    const size_t oversized = (segment > maxDatagram ? whole : 0) + (last > maxDatagram ? 1 : 0);
    counters.oversized += oversized;
    counters.datagrams += whole + (last > 0 ? 1 : 0) - oversized;
    counters.bytes += size;
    base::SocketAddress from = fromSocketName(names[i]);
    if (told.destination) from.via = locals.indexOf(*told.destination);
    const base::TimeDelta waited = base::TimeDelta::micros(nowUs - told.takenInUs.value_or(nowUs));
    messages[received++] = {
        base::MutableByteView(buffer).subspan(i * messageBytes, size), segment, from,
        waited > maxWaited ? base::TimeDelta::zero() : std::max(waited, base::TimeDelta())};
  }

  size_t messageBytes, count;
  std::vector<uint8_t> buffer;
  std::vector<mmsghdr> headers;
  std::vector<iovec> pieces;
  std::vector<SocketName> names;
  std::vector<Control> controls;
  std::vector<Message> messages;
  size_t received = 0;
  ReceiveCounters counters;
};

ReceiveBatch::ReceiveBatch(const Capabilities& capabilities) : impl_(std::make_unique<Impl>(capabilities)) {}
ReceiveBatch::ReceiveBatch(ReceiveBatch&&) noexcept = default;
ReceiveBatch& ReceiveBatch::operator=(ReceiveBatch&&) noexcept = default;
ReceiveBatch::~ReceiveBatch() = default;

bool ReceiveBatch::receive(UdpSocket& socket) {
  impl_->received = 0;
  int count = -1;
  for (int attempt = 0; count < 0 && attempt < maxErrorsSkipped; ++attempt) {
    for (size_t i = 0; i < impl_->count; ++i) impl_->prepare(i);
    ++impl_->counters.systemCalls;
    count = recvmmsg(socket.fd(), impl_->headers.data(), static_cast<unsigned>(impl_->count), MSG_DONTWAIT,
                     nullptr);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  }
  const int64_t nowUs = wallClockUs();
  for (int i = 0; i < count; ++i) impl_->accept(static_cast<size_t>(i), socket.localAddresses(), nowUs);
  return count > 0;
}

size_t ReceiveBatch::messageCount() const {
  return impl_->received;
}
ReceiveBatch::Message ReceiveBatch::messageAt(size_t index) const {
  return impl_->messages[index];
}
const ReceiveCounters& ReceiveBatch::counters() const {
  return impl_->counters;
}

}  // namespace sotto::net
