// One WebRTC connection of a client to the server, without I/O: ICE (controlling), DTLS client, SRTP, tracks
// that it sends and slots that it receives. Bytes and the time in, datagrams out; the offer and the answer
// are SDP text (RFC 8829, RFC 9429). The client always offers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/native/rtc/DataChannels.hpp"
#include "media/base/Bytes.hpp"
#include "media/base/DatagramBatch.hpp"
#include "media/base/Expected.hpp"
#include "media/base/Random.hpp"
#include "media/base/SocketAddress.hpp"
#include "media/base/Units.hpp"
#include "media/control/Messages.hpp"
#include "media/frame/Frame.hpp"
#include "media/frame/FrameAssembler.hpp"

namespace sotto::dtls {
class Certificate;
}

namespace sotto::client::rtc {

/// A track to send: one m-line.
struct TrackSettings {
  control::MediaKind kind = control::MediaKind::Audio;
  frame::CodecType codec = frame::CodecType::Opus;
  /// Simulcast layers by their `a=rid`; one stream without rid when there are fewer than two.
  std::vector<std::string> rids;
};

/// A frame to send, sealed already (or plain, in a room without end-to-end encryption).
struct FrameToSend {
  base::ByteView data;
  frame::FrameMetadata metadata;  ///< as in the trailer
  base::Timestamp captureTime;    ///< makes the RTP timestamp
  uint8_t audioLevel = 127;       ///< RFC 6464
};

/// A frame that a slot received: complete and, for video, in decoding order.
struct ReceivedFrame {
  const std::string& mid;
  const frame::Frame& frame;
  int64_t rtpTimestamp = 0;  ///< unwrapped
  uint32_t clockRate = 0;
};

/// Must not destroy the connection from within a call.
class PeerConnectionObserver {
 public:
  virtual ~PeerConnectionObserver() = default;
  /// ICE and DTLS are up; once for each connection.
  virtual void onConnected() = 0;
  /// Over: handshake failed, consent lost, or closed by the peer. `reason` is for a person.
  virtual void onFailed(const std::string& reason) = 0;
  /// PLI or FIR for a layer (index into TrackSettings::rids; 0 without simulcast).
  virtual void onKeyFrameWanted(const std::string& mid, size_t layer) = 0;
  virtual void onFrame(const ReceivedFrame& frame) = 0;
  /// The reliable data channel has opened, or is gone; it opens again by itself while connected.
  virtual void onDataChannel(bool /*open*/) {}
  virtual void onData(const ReceivedData& /*data*/) {}
};

enum class ConnectionState : uint8_t { New, Connecting, Connected, Failed, Closed };

struct LayerStatistics {
  std::string mid, rid;
  uint32_t ssrc = 0;
  uint64_t frames = 0, packets = 0, bytes = 0;  ///< first transmissions; bytes of RTP payload
  uint64_t retransmitted = 0;                   ///< packets
  uint64_t keyFrameRequests = 0;                ///< PLI and FIR received
  double fractionLost = 0;                      ///< 0..1, of the last report block
};

struct SlotStatistics {
  std::string mid;
  uint64_t packets = 0, bytes = 0, recovered = 0;  ///< recovered: came as a retransmission
  uint64_t lost = 0;                               ///< never came on the media SSRC
  uint64_t nacks = 0;                              ///< sequence numbers asked for again
  uint64_t keyFrameRequests = 0;                   ///< PLI sent
  uint64_t frames = 0;                             ///< delivered
  uint64_t framesDropped = 0;                      ///< complete, but too late or not decodable
};

struct ConnectionStatistics {
  ConnectionState state = ConnectionState::New;
  base::TimeDelta roundTrip;  ///< of STUN checks; zero when unknown
  uint64_t datagramsReceived = 0, datagramsRejected = 0, datagramsSent = 0, bytesReceived = 0, bytesSent = 0;
  uint64_t feedbackPackets = 0;  ///< reported on by transport-wide feedback
  uint64_t feedbackLost = 0;     ///< of those, never arrived
  std::vector<LayerStatistics> layers;
  std::vector<SlotStatistics> slots;
};

class PeerConnection {
 public:
  /// All references must outlive the connection. Outgoing datagrams are appended to `out` within the calls
  /// below. `trailer`: whether received frames must be sealed.
  PeerConnection(const dtls::Certificate& certificate, frame::TrailerPolicy trailer, base::Random& random,
                 base::DatagramBatch& out, PeerConnectionObserver& observer);
  ~PeerConnection();
  PeerConnection(const PeerConnection&) = delete;
  PeerConnection& operator=(const PeerConnection&) = delete;

  /// Adds an m-line; it takes part from the next offer on. Returns its mid.
  std::string addTrack(TrackSettings settings);
  std::string addSlot(control::MediaKind kind);
  /// Adds the m-line of the data channels; once.
  void addDataChannels();
  /// Stops sending; the m-line is offered as inactive from the next offer on.
  void removeTrack(const std::string& mid);
  /// New ICE credentials with the next offer (RFC 8445 section 9).
  void restartIce();

  /// The complete offer for what was added so far.
  std::string createOffer();
  /// The server's answer to the last offer. The first one starts ICE and DTLS.
  base::Expected<void> applyAnswer(std::string_view sdp, base::Timestamp now);

  /// Sends one frame; false when not connected, or the track, the layer or its codec was not negotiated.
  bool sendFrame(const std::string& mid, size_t layer, const FrameToSend& frame, base::Timestamp now);

  /// Sends a data message; `destination` is a sender number, 0 for everyone else in the room.
  DataSendResult sendData(uint16_t destination, DataKind kind, bool lossy, base::ByteView payload,
                          base::Timestamp now);

  /// Asks for a key frame of what plays in a slot, with the next packet that goes out for it.
  void requestKeyFrame(const std::string& mid);

  /// One datagram from the network; may be decrypted in place.
  void onDatagram(base::MutableByteView datagram, const base::SocketAddress& from, base::Timestamp now);
  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;
  /// Our own address may have changed: lets the server know at once.
  void networkChanged(base::Timestamp now);
  /// Says goodbye (DTLS close_notify). Nothing is sent or received afterwards.
  void close();

  ConnectionState state() const;
  ConnectionStatistics statistics() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sotto::client::rtc
