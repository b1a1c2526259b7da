#include "media/room/Endpoint.hpp"

#include <algorithm>

#include "media/rtp/RtcpKeyFrameRequest.hpp"
#include "media/rtp/RtcpPacket.hpp"
#include "media/rtp/RtcpReport.hpp"

namespace sotto::room {

using base::Timestamp;

namespace {

/// Our own SSRC in reports and feedback: that of a slot where there is one, since the peer knows it.
uint32_t rtcpSsrc(const control::EndpointParameters& parameters) {
  return parameters.slots.empty() ? 1 : parameters.slots.front().ssrc;
}

Publisher::Identity identity(const control::EndpointParameters& parameters, forward::ParticipantId id,
                             control::E2eePolicy e2ee) {
  return {id, parameters.endpoint, parameters.sender, e2ee, rtcpSsrc(parameters)};
}

}  // namespace

Endpoint::Endpoint(const control::EndpointParameters& parameters, forward::ParticipantId id,
                   control::E2eePolicy e2ee, Resources& resources, PublisherListener& publisherListener,
                   EndpointListener& listener, Timestamp now)
    : parameters_(parameters),
      id_(id),
      counters_(resources.counters),
      listener_(listener),
      transport_(resources.certificate, parameters.ice, parameters.fingerprint, resources.packets,
                 resources.out, resources.counters, *this, now),
      publisher_(identity(parameters, id, e2ee), resources.frames, resources.counters, transport_,
                 publisherListener),
      recipient_(id, resources.random, resources.counters, transport_, transport_),
      data_(
          resources.counters, [this](base::ByteView packet) { transport_.sendSctp(packet); }, *this) {
  // The room learns of tracks at once and would keep those of an endpoint that was never finished: what may
  // fail comes first.
  recipient_.setSlots(parameters.slots);
  publisher_.setTracks(parameters.tracks, now);
}

void Endpoint::update(const control::EndpointParameters& parameters, Timestamp now) {
  recipient_.setSlots(parameters.slots);
  publisher_.setTracks(parameters.tracks, now);
  if (!(parameters.ice == parameters_.ice)) transport_.restartIce(parameters.ice);
  parameters_ = parameters;
  startData(now);
}

/// Once DTLS is up and the client has offered data channels, in whichever order that comes about.
void Endpoint::startData(Timestamp now) {
  if (parameters_.data && transport_.ready()) data_.start(*parameters_.data, now);
}

void Endpoint::onTime(Timestamp now) {
  transport_.onTime(now);
  publisher_.onTime(now);
  recipient_.onTime(now);
  data_.onTime(now);
}

Timestamp Endpoint::nextDeadline() const {
  return std::min({transport_.nextDeadline(), publisher_.nextDeadline(), recipient_.nextDeadline(),
                   data_.nextDeadline()});
}

void Endpoint::onTransportState(control::EndpointState state, const std::string& reason, Timestamp now) {
  // Whoever only publishes has nothing to report on: then this is all that is ever known.
  if (const auto& rtt = transport_.handshakeRoundTrip()) {
    recipient_.assumeRtt(*rtt);
    publisher_.setRtt(*recipient_.rtt());
  }
  recipient_.setReady(transport_.ready());
  startData(now);
  listener_.onEndpointState(*this, state, reason, now);
}

void Endpoint::onSctp(base::ByteView packet, Timestamp now) {
  data_.onPacket(packet, now);
}

void Endpoint::onDataMessage(base::ByteView message, bool lossy, Timestamp now) {
  listener_.onDataMessage(*this, message, lossy, now);
}

void Endpoint::onDataChannel(bool open, const std::string& reason) {
  listener_.onDataChannel(*this, open, reason);
}

void Endpoint::onRtp(const base::PacketRef& packet, Timestamp now) {
  counters_.add(Count::RtpPacketsReceived);
  publisher_.onRtp(packet, now);
}

void Endpoint::onRtcp(base::ByteView compound, Timestamp now) {
  rtp::RtcpReader reader(compound);
  while (const auto packet = reader.next()) onRtcpPacket(*packet, now);
  if (reader.error()) counters_.add(Count::RejectedMalformedRtcp);
}

void Endpoint::onRtcpPacket(const rtp::RtcpPacketView& packet, Timestamp now) {
  using rtp::RtcpType;
  bool wellFormed = true;
  if (packet.is(RtcpType::SenderReport)) {
    if (const auto report = rtp::parseSenderReport(packet)) {
      publisher_.onSenderReport(report->report, now);
      onReportBlocks(report->blocks, now);
    } else {
      wellFormed = false;
    }
  } else if (packet.is(RtcpType::ReceiverReport)) {
    if (const auto report = rtp::parseReceiverReport(packet)) {
      onReportBlocks(report->blocks, now);
    } else {
      wellFormed = false;
    }
  } else if (packet.isFeedback(RtcpType::TransportFeedback, rtp::fmtNack)) {
    if (const auto nack = rtp::NackView::parse(packet)) {
      recipient_.onNack(*nack, now);
    } else {
      wellFormed = false;
    }
  } else if (packet.isFeedback(RtcpType::PayloadFeedback, rtp::fmtPli)) {
    if (const auto pli = rtp::parsePli(packet)) {
      recipient_.onKeyFrameRequest(pli->mediaSsrc, now);
    } else {
      wellFormed = false;
    }
  } else if (packet.isFeedback(RtcpType::PayloadFeedback, rtp::fmtFir)) {
    if (const auto fir = rtp::FirView::parse(packet)) {
      fir->forEach([&](uint32_t ssrc, uint8_t) { recipient_.onKeyFrameRequest(ssrc, now); });
    } else {
      wellFormed = false;
    }
  }
  // A BYE changes nothing: browsers send one when a layer pauses, and take the same SSRC up again.
  if (!wellFormed) counters_.add(Count::RejectedMalformedRtcp);
}

void Endpoint::onReportBlocks(const rtp::ReportBlocks& blocks, Timestamp now) {
  for (const rtp::ReportBlock& block : blocks.view()) recipient_.onReportBlock(block, now);
  if (const auto rtt = recipient_.rtt(); rtt && blocks.count != 0) publisher_.setRtt(*rtt);
}

}  // namespace sotto::room
