// One participant's client as far as a MediaCore can tell: ICE, DTLS, SRTP, RTP streams. Scripted by a test,
// in virtual time, without sockets.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "media/base/PacketPool.hpp"
#include "media/base/Random.hpp"
#include "media/control/Messages.hpp"
#include "media/dtls/DtlsTransport.hpp"
#include "media/frame/FramePool.hpp"
#include "media/ice/IceClient.hpp"
#include "media/stream/ReceiveStream.hpp"
#include "media/stream/SendStream.hpp"

namespace sotto::test {

inline constexpr uint8_t midId = 1, ridId = 2, repairedRidId = 3, levelId = 4, transportCcId = 5;
inline constexpr uint8_t opusType = 111, vp8Type = 96, vp8RtxType = 97, vp9Type = 98, vp9RtxType = 99;

/// What one received frame was.
struct GotFrame {
  std::vector<uint8_t> payload;
  uint32_t timestamp = 0;
  frame::FrameMetadata metadata;
  frame::CodecInfo codecInfo;
  base::Timestamp at;
};

class ScriptedPeer final : public stream::PacketSink {
 public:
  ScriptedPeer(std::string name, uint16_t sender, uint8_t number, base::Random& random,
               const dtls::Certificate& server);

  const std::string name;
  const uint16_t sender;
  base::SocketAddress address;
  const base::SocketAddress server = base::SocketAddress::v4(192, 0, 2, 1, 40'000);

  control::EndpointParameters parameters;  ///< to be filled with tracks and slots before joining
  void addAudioTrack(const std::string& mid);
  /// `rids` empty: one stream. Every stream gets an SSRC of its own.
  void addVideoTrack(const std::string& mid, std::vector<std::string> rids,
                     control::TrackSource source = control::TrackSource::Camera);
  void addSlot(const std::string& mid, control::MediaKind kind,
               frame::CodecType codec = frame::CodecType::Vp8);

  void connect(base::Timestamp now);
  bool connected() const { return dtls_ && dtls_->state() == dtls::State::Connected && sealer_; }
  void closeDtls() { dtls_->close(); }
  /// Application data of DTLS; set before connect().
  std::function<void(base::ByteView, base::Timestamp)> onSctp;
  void sendSctp(base::ByteView packet) { dtls_->sendApplicationData(packet); }
  void stop() { stopped_ = true; }

  void onDatagram(base::ByteView datagram, base::Timestamp now);
  void onTime(base::Timestamp now);
  /// Datagrams to the server since the last time.
  std::vector<std::vector<uint8_t>> takeOutgoing() { return std::exchange(outgoing_, {}); }
  void inject(std::vector<uint8_t> datagram) { outgoing_.push_back(std::move(datagram)); }

  /// A frame with `size` arbitrary bytes before its trailer; `layer` counts the rids of the track.
  struct VideoFrame {
    bool keyFrame = false;
    uint16_t width = 0, height = 0;
    uint8_t temporal = 0;
    bool layerSync = false;
    size_t size = 2'000;
    bool trailer = true;
    uint16_t foreignSender = 0;  ///< other than 0: in the place of our own number
    bool saysAudio = false;
    uint8_t statedLength = 0;  ///< other than 0: what the trailer says of its own length
  };
  std::vector<uint8_t> sendVideo(const std::string& mid, size_t layer, const VideoFrame& frame,
                                 base::Timestamp now);
  /// One picture of VP9 with `spatialLayers` layers of one SSRC, each twice as wide as the one below; `width`
  /// and `height` are the lowest one's. Returns the bytes of its layers.
  std::vector<std::vector<uint8_t>> sendVp9Picture(const std::string& mid, bool keyPicture, int spatialLayers,
                                                   uint16_t width, uint16_t height, base::Timestamp now);
  std::vector<uint8_t> sendAudio(const std::string& mid, uint8_t level, base::Timestamp now,
                                 size_t size = 80);
  void sendPli(uint32_t ssrc);
  void sendRtcp(base::ByteView packet);
  void sendRtp(base::ByteView header, base::ByteView payload);
  uint32_t ssrcOf(const std::string& mid, size_t layer) const {
    return streams_.at(mid)[layer]->stream.ssrc();
  }

  /// What came in a slot.
  struct Incoming {
    std::unique_ptr<stream::ReceiveStream> stream;
    std::vector<GotFrame> frames;
    std::vector<uint16_t> sequences;
    std::vector<std::string> mids;
    uint64_t gaps = 0;
    base::Timestamp nextPli = base::Timestamp::minusInfinity();
    uint64_t undecodable() const { return stream->assemblerStatistics().undecodable; }
  };
  Incoming& slot(const std::string& mid) { return *incoming_.at(mid); }
  uint64_t mediaBytes = 0;
  std::map<uint32_t, int> pliReceived;  ///< by our stream's SSRC
  std::vector<base::Timestamp> pliTimes;
  int nacksReceived = 0;
  int feedbackReceived = 0;
  int senderReportsReceived = 0;
  int reportBlocksReceived = 0;
  /// Says whether a media packet from the server is lost on the way.
  std::function<bool(uint32_t ssrc, uint16_t sequence)> loseIncoming;
  std::function<bool(uint32_t ssrc, uint16_t sequence)> loseOutgoing;
  /// SRTP profiles that it offers.
  std::vector<srtp::Profile> profiles = dtls::Parameters{}.profiles;
  bool answerNacks = true;
  bool sendNacks = true;
  bool recordFrames = true;

  void send(const stream::OutgoingPacket& packet) override;
  uint16_t nextTransportSequence() override { return transportSequence_++; }

 private:
  struct Outgoing {
    explicit Outgoing(const stream::SendStreamOptions& options) : stream(options) {}
    stream::SendStream stream;
    uint32_t timestampBase = 0;
    int32_t pictureId = 0;
    uint8_t tl0 = 0;
  };
  void onRtcp(base::ByteView compound, base::Timestamp now);
  void onRtp(base::MutableByteView packet, base::Timestamp now);
  void finish(std::vector<uint8_t>& payload, const frame::FrameMetadata& metadata) const;

  base::Random& random_;
  dtls::Certificate certificate_;
  std::unique_ptr<ice::IceClient> ice_;
  std::unique_ptr<dtls::DtlsTransport> dtls_;
  bool dtlsStarted_ = false;
  bool stopped_ = false;
  std::unique_ptr<srtp::SrtpSender> sealer_;
  std::unique_ptr<srtp::SrtpReceiver> opener_;
  base::PacketPool packets_;
  frame::FramePool frames_;
  std::map<std::string, std::vector<std::unique_ptr<Outgoing>>> streams_;
  std::map<std::string, std::unique_ptr<Incoming>> incoming_;
  std::vector<std::vector<uint8_t>> outgoing_;
  std::string serverFingerprint_;
  uint16_t transportSequence_ = 1;
  uint64_t counter_ = 0;
  base::Timestamp nextReport_ = base::Timestamp::minusInfinity();
};

}  // namespace sotto::test
