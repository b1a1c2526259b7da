// RTCP of a PeerConnection: sender and receiver reports (RFC 3550 section 6.4), requests to send again and
// for key frames in both directions (RFC 4585, RFC 5104), transport-wide feedback for the statistics.
#include "client/native/rtc/PeerConnectionImpl.hpp"
#include "media/rtp/RtcpKeyFrameRequest.hpp"
#include "media/rtp/RtcpNack.hpp"
#include "media/rtp/RtcpReport.hpp"
#include "media/rtp/RtcpSdes.hpp"
#include "media/rtp/TransportFeedback.hpp"

namespace sotto::client::rtc {

namespace {

/// Our wall clock in sender reports is the clock that drives the connection: receivers only compare such
/// times with each other.
rtp::NtpTime toNtp(base::Timestamp now) {
  return rtp::NtpTime::fromUnixMicros(now.us());
}

}  // namespace

PeerConnection::Impl::Sending PeerConnection::Impl::findSending(uint32_t ssrc) const {
  for (const auto& track : tracks_) {
    if (const auto layer = track->find(ssrc)) return {track.get(), *layer};
  }
  return {};
}

uint32_t PeerConnection::Impl::ourSsrc() const {
  return tracks_.empty() ? receiverSsrc_ : tracks_.front()->line().ssrc;
}

void PeerConnection::Impl::onRtcp(base::MutableByteView datagram, base::Timestamp now) {
  const auto size = srtpReceiver_ ? srtpReceiver_->unprotectRtcp(datagram)
                                  : tl::make_unexpected(srtp::SrtpError::Authentication);
  if (!size) {
    ++counters_.datagramsRejected;
    return;
  }
  rtp::RtcpReader reader(datagram.first(*size));
  while (const auto packet = reader.next()) onRtcpPacket(*packet, now);
  if (reader.error()) ++counters_.datagramsRejected;
}

void PeerConnection::Impl::onRtcpPacket(const rtp::RtcpPacketView& packet, base::Timestamp now) {
  if (packet.is(rtp::RtcpType::SenderReport)) {
    const auto parsed = rtp::parseSenderReport(packet);
    if (!parsed) return;
    for (const auto& slot : slots_) {
      if (slot->ssrc() == parsed->report.ssrc) slot->onSenderReport(parsed->report, now);
    }
    for (const rtp::ReportBlock& block : parsed->blocks.view()) onReportBlock(block, now);
  } else if (packet.is(rtp::RtcpType::ReceiverReport)) {
    const auto parsed = rtp::parseReceiverReport(packet);
    if (!parsed) return;
    for (const rtp::ReportBlock& block : parsed->blocks.view()) onReportBlock(block, now);
  } else if (packet.is(rtp::RtcpType::TransportFeedback) || packet.is(rtp::RtcpType::PayloadFeedback)) {
    onFeedback(packet, now);
  }
}

void PeerConnection::Impl::onReportBlock(const rtp::ReportBlock& block, base::Timestamp now) {
  const Sending sending = findSending(block.ssrc);
  if (sending.track == nullptr) return;
  sending.track->onReceiverReport(sending.layer, block);
  if (const auto roundTrip = rtp::roundTripTime(block, toNtp(now))) setRoundTrip(*roundTrip);
}

void PeerConnection::Impl::setRoundTrip(base::TimeDelta roundTrip) {
  // Smoothed as TCP does (RFC 6298 section 2).
  roundTrip_ = roundTrip_ == base::TimeDelta::zero() ? roundTrip : (roundTrip_ * 7 + roundTrip) / 8;
  for (const auto& slot : slots_) slot->setRoundTrip(roundTrip_);
}

void PeerConnection::Impl::onFeedback(const rtp::RtcpPacketView& packet, base::Timestamp now) {
  if (packet.isFeedback(rtp::RtcpType::TransportFeedback, rtp::fmtNack)) {
    const auto nack = rtp::NackView::parse(packet);
    if (!nack) return;
    const Sending sending = findSending(nack->mediaSsrc);
    if (sending.track == nullptr) return;
    nack->forEach(
        [&](uint16_t sequence) { sending.track->onNack(sending.layer, sequence, roundTrip_, now, *this); });
  } else if (packet.isFeedback(rtp::RtcpType::TransportFeedback, rtp::fmtTransportWide)) {
    const auto feedback = rtp::TransportFeedbackView::parse(packet);
    if (!feedback) return;
    feedback->forEach([&](const rtp::TransportFeedbackView::Status& status) {
      ++counters_.feedbackPackets;
      if (!status.received) ++counters_.feedbackLost;
    });
  } else if (packet.isFeedback(rtp::RtcpType::PayloadFeedback, rtp::fmtPli)) {
    if (const auto pli = rtp::parsePli(packet)) onKeyFrameRequest(pli->mediaSsrc, std::nullopt);
  } else if (packet.isFeedback(rtp::RtcpType::PayloadFeedback, rtp::fmtFir)) {
    const auto fir = rtp::FirView::parse(packet);
    if (!fir) return;
    fir->forEach([&](uint32_t ssrc, uint8_t sequence) { onKeyFrameRequest(ssrc, sequence); });
  }
}

void PeerConnection::Impl::onKeyFrameRequest(uint32_t ssrc, std::optional<uint8_t> firSequence) {
  const Sending sending = findSending(ssrc);
  if (sending.track == nullptr) return;
  if (firSequence && !sending.track->isNewFir(sending.layer, *firSequence)) return;
  sending.track->onKeyFrameRequest(sending.layer);
  observer_.onKeyFrameWanted(sending.track->mid(), sending.layer);
}

void PeerConnection::Impl::requestMissing(SlotReceiver& slot, base::Timestamp now) {
  std::array<uint8_t, maxRtcpSize> packet;
  if (const auto missing = slot.collectNacks(now); !missing.empty()) {
    const size_t size = rtp::writeNack(ourSsrc(), slot.ssrc(), missing, packet);
    if (size > 0) sendRtcp(base::ByteView(packet).first(size));
  }
  if (slot.collectKeyFrameRequest(now)) {
    const size_t size = rtp::writePli({ourSsrc(), slot.ssrc()}, packet);
    sendRtcp(base::ByteView(packet).first(size));
  }
}

void PeerConnection::Impl::sendReports(base::Timestamp now) {
  std::vector<rtp::ReportBlock> blocks;
  for (const auto& slot : slots_) {
    if (const auto block = slot->reportBlock(now)) blocks.push_back(*block);
  }
  std::array<uint8_t, maxRtcpSize> packet;
  size_t size = 0;
  const auto room = [&] { return base::MutableByteView(packet).subspan(size); };
  std::span<const rtp::ReportBlock> rest = blocks;
  const auto take = [&] {
    const auto part = rest.first(std::min(rest.size(), rtp::maxReportBlocks));
    rest = rest.subspan(part.size());
    return part;
  };
  for (const auto& track : tracks_) {
    for (size_t layer = 0; layer < track->layerCount(); ++layer) {
      const auto report = track->senderReport(layer, toNtp(now), now);
      if (report) size += rtp::writeSenderReport(*report, take(), room());
    }
  }
  while (size == 0 || !rest.empty()) {
    const size_t written = rtp::writeReceiverReport(ourSsrc(), take(), room());
    if (written == 0) break;
    size += written;
  }
  size += rtp::writeSdesCname(ourSsrc(), "sotto", room());
  sendRtcp(base::ByteView(packet).first(size));
}

void PeerConnection::Impl::sendRtcp(base::ByteView packet) {
  if (!remote_ || !srtpSender_) return;
  const base::MutableByteView room = out_.begin(packet.size() + srtp::rtcpOverhead(profile_));
  if (room.empty()) return;
  const auto size = srtpSender_->protectRtcp(packet, room);
  out_.commit(*remote_, size.value_or(0));
  if (!size) return;
  ++counters_.datagramsSent;
  counters_.bytesSent += *size;
}

}  // namespace sotto::client::rtc
