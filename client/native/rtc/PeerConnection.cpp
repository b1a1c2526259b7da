#include "client/native/rtc/PeerConnection.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "client/native/rtc/PeerConnectionImpl.hpp"
#include "media/ice/Stun.hpp"
#include "media/rtp/RtpPacket.hpp"

namespace sotto::client::rtc {

namespace {

/// Characters of ice-char (RFC 8839 section 5.4).
std::string randomIceText(base::Random& random, size_t length) {
  static constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text(length, ' ');
  std::vector<uint8_t> bytes(length);
  random.fill(bytes);
  for (size_t i = 0; i < length; ++i) text[i] = alphabet[bytes[i] & 63];
  return text;
}

}  // namespace

PeerConnection::Impl::Impl(const dtls::Certificate& certificate, frame::TrailerPolicy trailer,
                           base::Random& random, base::DatagramBatch& out, PeerConnectionObserver& observer)
    : certificate_(certificate),
      trailer_(trailer),
      random_(random),
      out_(out),
      observer_(observer),
      receiverSsrc_(random.u32()) {
  // RFC 8829 section 5.2.1: a 63-bit number.
  offer_.sessionId = std::to_string(random.u64() >> 1);
  offer_.version = 0;
  offer_.fingerprint = certificate.fingerprint();
  freshIceCredentials();
}

void PeerConnection::Impl::freshIceCredentials() {
  offer_.iceUfrag = randomIceText(random_, 8);
  offer_.icePassword = randomIceText(random_, 24);
}

// ---- negotiation -----------------------------------------------------------------------------------

std::string PeerConnection::Impl::addLine(Line line) {
  return lines_.emplace_back(std::move(line)).mid;
}

std::vector<MediaLine> PeerConnection::Impl::describeLines() const {
  std::vector<MediaLine> described;
  for (const Line& line : lines_) {
    if (line.track != nullptr) {
      described.push_back(line.track->line());
    } else if (line.slot != nullptr) {
      described.push_back(line.slot->line());
    } else {
      MediaLine other;
      other.mid = line.mid;
      other.kind = line.kind;
      other.role = line.data ? MediaLine::Role::Data : MediaLine::Role::Stopped;
      described.push_back(std::move(other));
    }
  }
  return described;
}

std::string PeerConnection::Impl::createOffer() {
  if (iceRestartWanted_) {
    freshIceCredentials();
    iceRestartWanted_ = false;
  }
  ++offer_.version;
  return writeOffer(offer_, describeLines());
}

base::Expected<void> PeerConnection::Impl::applyAnswer(std::string_view sdp, base::Timestamp now) {
  const auto answer = readAnswer(sdp, describeLines());
  if (!answer) return tl::make_unexpected(answer.error());
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].track != nullptr) lines_[i].track->negotiated(answer->lines[i]);
    if (lines_[i].slot != nullptr) lines_[i].slot->negotiated(answer->lines[i]);
    if (lines_[i].data) dataTransport_ = answer->lines[i].data;
  }
  if (!dtls_) {
    dtls::Parameters parameters;
    parameters.role = dtls::Role::Client;
    parameters.fingerprintAlgorithm = answer->fingerprint.algorithm;
    parameters.fingerprintValue = answer->fingerprint.value;
    dtls_ = std::make_unique<dtls::DtlsTransport>(certificate_, std::move(parameters),
                                                  [this](base::ByteView datagram) {
                                                    if (remote_) sendDatagram(*remote_, datagram);
                                                  });
    dtls_->onApplicationData([this](base::ByteView packet, base::Timestamp at) {
      if (data_) data_->onPacket(packet, at);
    });
    state_ = ConnectionState::Connecting;
  }
  if (answer->iceUfrag != remoteUfrag_) startIce(*answer, now);
  startData(now);
  return {};
}

void PeerConnection::Impl::startIce(const Answer& answer, base::Timestamp now) {
  remoteUfrag_ = answer.iceUfrag;
  ice::IceClientParameters parameters;
  parameters.localUfrag = offer_.iceUfrag;
  parameters.remoteUfrag = answer.iceUfrag;
  parameters.remotePassword = answer.icePassword;
  parameters.remoteCandidates = answer.candidates;
  if (ice_) {
    ice_->restart(std::move(parameters), now);
    return settle(now);
  }
  ice_ = std::make_unique<ice::IceClient>(
      std::move(parameters), random_,
      [this](base::ByteView datagram, const base::SocketAddress& to) { sendDatagram(to, datagram); });
  ice_->start(now);
  settle(now);
}

// ---- transport -------------------------------------------------------------------------------------

void PeerConnection::Impl::sendDatagram(const base::SocketAddress& to, base::ByteView datagram) {
  ++counters_.datagramsSent;
  counters_.bytesSent += datagram.size();
  out_.append(to, datagram);
}

