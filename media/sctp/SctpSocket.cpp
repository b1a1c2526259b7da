#include "media/sctp/SctpSocket.hpp"

#include <arpa/inet.h>
#include <usrsctp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace sotto::sctp {
namespace {

/// Chunks of a packet. With the common header of 12 bytes and what a DTLS record adds (13 header, 8 nonce, 16
/// tag) a datagram stays within 1,200 bytes.
constexpr uint32_t pathMtu = 1'148;
/// In usrsctp itself, each way: one longest message and what is on the way. What waits beyond that waits in
/// SctpAssociation, where it can be thrown away.
constexpr int bufferBytes = 128 * 1024;
/// Milliseconds. Above the delay of any peer's acknowledgement (200 ms); a path that is gone for a few
/// seconds is tried often enough to come back soon.
constexpr uint32_t firstTimeout = 500, shortestTimeout = 400, longestTimeout = 4'000;
/// With these timeouts an association outlives the 30 s after which consent is lost (RFC 7675).
constexpr uint16_t maxAttempts = 12;
/// Milliseconds until a lone packet is acknowledged.
constexpr uint32_t acknowledgeDelay = 20;

sockaddr_conn nameOf(uint64_t address, uint16_t port) {
  sockaddr_conn name{};
  name.sconn_family = AF_CONN;
  name.sconn_port = htons(port);
  name.sconn_addr = reinterpret_cast<void*>(static_cast<uintptr_t>(address));  // NOLINT
  return name;
}

template <typename Name>
sockaddr* asSockaddr(Name& name) {
  return reinterpret_cast<sockaddr*>(&name);
}

/// The list of stream numbers behind a reset notification.
std::vector<uint16_t> streamsOf(base::ByteView bytes) {
  constexpr size_t offset = sizeof(sctp_stream_reset_event);
  std::vector<uint16_t> streams;
  for (size_t at = offset; at + sizeof(uint16_t) <= bytes.size(); at += sizeof(uint16_t)) {
    uint16_t stream = 0;
    std::memcpy(&stream, &bytes[at], sizeof stream);
    streams.push_back(stream);
  }
  return streams;
}

IncomingEvent::Kind kindOfReset(uint16_t flags) {
  if ((flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED)) != 0)
    return IncomingEvent::Kind::OutgoingReset;
  if ((flags & SCTP_STREAM_RESET_INCOMING_SSN) != 0) return IncomingEvent::Kind::IncomingReset;
  if ((flags & SCTP_STREAM_RESET_OUTGOING_SSN) != 0) return IncomingEvent::Kind::OutgoingReset;
  return IncomingEvent::Kind::Other;
}

}  // namespace

SctpSocket::SctpSocket(uint64_t address, uint16_t localPort, uint16_t remotePort)
    : address_(address), remotePort_(remotePort) {
  socket_ = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, nullptr, nullptr, 0, nullptr);
  if (socket_ == nullptr) throw std::runtime_error("usrsctp could not make a socket");
  try {
    setUp(localPort);
  } catch (...) {
    usrsctp_close(socket_);
    throw;
  }
}

SctpSocket::~SctpSocket() {
  usrsctp_close(socket_);
}

template <typename Value>
void SctpSocket::set(int option, const Value& value) {
  if (usrsctp_setsockopt(socket_, IPPROTO_SCTP, option, &value, sizeof value) != 0)
    throw std::runtime_error("usrsctp refused an option");
}

void SctpSocket::setUp(uint16_t localPort) {
  usrsctp_set_non_blocking(socket_, 1);
  const linger abortOnClose{1, 0};
  usrsctp_setsockopt(socket_, SOL_SOCKET, SO_LINGER, &abortOnClose, sizeof abortOnClose);
  usrsctp_setsockopt(socket_, SOL_SOCKET, SO_SNDBUF, &bufferBytes, sizeof bufferBytes);
  usrsctp_setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &bufferBytes, sizeof bufferBytes);
  const int on = 1;
  set(SCTP_NODELAY, on);
  set(SCTP_RECVRCVINFO, on);
  set(SCTP_ENABLE_STREAM_RESET, sctp_assoc_value{SCTP_ALL_ASSOC, SCTP_ENABLE_RESET_STREAM_REQ});
  set(SCTP_INITMSG, sctp_initmsg{maxStreams, maxStreams, maxAttempts, static_cast<uint16_t>(longestTimeout)});
  set(SCTP_RTOINFO, sctp_rtoinfo{SCTP_FUTURE_ASSOC, firstTimeout, longestTimeout, shortestTimeout});
  sctp_assocparams limits{};
  limits.sasoc_asocmaxrxt = maxAttempts;
  set(SCTP_ASSOCINFO, limits);
  set(SCTP_DELAYED_SACK, sctp_sack_info{SCTP_FUTURE_ASSOC, acknowledgeDelay, 2});
  for (const uint16_t type : {uint16_t{SCTP_ASSOC_CHANGE}, uint16_t{SCTP_STREAM_RESET_EVENT}}) {
    set(SCTP_EVENT, sctp_event{SCTP_ALL_ASSOC, type, 1});
  }
  sockaddr_conn local = nameOf(address_, localPort);
  if (usrsctp_bind(socket_, asSockaddr(local), sizeof local) != 0)
    throw std::runtime_error("usrsctp could not bind");
}

