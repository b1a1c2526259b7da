// A participant in the simulation: the real client stack, encoders that make synthetic frames, and the
// oracles that look at what it receives.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/native/call/CallSession.hpp"
#include "signaling/Connection.hpp"
#include "tests/sim/Alarm.hpp"
#include "tests/sim/Link.hpp"
#include "tests/sim/Oracles.hpp"
#include "tests/sim/SimDevice.hpp"
#include "tests/sim/SimServer.hpp"
#include "tests/sim/SyntheticVideo.hpp"
#include "tests/sim/VirtualTime.hpp"

namespace sotto::sim {

using client::call::DeviceName;
using client::call::TrackSource;

struct ClientSettings {
  std::string name, room = "simulation";
  bool microphone = false, camera = false;
  frame::CodecType codec = frame::CodecType::Vp8;
  uint8_t layers = 3;  ///< 1..3 simulcast layers: 180, 360 and 720 lines, the largest ones that fit
  uint8_t temporalLayers = 1;
  uint32_t framesPerSecond = 20;
  bool keyFramesTogether = false;  ///< asked for one layer's key frame, makes one of each, as browsers do
  base::TimeDelta layerSkew;       ///< each layer is captured and sent so much after the one below it
  uint8_t audioLevel = 60;         ///< RFC 6464
  bool sealed = true;
  bool data = false;  ///< data channels
  /// Keys that the devices agree on themselves; else all have the same secret.
  bool automaticKeys = false;
  std::vector<client::call::Want> wants;
  bool wantEveryone = true;
  uint32_t everyoneHeight = 0;
  uint32_t audioSlots = 3, videoSlots = 6;
  std::optional<uint64_t> rateCap;
  LinkSettings up, down;
  base::TimeDelta signalingDelay = base::TimeDelta::millis(15);  ///< one way
};

class SimClient final : public client::call::SignalingSocket, public client::call::CallObserver {
 public:
  /// `number` is unique in the simulation and makes the address. References must outlive the client.
  /// `device` is needed for automatic keys.
  SimClient(VirtualTime& time, SimServer& server, Violations& violations, uint32_t number, uint64_t seed,
            ClientSettings settings, SimDevice* device = nullptr);
  ~SimClient() override;

  void start();
  void leave();
  client::call::CallSession& session() { return *session_; }
  const ClientSettings& settings() const { return settings_; }
  uint32_t number() const { return number_; }
  /// The encoder of that layer of the camera stands still, as under congestion, or goes on with a key frame.
  void setLayerSends(size_t layer, bool sends);
  /// Requests for key frames of that layer are heard or not.
  void setLayerObeys(size_t layer, bool obeys);
  /// After calling into session() directly.
  void settle();

  // ---- the network
  const base::SocketAddress& address() const { return address_; }
  /// From now on everything is sent from, and taken at, another address.
  void changeAddress();
  /// Present or earlier.
  bool everHad(const base::SocketAddress& address) const;
  Link& up() { return up_; }
  Link& down() { return down_; }
  WireOracle& wire() { return wire_; }
  void onDatagram(base::MutableByteView datagram);
  /// Its sealed messages get lost from here on: nobody gets a receipt.
  void setSilent(bool silent) { silent_ = silent; }
  /// The socket to the server breaks without a word.
  void loseSocket();

