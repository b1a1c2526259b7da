// The inside of PeerConnection, shared by the files that implement it: negotiation and transport
// (PeerConnection.cpp), RTCP (PeerConnectionRtcp.cpp).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/native/rtc/DataChannels.hpp"
#include "client/native/rtc/Negotiation.hpp"
#include "client/native/rtc/PeerConnection.hpp"
#include "client/native/rtc/SlotReceiver.hpp"
#include "client/native/rtc/TrackSender.hpp"
#include "media/base/PacketPool.hpp"
#include "media/dtls/DtlsTransport.hpp"
#include "media/frame/FramePool.hpp"
#include "media/ice/IceClient.hpp"
#include "media/rtp/RtcpPacket.hpp"
#include "media/srtp/SrtpSession.hpp"
#include "media/stream/PacketSink.hpp"

namespace sotto::client::rtc {

/// Reports are sent this often: early and often enough that the server soon knows how the clocks of our
/// layers stand to each other, and leaves out what it only needs to say until the first report.
constexpr auto reportInterval = base::TimeDelta::millis(500);
/// An RTCP datagram of ours: below every MTU.
constexpr size_t maxRtcpSize = 1'200;

struct PeerConnection::Impl final : stream::PacketSink, DataChannelsObserver {
  Impl(const dtls::Certificate& certificate, frame::TrailerPolicy trailer, base::Random& random,
       base::DatagramBatch& out, PeerConnectionObserver& observer);

  // ---- negotiation
  struct Line {
    std::string mid;
    TrackSender* track = nullptr;
    SlotReceiver* slot = nullptr;
    control::MediaKind kind = control::MediaKind::Audio;
    bool data = false;  ///< none of these: stopped
  };
  std::string addLine(Line line);
  std::vector<MediaLine> describeLines() const;
  void freshIceCredentials();
  std::string createOffer();
  base::Expected<void> applyAnswer(std::string_view sdp, base::Timestamp now);
  void startIce(const Answer& answer, base::Timestamp now);

  // ---- transport
  void onDatagram(base::MutableByteView datagram, const base::SocketAddress& from, base::Timestamp now);
  void onRtp(base::MutableByteView datagram, base::Timestamp now);
  void onTime(base::Timestamp now);
  /// What may have become due by anything that happened: states, frames, requests.
  void settle(base::Timestamp now);
  void onDtlsState(base::Timestamp now);
  /// Once DTLS is up and the server has taken the m-line of the data channels.
  void startData(base::Timestamp now);
  void fail(const std::string& reason);
  void sendDatagram(const base::SocketAddress& to, base::ByteView datagram);
  base::Timestamp nextDeadline() const;

  // ---- RTCP
  void onRtcp(base::MutableByteView datagram, base::Timestamp now);
  void onRtcpPacket(const rtp::RtcpPacketView& packet, base::Timestamp now);
  void onReportBlock(const rtp::ReportBlock& block, base::Timestamp now);
  void onFeedback(const rtp::RtcpPacketView& packet, base::Timestamp now);
  void onKeyFrameRequest(uint32_t ssrc, std::optional<uint8_t> firSequence);
  void requestMissing(SlotReceiver& slot, base::Timestamp now);
  void sendReports(base::Timestamp now);
  void sendRtcp(base::ByteView packet);
  void setRoundTrip(base::TimeDelta roundTrip);
  uint32_t ourSsrc() const;

  /// A layer of a track by its media SSRC.
  struct Sending {
    TrackSender* track = nullptr;
    size_t layer = 0;
  };
  Sending findSending(uint32_t ssrc) const;
  TrackSender* findTrack(const std::string& mid) const;

  // ---- DataChannelsObserver
  void onDataChannel(bool open) override { observer_.onDataChannel(open); }
  void onData(const ReceivedData& data) override { observer_.onData(data); }

  // ---- stream::PacketSink
  void send(const stream::OutgoingPacket& packet) override;
  uint16_t nextTransportSequence() override { return transportSequence_++; }

  const dtls::Certificate& certificate_;
  const frame::TrailerPolicy trailer_;
  base::Random& random_;
  base::DatagramBatch& out_;
  PeerConnectionObserver& observer_;

  base::PacketPool packets_;
  frame::FramePool frames_;
  std::vector<std::unique_ptr<TrackSender>> tracks_;
  std::vector<std::unique_ptr<SlotReceiver>> slots_;
  std::vector<Line> lines_;  ///< in the order of the SDP; never shrinks
  OfferSettings offer_;
  bool iceRestartWanted_ = false;
  std::string remoteUfrag_;

  ConnectionState state_ = ConnectionState::New;
  std::unique_ptr<ice::IceClient> ice_;
  std::optional<base::SocketAddress> remote_;  ///< where the selected pair leads
  std::unique_ptr<dtls::DtlsTransport> dtls_;
  std::unique_ptr<srtp::SrtpSender> srtpSender_;
  std::unique_ptr<srtp::SrtpReceiver> srtpReceiver_;
  srtp::Profile profile_ = srtp::Profile::AeadAes128Gcm;
  uint32_t receiverSsrc_;  ///< in RTCP when nothing is published
  uint16_t transportSequence_ = 0;
  base::TimeDelta roundTrip_;
  base::Timestamp nextReport_ = base::Timestamp::plusInfinity();
  ConnectionStatistics counters_;
  std::optional<control::DataTransport> dataTransport_;  ///< the server's, once it has taken the m-line
  std::unique_ptr<DataChannels> data_;
};

}  // namespace sotto::client::rtc
