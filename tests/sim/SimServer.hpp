// The server in the simulation: the real signaling service and the real media core, joined in one process by
// a media plane that hands requests and events over in virtual time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "media/base/DatagramBatch.hpp"
#include "media/base/Random.hpp"
#include "media/dtls/DtlsTransport.hpp"
#include "media/room/MediaCore.hpp"
#include "signaling/MediaPlane.hpp"
#include "signaling/Service.hpp"
#include "signaling/storage/MemoryStorage.hpp"
#include "tests/sim/Alarm.hpp"
#include "tests/sim/VirtualTime.hpp"

namespace sotto::sim {

class SimServer final : public signaling::MediaPlane, public room::EventSink {
 public:
  /// `route` takes each outgoing datagram.
  using Route = std::function<void(const base::SocketAddress& to, base::ByteView datagram)>;
  SimServer(VirtualTime& time, base::Random& random, control::E2eePolicy policy, Route route);
  ~SimServer() override;

  static base::SocketAddress mediaAddress() { return base::SocketAddress::v4(192, 0, 2, 1, 40'000); }
  /// Of every user.
  static constexpr const char* deviceName = "sim";
  std::string issueToken(const std::string& room, const std::string& user) const;

  // ---- the network
  void onDatagram(base::MutableByteView datagram, const base::SocketAddress& from);
  signaling::ConnectionId onOpen(std::shared_ptr<signaling::Connection> connection);
  void onMessage(signaling::ConnectionId id, std::string_view text);
  void onClose(signaling::ConnectionId id);

  /// The key directory, as it is reached over HTTP; settle() once it has been asked.
  signaling::KeyDirectory& keys() { return service_->keys(now()); }
  void settle();

  /// The worker dies and another takes its place: all media state is gone.
  void loseWorker();
  /// A counter of the media core by its name, labels included; 0 when there is none.
  uint64_t counter(const std::string& name);

 private:
  // signaling::MediaPlane
  void request(const std::string& room, control::RequestBody body, Done done) override;
  std::optional<signaling::MediaAddress> address(const std::string& room) const override;
  // room::EventSink
  void onEvent(const control::Event& event) override;

  signaling::Now now() const;
  void startWorker();
  void drainStorageLater();

  VirtualTime& time_;
  base::Random& random_;
  Route route_;
  base::DatagramBatch out_;
  dtls::Certificate certificate_;
  std::unique_ptr<room::MediaCore> core_;
  uint64_t workerGeneration_ = 0;
  std::vector<std::string> rooms_;  ///< placed on the present worker
  uint64_t nextRequest_ = 0;
  signaling::MemoryStorage storage_;
  std::unique_ptr<signaling::Service> service_;
  Alarm coreAlarm_, serviceAlarm_;
};

}  // namespace sotto::sim
