#include "server/LocalMediaPlane.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <memory>

#include "server/FirstFault.hpp"
#include "server/Log.hpp"

namespace sotto::server {

LocalMediaPlane::LocalMediaPlane(boost::asio::io_context& io, const SupervisorOptions& options,
                                 std::vector<base::SocketAddress> announced)
    : io_(io),
      supervisor_(io, options, *this),
      placement_(options.workers),
      ready_(options.workers),
      announced_(std::move(announced)) {}

void LocalMediaPlane::onFirstStart(std::function<void()> allReady,
                                   std::function<void(const std::string&)> failed) {
  allReady_ = std::move(allReady);
  startFailed_ = std::move(failed);
}

void LocalMediaPlane::stop(std::chrono::milliseconds patience, std::function<void()> done) {
  allReady_ = nullptr;
  startFailed_ = nullptr;
  supervisor_.stop(patience, std::move(done));
}

void LocalMediaPlane::request(const std::string& room, control::RequestBody body, Done done) {
  const bool creates = std::holds_alternative<control::CreateRoom>(body);
  const bool closes = std::holds_alternative<control::CloseRoom>(body);
  const bool fresh = creates && !placement_.find(room);
  const auto worker = creates ? placement_.place(room) : placement_.find(room);
  if (!worker) {
    const std::string error = creates ? "no media worker is there at the moment" : "the room has no worker";
    boost::asio::post(io_, [done = std::move(done), error] { done({0, error, {}}); });
    return;
  }
  noteEndpoints(room, body);
  // Freed at once: a CreateRoom that follows may find a better place, as nothing of the room is left.
  if (closes) placement_.remove(room);
  supervisor_.request(*worker, std::move(body),
                      [this, room, fresh, worker, done = std::move(done)](const control::Reply& reply) {
                        // When the worker was lost meanwhile the room may be on its way to another.
                        const bool there = placement_.find(room) == worker;
                        if (fresh && there && !reply.error.empty()) placement_.remove(room);
                        done(reply);
                      });
}

void LocalMediaPlane::noteEndpoints(const std::string& room, const control::RequestBody& body) {
  if (const auto* create = std::get_if<control::CreateEndpoint>(&body)) {
    placement_.addEndpoint(room, create->parameters.endpoint);
  } else if (const auto* remove = std::get_if<control::RemoveEndpoint>(&body)) {
    placement_.removeEndpoint(room, remove->endpoint);
  }
}

std::optional<signaling::MediaAddress> LocalMediaPlane::address(const std::string& room) const {
  const auto worker = placement_.find(room);
  if (!worker || !ready_[*worker] || !supervisor_.isReady(*worker)) return std::nullopt;
  signaling::MediaAddress address;
  address.candidates = announced_;
  for (base::SocketAddress& candidate : address.candidates) candidate.port = ready_[*worker]->udpPort;
  address.fingerprint = ready_[*worker]->fingerprint;
  return address;
}

void LocalMediaPlane::statistics(std::function<void(AllStatistics)> done) {
  struct Collection {
    AllStatistics all;
    size_t missing;
    std::function<void(AllStatistics)> done;
  };
  auto collection =
      std::make_shared<Collection>(Collection{AllStatistics(workers()), workers(), std::move(done)});
  for (size_t worker = 0; worker < workers(); ++worker) {
    supervisor_.request(worker, control::GetStatistics{}, [collection, worker](const control::Reply& reply) {
      collection->all[worker] = reply.statistics;
      if (--collection->missing == 0) collection->done(std::move(collection->all));
    });
  }
}

void LocalMediaPlane::onWorkerReady(size_t worker, const control::WorkerReady& ready) {
  logInfo(fmt::format("worker {} (pid {}) takes media on UDP port {}; GSO {}, GRO {}", worker,
                      supervisor_.pid(worker), ready.udpPort, ready.segmentation ? "yes" : "no",
                      ready.coalescing ? "yes" : "no"));
  ready_[worker] = ready;
  placement_.setReady(worker, true);
  if (allReady_ && supervisor_.readyWorkers() == workers()) {
    startFailed_ = nullptr;
    std::exchange(allReady_, nullptr)();
  }
}

void LocalMediaPlane::onWorkerLost(size_t worker, const std::string& reason) {
  ready_[worker].reset();
  placement_.setReady(worker, false);
  const std::vector<std::string> rooms = placement_.removeAll(worker);
  logError(fmt::format("worker {} {}; {} rooms are placed again", worker, reason, rooms.size()));
  if (listener_ == nullptr) return;
  FirstFault faults;
  for (const std::string& room : rooms) {
    faults.run([&] { listener_->onRoomLost(room, fmt::format("the media worker {}", reason)); });
  }
  faults.rethrow();
}

void LocalMediaPlane::onWorkerFailed(size_t worker, const std::string& reason) {
  logError(fmt::format("worker {} did not start: it {}", worker, reason));
  if (startFailed_) std::exchange(startFailed_, nullptr)(reason);
}

void LocalMediaPlane::onWorkerEvent(size_t, const control::Event& event) {
  if (listener_ != nullptr) listener_->onMediaEvent(event);
}

}  // namespace sotto::server