bool SctpSocket::connect() {
  sockaddr_conn remote = nameOf(address_, remotePort_);
  if (usrsctp_connect(socket_, asSockaddr(remote), sizeof remote) != 0 && errno != EINPROGRESS) return false;
  // These are of the path, which is there only now.
  sctp_paddrparams path{};
  std::memcpy(&path.spp_address, &remote, sizeof remote);
  path.spp_flags = SPP_PMTUD_DISABLE | SPP_HB_DISABLE;  // consent checks show whether the peer is there
  path.spp_pathmtu = pathMtu;
  path.spp_pathmaxrxt = maxAttempts;
  return usrsctp_setsockopt(socket_, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path) == 0;
}

SctpSocket::Sent SctpSocket::send(const OutgoingMessage& message) {
  sctp_sendv_spa how{};
  how.sendv_flags = SCTP_SEND_SNDINFO_VALID;
  how.sendv_sndinfo.snd_sid = message.stream;
  how.sendv_sndinfo.snd_ppid = htonl(message.protocol);
  how.sendv_sndinfo.snd_flags = message.ordered ? 0 : SCTP_UNORDERED;
  if (message.maxRetransmits || message.maxLifetimeMs) {
    how.sendv_flags |= SCTP_SEND_PRINFO_VALID;
    how.sendv_prinfo.pr_policy = message.maxRetransmits ? SCTP_PR_SCTP_RTX : SCTP_PR_SCTP_TTL;
    how.sendv_prinfo.pr_value =
        message.maxRetransmits ? *message.maxRetransmits : message.maxLifetimeMs.value_or(0);
  }
  const ssize_t sent = usrsctp_sendv(socket_, message.data.data(), message.data.size(), nullptr, 0, &how,
                                     sizeof how, SCTP_SENDV_SPA, 0);
  if (sent == static_cast<ssize_t>(message.data.size())) return Sent::Yes;
  return sent < 0 && (errno == EWOULDBLOCK || errno == EAGAIN) ? Sent::Full : Sent::Failed;
}

IncomingEvent SctpSocket::receive(base::MutableByteView room) {
  sockaddr_conn from{};
  socklen_t fromSize = sizeof from;
  sctp_rcvinfo info{};
  socklen_t infoSize = sizeof info;
  unsigned infoType = SCTP_RECVV_NOINFO;
  int flags = 0;
  const ssize_t size = usrsctp_recvv(socket_, room.data(), room.size(), asSockaddr(from), &fromSize, &info,
                                     &infoSize, &infoType, &flags);
  IncomingEvent event;
  if (size <= 0) {
    const bool nothing = size < 0 && (errno == EWOULDBLOCK || errno == EAGAIN);
    event.kind = nothing ? IncomingEvent::Kind::Nothing : IncomingEvent::Kind::Lost;
    return event;
  }
  const base::ByteView bytes = room.first(static_cast<size_t>(size));
  if ((flags & MSG_NOTIFICATION) != 0) return notification(bytes);
  event.kind = infoType == SCTP_RECVV_RCVINFO ? IncomingEvent::Kind::Data : IncomingEvent::Kind::Other;
  event.stream = info.rcv_sid;
  event.protocol = ntohl(info.rcv_ppid);
  event.data = bytes;
  event.complete = (flags & MSG_EOR) != 0;
  return event;
}

IncomingEvent SctpSocket::notification(base::ByteView bytes) const {
  IncomingEvent event;
  event.kind = IncomingEvent::Kind::Other;
  sctp_assoc_change change{};
  sctp_stream_reset_event reset{};
  uint16_t type = 0;
  if (bytes.size() < sizeof type) return event;
  std::memcpy(&type, bytes.data(), sizeof type);
  if (type == SCTP_ASSOC_CHANGE && bytes.size() >= sizeof change) {
    std::memcpy(&change, bytes.data(), sizeof change);
    event.kind = change.sac_state == SCTP_COMM_UP ? IncomingEvent::Kind::Up : IncomingEvent::Kind::Lost;
  } else if (type == SCTP_STREAM_RESET_EVENT && bytes.size() >= sizeof reset) {
    std::memcpy(&reset, bytes.data(), sizeof reset);
    event.kind = kindOfReset(reset.strreset_flags);
    event.streams = streamsOf(bytes);
  }
  return event;
}

bool SctpSocket::resetOutgoing(uint16_t stream) {
  sctp_reset_streams head{};
  head.srs_flags = SCTP_STREAM_RESET_OUTGOING;
  head.srs_number_streams = 1;
  std::array<uint8_t, sizeof head + sizeof stream> request{};
  std::memcpy(request.data(), &head, sizeof head);
  std::memcpy(request.data() + sizeof head, &stream, sizeof stream);
  return usrsctp_setsockopt(socket_, IPPROTO_SCTP, SCTP_RESET_STREAMS, request.data(), request.size()) == 0;
}

bool SctpSocket::hasUnacknowledged() const {
  sctp_status status{};
  socklen_t size = sizeof status;
  if (usrsctp_getsockopt(socket_, IPPROTO_SCTP, SCTP_STATUS, &status, &size) != 0) return false;
  return status.sstat_unackdata != 0 || status.sstat_penddata != 0;
}

}  // namespace sotto::sctp