void PeerConnection::Impl::send(const stream::OutgoingPacket& packet) {
  if (!remote_ || !srtpSender_) return;
  const base::MutableByteView room = out_.begin(packet.size() + srtp::rtpOverhead(profile_));
  if (room.empty()) return;
  const auto size = srtpSender_->protectRtp(packet.header, packet.prefix, packet.payload, room);
  out_.commit(*remote_, size.value_or(0));
  if (!size) return;
  ++counters_.datagramsSent;
  counters_.bytesSent += *size;
}

void PeerConnection::Impl::onDatagram(base::MutableByteView datagram, const base::SocketAddress& from,
                                      base::Timestamp now) {
  if (state_ != ConnectionState::Connecting && state_ != ConnectionState::Connected) return;
  ++counters_.datagramsReceived;
  counters_.bytesReceived += datagram.size();
  if (ice::StunMessage::looksLikeStun(datagram)) {
    ice_->onDatagram(datagram, from, now);
  } else if (!datagram.empty() && datagram[0] >= 20 && datagram[0] <= 63) {
    dtls_->onDatagram(datagram, now);
  } else if (rtp::looksLikeRtcp(datagram)) {
    onRtcp(datagram, now);
  } else if (rtp::looksLikeRtp(datagram)) {
    onRtp(datagram, now);
  } else {
    ++counters_.datagramsRejected;
  }
  settle(now);
}

void PeerConnection::Impl::onRtp(base::MutableByteView datagram, base::Timestamp now) {
  if (!srtpReceiver_ || datagram.size() > base::PacketBuffer::capacity) {
    ++counters_.datagramsRejected;
    return;
  }
  const base::PacketRef packet = packets_.acquire();
  std::memcpy(packet.storage().data(), datagram.data(), datagram.size());
  const auto size = srtpReceiver_->unprotectRtp(packet.storage().first(datagram.size()));
  if (!size) {
    ++counters_.datagramsRejected;
    return;
  }
  packet.setSize(*size);
  const auto view = rtp::RtpPacketView::parse(packet.view());
  if (!view) {
    ++counters_.datagramsRejected;
    return;
  }
  for (const auto& slot : slots_) {
    if (slot->takes(view->ssrc)) return slot->onPacket(packet, *view, now);
  }
  ++counters_.datagramsRejected;
}

void PeerConnection::Impl::onTime(base::Timestamp now) {
  if (state_ != ConnectionState::Connecting && state_ != ConnectionState::Connected) return;
  if (ice_) ice_->onTime(now);
  if (dtls_) dtls_->onTime(now);
  if (data_) data_->onTime(now);
  if (now >= nextReport_) {
    nextReport_ = now + reportInterval;
    sendReports(now);
  }
  settle(now);
}

void PeerConnection::Impl::settle(base::Timestamp now) {
  if (ice_ && ice_->state() == ice::IceClientState::Failed) {
    return fail("the server cannot be reached over UDP");
  }
  if (ice_ && ice_->state() == ice::IceClientState::Disconnected) {
    return fail("the server does not answer over UDP any more");
  }
  if (ice_ && ice_->roundTripTime() && roundTrip_ == base::TimeDelta::zero()) {
    setRoundTrip(*ice_->roundTripTime());
  }
  if (ice_ && ice_->selected()) {
    const bool first = !remote_;
    remote_ = ice_->selected();
    if (first) dtls_->start(now);
  }
  onDtlsState(now);
  if (state_ != ConnectionState::Connected) return;
  for (const auto& slot : slots_) {
    slot->deliver(now, [this](const ReceivedFrame& frame) { observer_.onFrame(frame); });
    requestMissing(*slot, now);
  }
}

void PeerConnection::Impl::onDtlsState(base::Timestamp now) {
  if (!dtls_) return;
  switch (dtls_->state()) {
    case dtls::State::Failed:
      return fail("the DTLS handshake failed: " + dtls_->error());
    case dtls::State::Closed:
      return fail("the server closed the media connection");
    case dtls::State::Connected:
      break;
    default:
      return;
  }
  if (state_ == ConnectionState::Connected) return;
  const dtls::SrtpKeys& keys = dtls_->srtpKeys();
  profile_ = keys.profile;
  srtpSender_ = srtp::makeSrtpSender(keys.profile, keys.sendKey, keys.sendSalt);
  srtpReceiver_ = srtp::makeSrtpReceiver(keys.profile, keys.receiveKey, keys.receiveSalt);
  state_ = ConnectionState::Connected;
  nextReport_ = now + reportInterval / 5;
  observer_.onConnected();
  startData(now);
}

void PeerConnection::Impl::startData(base::Timestamp now) {
  if (data_ || !dataTransport_ || state_ != ConnectionState::Connected) return;
  data_ = std::make_unique<DataChannels>(
      *dataTransport_, [this](base::ByteView packet) { dtls_->sendApplicationData(packet); }, *this, now);
}

void PeerConnection::Impl::fail(const std::string& reason) {
  if (state_ == ConnectionState::Failed || state_ == ConnectionState::Closed) return;
  state_ = ConnectionState::Failed;
  observer_.onFailed(reason);
}

