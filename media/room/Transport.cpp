#include "media/room/Transport.hpp"

#include <algorithm>
#include <array>
#include <exception>

#include "media/dtls/Record.hpp"
#include "media/rtp/RtpPacket.hpp"

namespace sotto::room {

using base::Timestamp;
using control::EndpointState;

namespace {

ice::IceLiteCredentials credentials(const control::IceParameters& ice) {
  return {ice.localUfrag, ice.localPassword, ice.remoteUfrag};
}

dtls::Parameters dtlsParameters(const control::Fingerprint& fingerprint) {
  dtls::Parameters parameters;
  parameters.role = dtls::Role::Server;
  parameters.fingerprintAlgorithm = fingerprint.algorithm;
  parameters.fingerprintValue = fingerprint.value;
  return parameters;
}

/// RFC 7983: the first byte of a DTLS record.
bool looksLikeDtls(base::ByteView datagram) {
  return datagram[0] >= 20 && datagram[0] <= 63;
}

}  // namespace

Transport::Transport(const dtls::Certificate& certificate, const control::IceParameters& ice,
                     const control::Fingerprint& fingerprint, base::PacketPool& packets,
                     base::DatagramBatch& out, Counters& counters, TransportListener& listener, Timestamp now)
    : ice_(credentials(ice)),
      packets_(packets),
      out_(out),
      counters_(counters),
      listener_(listener),
      connectDeadline_(now + connectTimeout),
      dtls_(certificate, dtlsParameters(fingerprint),
            [this](base::ByteView datagram) { sendPlain(datagram); }) {
  dtls_.onApplicationData([this](base::ByteView packet, Timestamp at) { listener_.onSctp(packet, at); });
  dtls_.start(now);
}

void Transport::restartIce(const control::IceParameters& ice) {
  ice_.restart(credentials(ice));
}

bool Transport::onStun(const ice::StunMessage& message, const base::SocketAddress& from, Timestamp now) {
  std::array<uint8_t, ice::IceLite::maxResponse> response;
  const ice::IceLite::Result result = ice_.handle(message, from, now, response);
  if (result.responseSize != 0) {
    const base::ByteView bytes = base::ByteView(response).first(result.responseSize);
    if (out_.append(from, bytes)) {
      counters_.add(Count::PacketsSent);
      counters_.add(Count::BytesSent, bytes.size());
    }
  }
  if (!result.authenticated) {
    counters_.add(Count::RejectedStunCredentials);
    return false;
  }
  if (result.error == ice::IceLite::roleConflict) counters_.add(Count::RejectedStunRoleConflict);
  if (result.error == ice::IceLite::unknownAttribute) counters_.add(Count::RejectedStunUnknownAttribute);
  if (ice_.selected()) {
    destination_ = ice_.selected();
  } else {
    destination_ = from;
  }
  if (state_ == EndpointState::Failed && sender_ != nullptr && ice_.connected(now)) {
    changeState(EndpointState::Connected, "", now);
  }
  return true;
}

void Transport::onDatagram(base::MutableByteView datagram, Timestamp now, base::TimeDelta waited) {
  if (looksLikeDtls(datagram)) {
    onDtls(datagram, now);
  } else if (rtp::looksLikeRtp(datagram)) {
    if (receiver_ == nullptr) {
      counters_.add(Count::RejectedBeforeKeys);
    } else if (rtp::looksLikeRtcp(datagram)) {
      onSrtcp(datagram, now);
    } else {
      onSrtp(datagram, now, waited);
    }
  } else {
    counters_.add(Count::RejectedMalformed);
  }
}

void Transport::onDtls(base::ByteView datagram, Timestamp now) {
  if (!dtls::holdsWholeRecords(datagram)) {
    counters_.add(Count::RejectedDtls);
    return;
  }
  dtls_.onDatagram(datagram, now);
  followDtls(now);
}

/// The cryptographic libraries may fail to set a session up: that ends this connection and nobody else's.
void Transport::startSrtp(Timestamp now) {
  const dtls::SrtpKeys& keys = dtls_.srtpKeys();
  try {
    sender_ = srtp::makeSrtpSender(keys.profile, keys.sendKey, keys.sendSalt);
    receiver_ = srtp::makeSrtpReceiver(keys.profile, keys.receiveKey, keys.receiveSalt);
  } catch (const std::exception& error) {
    sender_.reset();
    receiver_.reset();
    dtls_.close();
    counters_.add(Count::HandshakesFailed);
    return changeState(EndpointState::Failed, std::string("SRTP could not be set up: ") + error.what(), now);
  }
  rtpOverhead_ = srtp::rtpOverhead(keys.profile);
  rtcpOverhead_ = srtp::rtcpOverhead(keys.profile);
  counters_.add(Count::HandshakesCompleted);
  changeState(EndpointState::Connected, "", now);
}

void Transport::followDtls(Timestamp now) {
  if (state_ == EndpointState::Closed) return;
  switch (dtls_.state()) {
    case dtls::State::Connected:
      if (sender_ == nullptr) startSrtp(now);
      break;
    case dtls::State::Failed:
      if (state_ != EndpointState::Failed) {
        counters_.add(Count::HandshakesFailed);
        changeState(EndpointState::Failed, dtls_.error(), now);
      }
      break;
    case dtls::State::Closed:
      if (state_ == EndpointState::Failed) break;
      changeState(EndpointState::Closed, "the peer closed the connection", now);
      break;
    case dtls::State::New:
    case dtls::State::Handshaking:
      break;
  }
}

void Transport::changeState(EndpointState state, const std::string& reason, Timestamp now) {
  if (state_ == state) return;
  state_ = state;
  listener_.onTransportState(state, reason, now);
}

void Transport::reject(srtp::SrtpError error) {
  switch (error) {
    case srtp::SrtpError::Authentication:
      counters_.add(Count::RejectedSrtpAuthentication);
      break;
    case srtp::SrtpError::Replayed:
      counters_.add(Count::RejectedSrtpReplayed);
      break;
    case srtp::SrtpError::Malformed:
    case srtp::SrtpError::NoRoom:
    case srtp::SrtpError::KeyUsedUp:
    case srtp::SrtpError::TooManySsrcs:
      counters_.add(Count::RejectedSrtpMalformed);
      break;
  }
}

void Transport::onSrtp(base::MutableByteView datagram, Timestamp now, base::TimeDelta waited) {
  const auto size = receiver_->unprotectRtp(datagram);
  if (!size) {
    reject(size.error());
    return;
  }
  const base::PacketRef packet = packets_.acquire();
  std::copy_n(datagram.begin(), *size, packet.storage().begin());
  packet.setSize(*size);
  packet.setArrival(now - waited);
  listener_.onRtp(packet, now);
}

void Transport::onSrtcp(base::MutableByteView datagram, Timestamp now) {
  const auto size = receiver_->unprotectRtcp(datagram);
  if (!size) {
    reject(size.error());
    return;
  }
  listener_.onRtcp(base::ByteView(datagram).first(*size), now);
}

void Transport::sendPlain(base::ByteView datagram) {
  if (!destination_) return;
  if (!out_.append(*destination_, datagram)) {
    counters_.add(Count::RejectedSendArenaFull);
    return;
  }
  counters_.add(Count::PacketsSent);
  counters_.add(Count::BytesSent, datagram.size());
}

void Transport::send(const stream::OutgoingPacket& packet) {
  if (!ready() || !destination_) return;
  const base::MutableByteView room = out_.begin(packet.size() + rtpOverhead_);
  if (room.empty()) {
    counters_.add(Count::RejectedSendArenaFull);
    return;
  }
  const auto size = sender_->protectRtp(packet.header, packet.prefix, packet.payload, room);
  out_.commit(*destination_, size.value_or(0));
  if (!size) return;
  counters_.add(Count::PacketsSent);
  counters_.add(Count::BytesSent, *size);
  if (packet.retransmission) counters_.add(Count::Retransmissions);
}

void Transport::sendRtcp(base::ByteView packet) {
  if (!ready() || !destination_) return;
  const base::MutableByteView room = out_.begin(packet.size() + rtcpOverhead_);
  if (room.empty()) {
    counters_.add(Count::RejectedSendArenaFull);
    return;
  }
  const auto size = sender_->protectRtcp(packet, room);
  out_.commit(*destination_, size.value_or(0));
  if (!size) return;
  counters_.add(Count::PacketsSent);
  counters_.add(Count::BytesSent, *size);
}

void Transport::sendSctp(base::ByteView packet) {
  if (ready()) dtls_.sendApplicationData(packet);
}

void Transport::onTime(Timestamp now) {
  if (dtls_.nextDeadline() <= now) {
    dtls_.onTime(now);
    followDtls(now);
  }
  if (state_ == EndpointState::Connected && ice_.expired(now)) {
    counters_.add(Count::ConsentsLost);
    changeState(EndpointState::Failed, "no sign of life from the peer for 30 s", now);
  }
  if (state_ == EndpointState::Connecting && connectDeadline_ <= now) {
    changeState(EndpointState::Failed, "no connection was made within 30 s", now);
  }
}

Timestamp Transport::nextDeadline() const {
  Timestamp due = dtls_.nextDeadline();
  if (state_ == EndpointState::Connected) due = std::min(due, ice_.consentDeadline());
  if (state_ == EndpointState::Connecting) due = std::min(due, connectDeadline_);
  return due;
}

void Transport::close() {
  dtls_.close();
}

}  // namespace sotto::room