  // ---- what it saw
  /// Of the stream of `name`; made on first use.
  StreamOracle& stream(const std::string& name, TrackSource source = TrackSource::Camera);
  bool hasStream(const std::string& name, TrackSource source = TrackSource::Camera) const;
  const std::map<std::pair<std::string, TrackSource>, std::unique_ptr<StreamOracle>>& streams() const {
    return streams_;
  }
  /// When key frames of our camera were asked for, any layer.
  const std::vector<base::Timestamp>& keyFrameRequests() const { return keyFrameRequests_; }
  base::Timestamp startedAt() const { return startedAt_; }
  std::optional<base::Timestamp> connectedAt() const { return connectedAt_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  struct Data {
    std::string from;  ///< name; empty: not in the roster
    client::call::DataKind kind = client::call::DataKind::Data;
    bool lossy = false;
    std::vector<uint8_t> payload;
  };
  const std::vector<Data>& data() const { return data_; }
  /// How often the data channel has opened, and whether it is.
  uint32_t dataOpened() const { return dataOpened_; }
  bool dataOpen() const { return dataOpen_; }

  // ---- automatic keys
  client::call::AutomaticKeys& keys() { return *session_->automaticKeys(); }
  SimDevice& device() { return *device_; }
  /// Whose frames it waits for keys of, by id.
  const std::set<std::string>& waitingForKeys() const { return waitingForKeys_; }
  const std::vector<DeviceName>& changedIdentities() const { return changedIdentities_; }
  /// Text that went over the WebSocket, both ways.
  uint64_t signalingMessages() const { return signalingMessages_; }
  uint64_t signalingBytes() const { return signalingBytes_; }
  /// Sealed messages as they came, for those who record everything.
  const std::vector<std::string>& recordedMessages() const { return recordedMessages_; }
  /// Numbers of other clients by name, so that frames can be held against their author.
  std::function<std::optional<uint32_t>(const std::string&)> numberOf;

 private:
  class ServerSide;

  // SignalingSocket
  void open() override;
  void send(std::string text) override;
  void close() override;
  void wake() override;
  // CallObserver
  void onState(client::call::CallState state, const std::string& reason) override;
  void onRemoteFrame(const client::call::RemoteFrame& frame) override;
  void onKeyFrameWanted(TrackSource source, size_t layer) override;
  void onRoster(std::span<const client::call::Participant> everyoneElse) override;
  void onOpenFailure(const std::string& participant, const std::string& reason) override;
  void onWarning(const std::string& message) override;
  void onDataChannel(bool open) override;
  void onDataMessage(const client::call::RemoteData& message) override;
  void onWaitingForKeys(const std::string& participant, bool waiting) override;
  void onIdentityChanged(const DeviceName& device) override;

  client::call::CallOptions makeOptions() const;
  void sendVideo();
  void sendAudio();
  void sendEncoded(SyntheticEncoder& encoder, TrackSource source);

  VirtualTime& time_;
  SimServer& server_;
  Violations& violations_;
  uint32_t number_;
  ClientSettings settings_;
  base::SeededRandom random_;
  base::SocketAddress address_;
  std::vector<base::SocketAddress> earlierAddresses_;
  Link up_, down_;
  WireOracle wire_;
  base::DatagramBatch out_;
  std::vector<SyntheticEncoder> video_;
  std::array<bool, 3> layerSends_{true, true, true}, layerObeys_{true, true, true};
  std::unique_ptr<SyntheticEncoder> audio_;
  /// Bumped with each socket, so that messages of an old one are not delivered.
  std::shared_ptr<uint64_t> socketGeneration_ = std::make_shared<uint64_t>(0);
  signaling::ConnectionId connection_ = 0;
  std::map<std::pair<std::string, TrackSource>, std::unique_ptr<StreamOracle>> streams_;
  std::map<std::string, std::pair<std::string, TrackSource>> playing_;  ///< by slot: whose frame came last
  std::vector<base::Timestamp> keyFrameRequests_;
  std::vector<std::string> warnings_;
  std::vector<Data> data_;
  uint32_t dataOpened_ = 0;
  bool dataOpen_ = false;
  SimDevice* device_;
  bool silent_ = false;
  std::set<std::string> waitingForKeys_;
  std::vector<DeviceName> changedIdentities_;
  std::vector<std::string> recordedMessages_;
  uint64_t signalingMessages_ = 0, signalingBytes_ = 0;
  base::Timestamp startedAt_;
  std::optional<base::Timestamp> connectedAt_;
  uint32_t mediaConnections_ = 0;
  std::unique_ptr<client::call::CallSession> session_;
  Alarm alarm_, videoTick_, audioTick_;
};

}  // namespace sotto::sim
