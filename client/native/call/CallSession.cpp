#include "client/native/call/CallSession.hpp"

#include <algorithm>
#include <utility>

#include "client/native/e2ee/ExternalKeyProvider.hpp"
#include "media/dtls/DtlsTransport.hpp"

namespace sotto::client::call {

namespace {

/// First wait before trying again, doubled up to the longest: a server that was restarted is back within a
/// second or two, and many clients must not all hammer it.
constexpr auto firstBackoff = base::TimeDelta::millis(250);
constexpr auto longestBackoff = base::TimeDelta::seconds(2);
/// How long a server that does not answer `leave` is waited for.
constexpr auto leaveTimeout = base::TimeDelta::seconds(2);
/// The close code of a session or socket that gave way to another of the same device.
constexpr uint16_t closeReplaced = 4001;

/// Data messages that wait for the key that opens them; the oldest go first.
constexpr size_t maxWaitingData = 64;

/// Adds to the entry of the same layer, or as a new one.
void addLayer(std::vector<LocalLayerStatistics>& layers, const LocalLayerStatistics& more) {
  const auto same =
      std::find_if(layers.begin(), layers.end(), [&more](const LocalLayerStatistics& candidate) {
        return candidate.source == more.source && candidate.rid == more.rid;
      });
  if (same == layers.end()) {
    layers.push_back(more);
    return;
  }
  same->frames += more.frames;
  same->keyFrames += more.keyFrames;
  same->packets += more.packets;
  same->bytes += more.bytes;
  same->retransmitted += more.retransmitted;
  same->keyFrameRequests += more.keyFrameRequests;
}

std::unique_ptr<e2ee::KeyProvider> externalKeys(CallOptions& options, base::Random& random) {
  if (options.roomSecret.empty()) return nullptr;
  auto keys = std::make_unique<e2ee::ExternalKeyProvider>(e2ee::SecretBytes(options.roomSecret),
                                                          options.suite.value_or(frame::Suite::Duo), random);
  std::fill(options.roomSecret.begin(), options.roomSecret.end(), uint8_t{0});
  options.roomSecret.clear();
  return keys;
}

}  // namespace

/// Of our side of DTLS; a new one for each media connection, by which the server tells them apart.
struct CallSession::Certificate {
  dtls::Certificate certificate = dtls::Certificate::generate();
};

/// What the media connection tells. Failure is only noted, as the connection cannot be replaced from within.
class CallSession::MediaEvents final : public rtc::PeerConnectionObserver {
 public:
  explicit MediaEvents(CallSession& session) : session_(session) {}

  void onConnected() override { ++session_.totals_.mediaConnections; }
  void onFailed(const std::string& reason) override { session_.mediaFailure_ = reason; }
  void onKeyFrameWanted(const std::string& mid, size_t layer) override {
    const auto local = session_.locals_.find(mid, layer);
    if (local) session_.observer_.onKeyFrameWanted(local->source, local->index);
  }
  void onFrame(const rtc::ReceivedFrame& frame) override {
    if (session_.remotes_.onFrame(frame)) session_.media_->requestKeyFrame(frame.mid);
  }
  void onDataChannel(bool open) override { session_.setDataOpen(open); }
  void onData(const rtc::ReceivedData& data) override { session_.onData(data); }

 private:
  CallSession& session_;
};

/// What automatic keys ask for, done over the WebSocket or the data channel.
class CallSession::Keys final : public KeyLink {
 public:
  explicit Keys(CallSession& session) : session_(session) {}

  void sendMessage(e2ee::OutgoingMessage message, std::function<void(e2ee::SendOutcome)> done) override {
    if (!session_.socketOpen_) return done({"the connection to the server is gone", {}, {}});
    const uint64_t id = session_.ask(Asked::Send);
    session_.sends_[id] = std::move(done);
    session_.socket_.send(makeSend(id, message));
  }
  bool sendDirect(uint16_t sender, base::ByteView payload, base::Timestamp now) override {
    if (!session_.dataOpen_) return false;
    return session_.sendData(sender, DataKind::Key, /*lossy=*/false, payload, now) == DataSendResult::Sent;
  }
  base::TimeDelta roundTrip() const override {
    return session_.media_ ? session_.media_->statistics().roundTrip : base::TimeDelta();
  }
  void acknowledgeMessages(uint64_t upTo) override {
    if (session_.socketOpen_) session_.socket_.send(makeAck(session_.ask(Asked::Acknowledge), upTo));
  }
  void keyFramesNeeded() override {
    for (const LocalTracks::Layer& layer : session_.locals_.videoLayers()) {
      session_.observer_.onKeyFrameWanted(layer.source, layer.index);
    }
  }
  void keysWaiting(uint16_t sender, bool waiting) override {
    const std::string id = session_.remotes_.idOfSender(sender);
    if (!id.empty()) session_.observer_.onWaitingForKeys(id, waiting);
  }
  void keysRotated(const e2ee::RotationReport& report) override { session_.observer_.onRotation(report); }
  void identityChanged(const e2ee::DeviceId& device) override {
    session_.observer_.onIdentityChanged(device);
  }
  void deviceMessage(const e2ee::DeviceId& from, const e2ee::MessageId& id, e2ee::Body& body) override {
    session_.observer_.onDeviceMessage(from, id, body);
  }
  void keysWarning(const std::string& message) override { session_.observer_.onWarning(message); }
  void keysHaveWork() override { session_.socket_.wake(); }

