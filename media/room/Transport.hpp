// The secure transport of one participant: ICE-lite, DTLS as the server, SRTP and SRTCP in both directions,
// told apart by the first byte (RFC 7983). Writes what goes out straight into the send arena.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "media/base/DatagramBatch.hpp"
#include "media/base/PacketPool.hpp"
#include "media/base/SocketAddress.hpp"
#include "media/base/Units.hpp"
#include "media/control/Messages.hpp"
#include "media/dtls/DtlsTransport.hpp"
#include "media/ice/IceLite.hpp"
#include "media/room/Counters.hpp"
#include "media/room/RtcpSink.hpp"
#include "media/srtp/SrtpSession.hpp"
#include "media/stream/PacketSink.hpp"

namespace sotto::room {

/// What a transport tells its endpoint.
class TransportListener {
 public:
  virtual ~TransportListener() = default;
  virtual void onRtp(const base::PacketRef& packet, base::Timestamp now) = 0;
  virtual void onRtcp(base::ByteView compound, base::Timestamp now) = 0;
  /// Application data of DTLS: an SCTP packet (RFC 8261).
  virtual void onSctp(base::ByteView packet, base::Timestamp now) = 0;
  /// `reason` is for a person; empty with Connected.
  virtual void onTransportState(control::EndpointState state, const std::string& reason,
                                base::Timestamp now) = 0;
};

class Transport final : public stream::PacketSink, public RtcpSink {
 public:
  /// UDP payload that passes every path to a browser.
  static constexpr size_t maxDatagram = 1'200;
  /// From RTP header to end of payload, whatever the profile.
  static constexpr size_t maxRtpPacket = maxDatagram - 16;
  /// A peer that has not come up by then is not going to.
  static constexpr base::TimeDelta connectTimeout = base::TimeDelta::seconds(30);

  /// All references must outlive the transport.
  Transport(const dtls::Certificate& certificate, const control::IceParameters& ice,
            const control::Fingerprint& fingerprint, base::PacketPool& packets, base::DatagramBatch& out,
            Counters& counters, TransportListener& listener, base::Timestamp now);

  /// ICE restart: new credentials; DTLS goes on.
  void restartIce(const control::IceParameters& ice);
  /// A STUN message for this endpoint. True when it proved that the peer is at `from`.
  bool onStun(const ice::StunMessage& message, const base::SocketAddress& from, base::Timestamp now);
  /// Anything but STUN from an address that onStun() approved. Decrypts in place.
  void onDatagram(base::MutableByteView datagram, base::Timestamp now, base::TimeDelta waited);
  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;
  /// Tells the peer that the connection ends.
  void close();

  /// Keys are there, and consent: media can go out.
  bool ready() const { return state_ == control::EndpointState::Connected; }
  control::EndpointState state() const { return state_; }
  /// As the DTLS handshake measured it.
  const std::optional<base::TimeDelta>& handshakeRoundTrip() const { return dtls_.roundTrip(); }

  void send(const stream::OutgoingPacket& packet) override;
  uint16_t nextTransportSequence() override { return transportSequence_++; }
  void sendRtcp(base::ByteView packet) override;
  /// Dropped, as by the network, when nobody is there to take it.
  void sendSctp(base::ByteView packet);

 private:
  void onDtls(base::ByteView datagram, base::Timestamp now);
  void onSrtp(base::MutableByteView datagram, base::Timestamp now, base::TimeDelta waited);
  void onSrtcp(base::MutableByteView datagram, base::Timestamp now);
  void reject(srtp::SrtpError error);
  void sendPlain(base::ByteView datagram);
  void followDtls(base::Timestamp now);
  void startSrtp(base::Timestamp now);
  void changeState(control::EndpointState state, const std::string& reason, base::Timestamp now);

  ice::IceLite ice_;
  base::PacketPool& packets_;
  base::DatagramBatch& out_;
  Counters& counters_;
  TransportListener& listener_;
  std::optional<base::SocketAddress> destination_;  ///< nominated, or before that the last that proved itself
  std::unique_ptr<srtp::SrtpSender> sender_;
  std::unique_ptr<srtp::SrtpReceiver> receiver_;
  size_t rtpOverhead_ = 0;
  size_t rtcpOverhead_ = 0;
  uint16_t transportSequence_ = 1;
  control::EndpointState state_ = control::EndpointState::Connecting;
  base::Timestamp connectDeadline_;
  /// Last: its destruction may still send.
  dtls::DtlsTransport dtls_;
};

}  // namespace sotto::room
