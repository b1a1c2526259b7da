#include "tests/sim/SimServer.hpp"

#include <algorithm>

#include "signaling/Tokens.hpp"

namespace sotto::sim {

namespace {

/// One hop between server and worker.
constexpr auto planeDelay = base::TimeDelta::micros(200);
/// A write that waits for its disk.
constexpr auto storageDelay = base::TimeDelta::millis(5);
const std::string tokenSecret(32, 's');

signaling::Settings makeSettings(control::E2eePolicy policy) {
  signaling::Settings settings;
  settings.authSecret = tokenSecret;
  settings.e2ee = policy;
  return settings;
}

}  // namespace

SimServer::SimServer(VirtualTime& time, base::Random& random, control::E2eePolicy policy, Route route)
    : time_(time),
      random_(random),
      route_(std::move(route)),
      certificate_(dtls::Certificate::generate()),
      service_(std::make_unique<signaling::Service>(makeSettings(policy), *this, random, storage_)),
      coreAlarm_(time,
                 [this] {
                   core_->onTime(time_.now());
                   settle();
                 }),
      serviceAlarm_(time, [this] {
        service_->onTime(now());
        settle();
      }) {
  storage_.onWaiting = [this] { drainStorageLater(); };
  if (storage_.waiting() > 0) drainStorageLater();
  startWorker();
}

/// All that waits by then goes to disk together, as a real engine does it.
void SimServer::drainStorageLater() {
  time_.after(storageDelay, [this] {
    storage_.drain();
    settle();
  });
}

SimServer::~SimServer() = default;

void SimServer::startWorker() {
  ++workerGeneration_;
  rooms_.clear();
  out_.clear();
  core_ = std::make_unique<room::MediaCore>(certificate_, random_, out_, *this);
}

signaling::Now SimServer::now() const {
  // Any wall time does, as long as tokens are issued by the same clock.
  return {time_.now(), 1'800'000'000'000 + time_.now().ms()};
}

std::string SimServer::issueToken(const std::string& room, const std::string& user) const {
  signaling::TokenClaims claims;
  claims.room = room;
  claims.user = claims.name = user;
  claims.device = deviceName;
  claims.expiresAt = now().unixMs / 1'000 + 3'600;
  return signaling::issueToken(tokenSecret, claims).value();
}

void SimServer::onDatagram(base::MutableByteView datagram, const base::SocketAddress& from) {
  core_->onDatagram(datagram, from, time_.now());
  // As a worker does once its batch of datagrams has been fed.
  core_->onTime(time_.now());
  settle();
}

signaling::ConnectionId SimServer::onOpen(std::shared_ptr<signaling::Connection> connection) {
  const signaling::ConnectionId id = service_->onOpen(std::move(connection), now());
  settle();
  return id;
}

void SimServer::onMessage(signaling::ConnectionId id, std::string_view text) {
  service_->onMessage(id, text, now());
  settle();
}

void SimServer::onClose(signaling::ConnectionId id) {
  service_->onClose(id, now());
  settle();
}

void SimServer::loseWorker() {
  const std::vector<std::string> lost = rooms_;
  startWorker();
  for (const std::string& room : lost) service_->onRoomLost(room, "the worker died");
  settle();
}

uint64_t SimServer::counter(const std::string& name) {
  const control::Reply reply = core_->handle({++nextRequest_, control::GetStatistics{}}, time_.now());
  if (!reply.statistics) return 0;
  for (const control::Counter& counter : reply.statistics->counters) {
    if (counter.name == name) return counter.value;
  }
  return 0;
}

void SimServer::request(const std::string& room, control::RequestBody body, Done done) {
  if (std::holds_alternative<control::CreateRoom>(body)) rooms_.push_back(room);
  if (std::holds_alternative<control::CloseRoom>(body)) std::erase(rooms_, room);
  const uint64_t generation = workerGeneration_;
  control::Request request{++nextRequest_, std::move(body)};
  time_.after(planeDelay, [this, generation, request = std::move(request), done = std::move(done)] {
    control::Reply reply;
    reply.id = request.id;
    if (generation == workerGeneration_) {
      reply = core_->handle(request, time_.now());
    } else {
      reply.error = "the worker went away";
    }
    time_.after(planeDelay, [this, reply = std::move(reply), done] {
      done(reply);
      settle();
    });
    settle();
  });
}

std::optional<signaling::MediaAddress> SimServer::address(const std::string& room) const {
  if (std::find(rooms_.begin(), rooms_.end(), room) == rooms_.end()) return std::nullopt;
  return signaling::MediaAddress{{mediaAddress()}, {"sha-256", certificate_.fingerprint()}};
}

void SimServer::onEvent(const control::Event& event) {
  const uint64_t generation = workerGeneration_;
  time_.after(planeDelay, [this, generation, event] {
    if (generation != workerGeneration_) return;
    service_->onMediaEvent(event);
    settle();
  });
}

void SimServer::settle() {
  out_.forEachDatagram(route_);
  out_.clear();
  coreAlarm_.set(core_->nextDeadline());
  serviceAlarm_.set(service_->nextDeadline());
}

}  // namespace sotto::sim