 private:
  CallSession& session_;
};

std::unique_ptr<e2ee::KeyProvider> CallSession::makeKeys() {
  if (auto external = externalKeys(options_, random_)) return external;
  if (options_.device.store == nullptr) return nullptr;
  auto automatic = std::make_unique<AutomaticKeys>(
      options_.device, options_.suite.value_or(frame::Suite::Duo), random_, *keyLink_);
  automatic_ = automatic.get();
  return automatic;
}

/// A room with encryption off: what devices agree on is of no use there.
void CallSession::dropKeys() {
  automatic_->left();
  automatic_ = nullptr;
  locals_.withoutSealer();
  remotes_.withoutKeys();
  keys_.reset();
}

CallSession::CallSession(CallOptions options, SignalingSocket& socket, base::DatagramBatch& out,
                         base::Random& random, CallObserver& observer)
    : options_(std::move(options)),
      socket_(socket),
      out_(out),
      random_(random),
      observer_(observer),
      rateCap_(options_.rateCapBitsPerSecond),
      keyLink_(std::make_unique<Keys>(*this)),
      keys_(makeKeys()),
      locals_(options_, keys_ ? &keys_->sealer() : nullptr),
      remotes_(keys_.get(), observer),
      mediaEvents_(std::make_unique<MediaEvents>(*this)),
      socketBackoff_(firstBackoff),
      mediaBackoff_(firstBackoff) {}

CallSession::~CallSession() = default;

// ---- coming and going ------------------------------------------------------------------------------

void CallSession::start(base::Timestamp now) {
  if (state_ != CallState::Idle) return;
  giveUpDue_ = now + options_.giveUpAfter;
  setState(CallState::Connecting, "");
  socket_.open();
}

void CallSession::leave(base::Timestamp now) {
  if (over() || leaving_) return;
  leaving_ = true;
  if (!joined_) return end(CallState::Left, "");
  socket_.send(makeLeave(ask(Asked::Leave)));
  leaveDue_ = now + leaveTimeout;
}

void CallSession::setState(CallState state, const std::string& reason) {
  if (state_ == state) return;
  state_ = state;
  reason_ = reason;
  observer_.onState(state, reason);
}

void CallSession::fail(const std::string& reason) {
  end(CallState::Failed, reason);
}

void CallSession::end(CallState state, const std::string& reason) {
  if (over()) return;
  if (media_) media_->close();
  if (socketOpen_) socket_.close();
  socketOpen_ = joined_ = false;
  if (automatic_ != nullptr) automatic_->left();
  sends_.clear();
  mediaDue_ = socketDue_ = giveUpDue_ = leaveDue_ = base::Timestamp::plusInfinity();
  setState(state, reason);
}

void CallSession::lost(const std::string& reason, base::Timestamp now) {
  if (giveUpDue_ == base::Timestamp::plusInfinity()) giveUpDue_ = now + options_.giveUpAfter;
  if (state_ != CallState::Reconnecting) {
    setState(CallState::Reconnecting, reason);
  } else {
    reason_ = reason;
  }
}

void CallSession::refreshState() {
  if (over() || !joined_) return;
  const bool up = media_ && mediaAnswered_ && media_->state() == rtc::ConnectionState::Connected;
  if (up) {
    giveUpDue_ = base::Timestamp::plusInfinity();
    socketBackoff_ = mediaBackoff_ = firstBackoff;
    setState(CallState::Connected, "");
  } else if (state_ != CallState::Reconnecting) {
    setState(CallState::Negotiating, "");
  }
}

void CallSession::onSocketOpen(base::Timestamp now) {
  if (over()) return;
  socketOpen_ = true;
  if (state_ == CallState::Connecting) setState(CallState::Joining, "");
  sendJoin();
  settle(now);
}

void CallSession::onSocketClosed(const std::string& reason, base::Timestamp now, uint16_t closeCode) {
  if (over()) return;
  if (closeCode == closeReplaced) return onReplaced();
  const bool wasJoined = joined_;
  socketOpen_ = joined_ = false;
  asked_.clear();
  offerRequest_ = 0;
  failSends();
  if (leaving_) return end(CallState::Left, "");
  if (!everJoined_) return fail(reason);
  if (wasJoined) {
    ++totals_.reconnects;
    socketBackoff_ = firstBackoff;
  }
  lost(reason, now);
  socketDue_ = now + socketBackoff_;
  socketBackoff_ = std::min(socketBackoff_ * 2, longestBackoff);
}

void CallSession::onDatagram(base::MutableByteView datagram, const base::SocketAddress& from,
                             base::Timestamp now) {
  if (over() || !media_) return;
  media_->onDatagram(datagram, from, now);
  settle(now);
}

void CallSession::onTime(base::Timestamp now) {
  if (over()) return;
  if (now >= leaveDue_) return end(CallState::Left, "");
  if (now >= giveUpDue_) return fail(reason_.empty() ? "no connection to the server's media" : reason_);
  if (now >= socketDue_) {
    socketDue_ = base::Timestamp::plusInfinity();
    socket_.open();
  }
  if (media_) media_->onTime(now);
  if (automatic_ != nullptr && now >= automatic_->nextDeadline()) automatic_->onTime(now);
  settle(now);
}

void CallSession::settle(base::Timestamp now) {
  takeDirectData(now);
  if (mediaFailure_) {
    setDataOpen(false);
    lost(*mediaFailure_, now);
    mediaFailure_.reset();
    if (mediaDue_ == base::Timestamp::plusInfinity()) {
      scheduleMedia(now + mediaBackoff_);
      mediaBackoff_ = std::min(mediaBackoff_ * 2, longestBackoff);
    }
  }
  if (now >= mediaDue_ && joined_ && !leaving_) {
    mediaDue_ = base::Timestamp::plusInfinity();
    startMedia();
  }
  refreshState();
}

base::Timestamp CallSession::nextDeadline() const {
  if (over()) return base::Timestamp::plusInfinity();
  if (!directData_.empty() || channelLost_) return base::Timestamp::minusInfinity();
  base::Timestamp deadline = std::min({socketDue_, giveUpDue_, leaveDue_});
  if (joined_) deadline = std::min(deadline, mediaDue_);
  if (media_) deadline = std::min(deadline, media_->nextDeadline());
  if (automatic_ != nullptr) deadline = std::min(deadline, automatic_->nextDeadline());
  return deadline;
}

// ---- media -----------------------------------------------------------------------------------------

void CallSession::startMedia() {
  remotes_.clearSlots();
  wishes_.clear();
  videoMids_.clear();
  mediaAnswered_ = false;
  addConnection(totals_);
  media_.reset();
  setDataOpen(false);
  certificate_ = std::make_unique<Certificate>();
  media_ = std::make_unique<rtc::PeerConnection>(
      certificate_->certificate, keys_ ? frame::TrailerPolicy::Required : frame::TrailerPolicy::Optional,
      random_, out_, *mediaEvents_);
  locals_.addTo(*media_);
  for (uint32_t i = 0; i < std::min(options_.audioSlots, audioSlotLimit_); ++i) {
    media_->addSlot(control::MediaKind::Audio);
  }
  for (uint32_t i = 0; i < std::min(options_.videoSlots, videoSlotLimit_); ++i) {
    videoMids_.push_back(media_->addSlot(control::MediaKind::Video));
  }
  if (options_.dataChannels) media_->addDataChannels();
  offerRequest_ = 0;
  sendOffer();
}

DataSendResult CallSession::sendData(uint16_t destination, DataKind kind, bool lossy, base::ByteView payload,
                                     base::Timestamp now) {
  if (over() || !media_) return DataSendResult::NotConnected;
  return media_->sendData(destination, kind, lossy, payload, now);
}

void CallSession::setDataOpen(bool open) {
  if (std::exchange(dataOpen_, open) == open) return;
  channelLost_ = channelLost_ || !open;
  observer_.onDataChannel(open);
}

void CallSession::takeDirectData(base::Timestamp now) {
  if (automatic_ == nullptr) {
    directData_.clear();
    channelLost_ = false;
    return;
  }
  if (std::exchange(channelLost_, false)) automatic_->channelLost(now);
  if (directData_.empty()) return;
  for (const DirectData& data : std::exchange(directData_, {})) {
    automatic_->onDirect(data.origin, data.payload, now);
  }
  openWaitingData();
}

void CallSession::onData(const rtc::ReceivedData& data) {
  RemoteData message;
  for (const Participant& participant : remotes_.roster()) {
    if (participant.sender == data.origin) message.participant = participant.id;
  }
  message.origin = data.origin;
  message.kind = data.kind;
  message.lossy = data.lossy;
  message.payload = data.payload;
  observer_.onDataMessage(message);
  if (automatic_ != nullptr && data.kind == DataKind::Key && !data.lossy) {
    directData_.push_back({data.origin, {data.payload.begin(), data.payload.end()}});
  }
  if (!keys_ || data.kind != DataKind::Data || message.participant.empty()) return;
  if (openData(message)) return;
  if (waitingData_.size() >= maxWaitingData) waitingData_.pop_front();
  waitingData_.push_back(
      {message.participant, message.origin, message.lossy, {message.payload.begin(), message.payload.end()}});
}

void CallSession::openWaitingData() {
  std::erase_if(waitingData_, [&](const WaitingData& waiting) {
    RemoteData message;
    message.participant = waiting.participant;
    message.origin = waiting.origin;
    message.lossy = waiting.lossy;
    message.payload = waiting.payload;
    return openData(message);
  });
}

bool CallSession::openData(const RemoteData& message) {
  // Whose it is, the key says: the server's word only helps to find it.
  const auto opened =
      keys_->dataOpener().open(message.payload, message.origin, selfSender_, /*reliable=*/!message.lossy);
  if (!opened) return opened.error() != e2ee::DataOpenError::UnknownKey;
  SealedData data;
  data.participant = message.participant;
  for (const Participant& participant : remotes_.roster()) {
    if (participant.id == message.participant) data.name = participant.name;
  }
  data.lossy = message.lossy;
  data.toEveryone = opened->destination == toEveryone;
  data.plain = opened->plain;
  observer_.onSealedData(data);
  return true;
}

DataSendResult CallSession::sendSealed(uint16_t destination, bool lossy, base::ByteView plain,
                                       base::Timestamp now) {
  if (!keys_) return DataSendResult::NotConnected;
  const auto sealed = keys_->dataSealer().seal(plain, {!lossy, destination});
  if (!sealed) return DataSendResult::NotConnected;
  return sendData(destination, DataKind::Data, lossy, *sealed, now);
}

void CallSession::invite(const std::vector<std::string>& users) {
  if (joined_) socket_.send(makeInvite(ask(Asked::Invite), users));
}

SendResult CallSession::sendFrame(const OutgoingFrame& frame, base::Timestamp now) {
  if (over() || !media_ || media_->state() != rtc::ConnectionState::Connected) {
    return SendResult::NotConnected;
  }
  return locals_.send(frame, *media_, now);
}

// ---- what the application wants --------------------------------------------------------------------

void CallSession::setWants(std::vector<Want> wants, bool wantEveryone) {
  options_.wants = std::move(wants);
  options_.wantEveryone = wantEveryone;
  updateWishes(/*evenIfUnchanged=*/false);
}

void CallSession::setMuted(TrackSource source, bool muted) {
  locals_.setMuted(source, muted);
  if (joined_ && mediaAnswered_) socket_.send(makeMute(ask(Asked::Mute), source, muted));
}

void CallSession::setRateCap(std::optional<uint64_t> bitsPerSecond) {
  rateCap_ = bitsPerSecond;
  if (joined_ && mediaAnswered_) socket_.send(makeRateCap(ask(Asked::RateCap), rateCap_));
}

void CallSession::setScreen(std::optional<VideoTrack> screen) {
  locals_.setScreen(std::move(screen), media_.get());
  offerAgain();
}

void CallSession::restartIce() {
  if (!media_) return;
  media_->restartIce();
  offerAgain();
}

void CallSession::networkChanged(base::Timestamp now) {
  if (media_) media_->networkChanged(now);
}

void CallSession::acceptIdentity(const DeviceName& device, base::Timestamp now) {
  if (automatic_ != nullptr) automatic_->acceptIdentity(device, now);
}

CallStatistics CallSession::statistics() const {
  CallStatistics statistics = totals_;
  statistics.state = state_;
  statistics.sealing = keys_ != nullptr;
  if (keys_) statistics.suite = suite_;
  statistics.streams = remotes_.statistics();
  statistics.framesUnknownSender = remotes_.unknownSender();
  if (automatic_ != nullptr) statistics.keyMessages = automatic_->messageStatistics();
  addConnection(statistics);
  return statistics;
}

void CallSession::addConnection(CallStatistics& statistics) const {
  if (!media_) return;
  const rtc::ConnectionStatistics connection = media_->statistics();
  for (const LocalLayerStatistics& layer : locals_.statistics(connection)) addLayer(statistics.layers, layer);
  statistics.roundTrip = connection.roundTrip;
  if (connection.feedbackPackets > 0) {
    statistics.uplinkLoss =
        static_cast<double>(connection.feedbackLost) / static_cast<double>(connection.feedbackPackets);
  }
  for (const rtc::SlotStatistics& slot : connection.slots) {
    statistics.packetsReceived += slot.packets;
    statistics.packetsLost += slot.lost;
    statistics.nacksSent += slot.nacks;
    statistics.keyFramesAsked += slot.keyFrameRequests;
  }
}

}  // namespace sotto::client::call
