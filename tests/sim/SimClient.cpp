#include "tests/sim/SimClient.hpp"

#include <algorithm>

namespace sotto::sim {

using namespace client::call;

namespace {

struct LayerShape {
  const char* rid;
  uint16_t width, height;
  uint32_t meanSize, keySize;  ///< bytes
};
/// Around 80, 220 and 560 kb/s at 20 frames a second.
constexpr LayerShape shapes[3] = {
    {"q", 320, 180, 500, 2'500}, {"h", 640, 360, 1'400, 7'000}, {"f", 1280, 720, 3'500, 18'000}};

constexpr auto audioInterval = base::TimeDelta::millis(20);

uint64_t mixSeed(uint64_t seed, uint64_t salt) {
  return (seed + 1) * 0x9E3779B97F4A7C15 ^ salt * 0xD1B54A32D192ED03;
}

}  // namespace

/// The server's end of the socket: messages travel back with the signaling delay.
class SimClient::ServerSide final : public signaling::Connection {
 public:
  ServerSide(SimClient& client, uint64_t generation)
      : client_(client), current_(client.socketGeneration_), generation_(generation) {}

  void send(std::string text) override {
    later([text = std::move(text)](SimClient& client) {
      ++client.signalingMessages_;
      client.signalingBytes_ += text.size();
      if (client.device_ != nullptr && text.find("\"event\":\"message\"") != std::string::npos) {
        client.recordedMessages_.push_back(text);
      }
      client.session_->onSocketMessage(text, client.time_.now());
    });
  }
  void close(uint16_t code, std::string reason) override {
    later([code, reason](SimClient& client) {
      client.connection_ = 0;
      client.session_->onSocketClosed("closed " + std::to_string(code) + ": " + reason, client.time_.now());
    });
  }

 private:
  void later(std::function<void(SimClient&)> action) {
    if (*current_ != generation_) return;
    client_.time_.after(
        client_.settings_.signalingDelay,
        [client = &client_, current = current_, generation = generation_, action = std::move(action)] {
          if (*current != generation) return;
          action(*client);
          client->settle();
        });
  }
  SimClient& client_;
  std::shared_ptr<uint64_t> current_;
  uint64_t generation_;
};

SimClient::SimClient(VirtualTime& time, SimServer& server, Violations& violations, uint32_t number,
                     uint64_t seed, ClientSettings settings, SimDevice* device)
    : time_(time),
      server_(server),
      violations_(violations),
      number_(number),
      settings_(std::move(settings)),
      random_(mixSeed(seed, number)),
      address_(base::SocketAddress::v4(10, 0, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number),
                                       5'000)),
      up_(mixSeed(seed, 1'000 + number)),
      down_(mixSeed(seed, 2'000 + number)),
      wire_("towards " + settings_.name, violations),
      out_(1 << 20, 4'096),
      device_(device),
      alarm_(time,
             [this] {
               session_->onTime(time_.now());
               settle();
             }),
      videoTick_(time, [this] { sendVideo(); }),
      audioTick_(time, [this] { sendAudio(); }) {
  up_.settings = settings_.up;
  down_.settings = settings_.down;
  for (uint8_t i = 0; settings_.camera && i < settings_.layers; ++i) {
    const LayerShape& shape = shapes[i];
    SyntheticEncoder::Settings encoder;
    encoder.codec = settings_.codec;
    encoder.author = number;
    encoder.layer = i;
    encoder.width = shape.width;
    encoder.height = shape.height;
    encoder.meanSize = shape.meanSize;
    encoder.keySize = shape.keySize;
    encoder.temporalLayers = settings_.temporalLayers;
    video_.emplace_back(encoder, mixSeed(seed, 3'000 + number * 4 + i));
  }
  if (settings_.microphone) {
    SyntheticEncoder::Settings encoder;
    encoder.codec = frame::CodecType::Opus;
    encoder.author = number;
    encoder.meanSize = encoder.keySize = 90;
    audio_ = std::make_unique<SyntheticEncoder>(encoder, mixSeed(seed, 9'000 + number));
  }
  session_ = std::make_unique<CallSession>(makeOptions(), *this, out_, random_, *this);
}

SimClient::~SimClient() {
  ++*socketGeneration_;
}

CallOptions SimClient::makeOptions() const {
  CallOptions options;
  options.token = server_.issueToken(settings_.room, settings_.name);
  if (settings_.automaticKeys) {
    options.device = {&device_->store, &device_->storage, &device_->directory};
  } else if (settings_.sealed) {
    options.roomSecret.assign(32, 0x42);
  }
  options.microphone = settings_.microphone;
  if (settings_.camera) {
    VideoTrack camera;
    camera.codec = settings_.codec;
    for (uint8_t i = 0; i < settings_.layers; ++i) {
      camera.layers.push_back({shapes[i].rid, shapes[i].width, shapes[i].height});
    }
    options.camera = camera;
  }
  options.dataChannels = settings_.data;
  options.audioSlots = settings_.audioSlots;
  options.videoSlots = settings_.videoSlots;
  options.wants = settings_.wants;
  options.wantEveryone = settings_.wantEveryone;
  options.everyoneHeight = settings_.everyoneHeight;
  options.rateCapBitsPerSecond = settings_.rateCap;
  return options;
}

void SimClient::start() {
  if (device_ != nullptr && !device_->registered) {
    time_.after(base::TimeDelta::millis(5), [this] { start(); });
    return;
  }
  startedAt_ = time_.now();
  session_->start(time_.now());
  // Cameras do not tick in step.
  if (!video_.empty()) videoTick_.set(time_.now() + base::TimeDelta::micros(random_.u32() % 50'000));
  if (audio_) audioTick_.set(time_.now() + base::TimeDelta::micros(random_.u32() % 20'000));
  settle();
}

void SimClient::setLayerSends(size_t layer, bool sends) {
  layerSends_[layer] = sends;
  if (sends) video_[layer].wantKeyFrame();
}

void SimClient::setLayerObeys(size_t layer, bool obeys) {
  layerObeys_[layer] = obeys;
}

void SimClient::leave() {
  session_->leave(time_.now());
  settle();
}

void SimClient::settle() {
  out_.forEachDatagram([this](const base::SocketAddress&, base::ByteView datagram) {
    const Link::Fate fate = up_.send(datagram.size(), time_.now());
    for (const auto& arrival : {fate.first, fate.second}) {
      if (!arrival) continue;
      time_.at(*arrival, [&server = server_, from = address_,
                          copy = std::vector<uint8_t>(datagram.begin(), datagram.end())]() mutable {
        server.onDatagram(copy, from);
      });
    }
  });
  out_.clear();
  alarm_.set(session_->nextDeadline());
}

// ---- the network -----------------------------------------------------------------------------------

bool SimClient::everHad(const base::SocketAddress& address) const {
  return address == address_ ||
         std::find(earlierAddresses_.begin(), earlierAddresses_.end(), address) != earlierAddresses_.end();
}

void SimClient::changeAddress() {
  earlierAddresses_.push_back(address_);
  address_ = base::SocketAddress::v4(10, 1, static_cast<uint8_t>(number_ >> 8), static_cast<uint8_t>(number_),
                                     6'000);
}

void SimClient::onDatagram(base::MutableByteView datagram) {
  session_->onDatagram(datagram, SimServer::mediaAddress(), time_.now());
  settle();
}

void SimClient::loseSocket() {
  const signaling::ConnectionId lost = connection_;
  connection_ = 0;
  ++*socketGeneration_;
  if (lost != 0) server_.onClose(lost);
  session_->onSocketClosed("lost", time_.now());
  settle();
}

void SimClient::open() {
  const uint64_t generation = ++*socketGeneration_;
  time_.after(settings_.signalingDelay * 2, [this, current = socketGeneration_, generation] {
    if (*current != generation) return;
    connection_ = server_.onOpen(std::make_shared<ServerSide>(*this, generation));
    session_->onSocketOpen(time_.now());
    settle();
  });
}

void SimClient::send(std::string text) {
  if (silent_ && text.find("\"type\":\"send\"") != std::string::npos) return;
  ++signalingMessages_;
  signalingBytes_ += text.size();
  time_.after(settings_.signalingDelay,
              [this, current = socketGeneration_, generation = *socketGeneration_, text = std::move(text)] {
                if (*current == generation && connection_ != 0) server_.onMessage(connection_, text);
              });
}

void SimClient::close() {
  time_.after(settings_.signalingDelay, [this, current = socketGeneration_, generation = *socketGeneration_] {
    if (*current != generation || connection_ == 0) return;
    server_.onClose(std::exchange(connection_, 0));
    ++*current;
  });
}

// ---- media -----------------------------------------------------------------------------------------

void SimClient::sendEncoded(SyntheticEncoder& encoder, TrackSource source) {
  const SyntheticFrame frame = encoder.next(time_.now());
  const std::vector<uint8_t> bytes = encodeSynthetic(frame);
  OutgoingFrame out;
  out.source = source;
  out.layer = frame.layer;
  out.data = bytes;
  out.keyFrame = frame.keyFrame && source != TrackSource::Microphone;
  out.discardable = frame.discardable;
  out.temporalIndex = frame.temporalIndex;
  out.temporalSwitchingPoint = frame.switchingPoint;
  out.width = frame.width;
  out.height = frame.height;
  out.captureTime = time_.now();
  out.audioLevel = settings_.audioLevel;
  // A frame that did not go out must not be referred to.
  if (session_->sendFrame(out, time_.now()) != SendResult::Sent) encoder.wantKeyFrame();
}

void SimClient::sendVideo() {
  videoTick_.set(time_.now() + base::TimeDelta::micros(1'000'000 / settings_.framesPerSecond));
  if (session_->state() != CallState::Connected) return;
  for (size_t i = 0; i < video_.size(); ++i) {
    if (!layerSends_[i]) continue;
    if (i == 0 || settings_.layerSkew == base::TimeDelta::zero()) {
      sendEncoded(video_[i], TrackSource::Camera);
      continue;
    }
    time_.after(settings_.layerSkew * static_cast<int64_t>(i), [this, i] {
      if (session_->state() != CallState::Connected) return;
      sendEncoded(video_[i], TrackSource::Camera);
      settle();
    });
  }
  settle();
}

void SimClient::sendAudio() {
  audioTick_.set(time_.now() + audioInterval);
  if (session_->state() != CallState::Connected) return;
  sendEncoded(*audio_, TrackSource::Microphone);
  settle();
}

// ---- what it saw -----------------------------------------------------------------------------------

StreamOracle& SimClient::stream(const std::string& name, TrackSource source) {
  std::unique_ptr<StreamOracle>& found = streams_[{name, source}];
  if (!found) {
    const char* what = source == TrackSource::Microphone ? "audio" : "video";
    found = std::make_unique<StreamOracle>(name + "'s " + what + " at " + settings_.name, violations_);
  }
  return *found;
}

bool SimClient::hasStream(const std::string& name, TrackSource source) const {
  return streams_.count({name, source}) > 0;
}

void SimClient::onState(CallState state, const std::string& reason) {
  if (state == CallState::Failed) violations_.add(settings_.name + " failed: " + reason);
  if (state != CallState::Connected) return;
  if (!connectedAt_) connectedAt_ = time_.now();
  const uint32_t connections = session_->statistics().mediaConnections;
  if (connections != mediaConnections_) {
    for (auto& [key, oracle] : streams_) oracle->restart();
    // A fresh connection starts with key frames, as an encoder behind it would.
    for (SyntheticEncoder& encoder : video_) encoder.wantKeyFrame();
  }
  mediaConnections_ = connections;
}

void SimClient::onRemoteFrame(const RemoteFrame& frame) {
  const auto author = numberOf(frame.name);
  if (!author) return violations_.add(settings_.name + ": a frame of the unknown " + frame.name);
  const auto key = std::make_pair(frame.name, frame.source);
  auto& playing = playing_[frame.slot];
  if (playing != key) stream(frame.name, frame.source).restart();
  playing = key;
  stream(frame.name, frame.source).onFrame(frame, *author, wire_);
}

void SimClient::onKeyFrameWanted(TrackSource source, size_t layer) {
  if (source != TrackSource::Camera || layer >= video_.size()) return;
  keyFrameRequests_.push_back(time_.now());
  for (size_t i = 0; i < video_.size(); ++i) {
    if ((i == layer || settings_.keyFramesTogether) && layerObeys_[i]) video_[i].wantKeyFrame();
  }
}

void SimClient::onRoster(std::span<const Participant> everyoneElse) {
  for (auto& [key, oracle] : streams_) {
    const bool present = std::any_of(everyoneElse.begin(), everyoneElse.end(),
                                     [&](const Participant& other) { return other.name == key.first; });
    if (!present) oracle->interrupt();
  }
}

void SimClient::onOpenFailure(const std::string& participant, const std::string& reason) {
  // Frames that were sealed before a newcomer was told the key.
  if (settings_.automaticKeys && reason == "unknown-key") return;
  violations_.add(settings_.name + " could not open a frame of " + participant + ": " + reason);
}

void SimClient::onDataChannel(bool open) {
  dataOpen_ = open;
  if (open) ++dataOpened_;
}

void SimClient::onDataMessage(const client::call::RemoteData& message) {
  std::string from;
  for (const auto& other : session_->roster()) {
    if (other.id == message.participant) from = other.name;
  }
  data_.push_back({from, message.kind, message.lossy, {message.payload.begin(), message.payload.end()}});
}

void SimClient::wake() {
  alarm_.set(time_.now());
}

void SimClient::onWaitingForKeys(const std::string& participant, bool waiting) {
  if (waiting) {
    waitingForKeys_.insert(participant);
  } else {
    waitingForKeys_.erase(participant);
  }
}

void SimClient::onIdentityChanged(const DeviceName& device) {
  changedIdentities_.push_back(device);
}

void SimClient::onWarning(const std::string& message) {
  warnings_.push_back(message);
}

}  // namespace sotto::sim