base::Timestamp PeerConnection::Impl::nextDeadline() const {
  base::Timestamp deadline = base::Timestamp::plusInfinity();
  if (state_ != ConnectionState::Connecting && state_ != ConnectionState::Connected) return deadline;
  deadline = nextReport_;
  if (ice_) deadline = std::min(deadline, ice_->nextDeadline());
  if (dtls_) deadline = std::min(deadline, dtls_->nextDeadline());
  if (data_) deadline = std::min(deadline, data_->nextDeadline());
  for (const auto& slot : slots_) deadline = std::min(deadline, slot->nextDeadline());
  return deadline;
}

TrackSender* PeerConnection::Impl::findTrack(const std::string& mid) const {
  for (const Line& line : lines_) {
    if (line.mid == mid) return line.track;
  }
  return nullptr;
}

// ---- the outer face --------------------------------------------------------------------------------

PeerConnection::PeerConnection(const dtls::Certificate& certificate, frame::TrailerPolicy trailer,
                               base::Random& random, base::DatagramBatch& out,
                               PeerConnectionObserver& observer)
    : impl_(std::make_unique<Impl>(certificate, trailer, random, out, observer)) {}
PeerConnection::~PeerConnection() = default;

std::string PeerConnection::addTrack(TrackSettings settings) {
  const std::string mid = std::to_string(impl_->lines_.size());
  const control::MediaKind kind = settings.kind;
  impl_->tracks_.push_back(
      std::make_unique<TrackSender>(mid, std::move(settings), impl_->random_, impl_->frames_));
  return impl_->addLine({mid, impl_->tracks_.back().get(), nullptr, kind, /*data=*/false});
}

std::string PeerConnection::addSlot(control::MediaKind kind) {
  const std::string mid = std::to_string(impl_->lines_.size());
  impl_->slots_.push_back(std::make_unique<SlotReceiver>(mid, kind, impl_->trailer_, impl_->frames_));
  return impl_->addLine({mid, nullptr, impl_->slots_.back().get(), kind, /*data=*/false});
}

void PeerConnection::addDataChannels() {
  impl_->addLine({std::to_string(impl_->lines_.size()), nullptr, nullptr, {}, /*data=*/true});
}

void PeerConnection::removeTrack(const std::string& mid) {
  for (Impl::Line& line : impl_->lines_) {
    if (line.mid == mid) line.track = nullptr;
  }
  std::erase_if(impl_->tracks_, [&](const auto& track) { return track->mid() == mid; });
}

void PeerConnection::restartIce() {
  impl_->iceRestartWanted_ = true;
}

std::string PeerConnection::createOffer() {
  return impl_->createOffer();
}

base::Expected<void> PeerConnection::applyAnswer(std::string_view sdp, base::Timestamp now) {
  return impl_->applyAnswer(sdp, now);
}

bool PeerConnection::sendFrame(const std::string& mid, size_t layer, const FrameToSend& frame,
                               base::Timestamp now) {
  if (impl_->state_ != ConnectionState::Connected) return false;
  TrackSender* track = impl_->findTrack(mid);
  if (track == nullptr || !track->send(layer, frame, now, *impl_)) return false;
  // The first frame of a layer is followed by a report at once: until it comes the server cannot tell how the
  // timestamps of this layer stand to those of the others.
  if (track->statistics(layer).frames == 1) impl_->nextReport_ = now;
  return true;
}

DataSendResult PeerConnection::sendData(uint16_t destination, DataKind kind, bool lossy,
                                        base::ByteView payload, base::Timestamp now) {
  if (!impl_->data_ || impl_->state_ != ConnectionState::Connected) return DataSendResult::NotConnected;
  return impl_->data_->send(destination, kind, lossy, payload, now);
}

void PeerConnection::onDatagram(base::MutableByteView datagram, const base::SocketAddress& from,
                                base::Timestamp now) {
  impl_->onDatagram(datagram, from, now);
}

void PeerConnection::onTime(base::Timestamp now) {
  impl_->onTime(now);
}

void PeerConnection::requestKeyFrame(const std::string& mid) {
  for (const auto& slot : impl_->slots_) {
    if (slot->mid() == mid) slot->wantKeyFrame();
  }
}

void PeerConnection::networkChanged(base::Timestamp now) {
  if (impl_->ice_) impl_->ice_->networkChanged(now);
}

base::Timestamp PeerConnection::nextDeadline() const {
  return impl_->nextDeadline();
}

void PeerConnection::close() {
  if (impl_->dtls_ && impl_->remote_) impl_->dtls_->close();
  impl_->state_ = ConnectionState::Closed;
}

ConnectionState PeerConnection::state() const {
  return impl_->state_;
}

ConnectionStatistics PeerConnection::statistics() const {
  ConnectionStatistics statistics = impl_->counters_;
  statistics.state = impl_->state_;
  statistics.roundTrip = impl_->roundTrip_;
  for (const auto& track : impl_->tracks_) {
    for (size_t i = 0; i < track->layerCount(); ++i) statistics.layers.push_back(track->statistics(i));
  }
  for (const auto& slot : impl_->slots_) statistics.slots.push_back(slot->statistics());
  return statistics;
}

}  // namespace sotto::client::rtc
