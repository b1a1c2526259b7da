// signaling's MediaPlane over the worker processes of this machine.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/Placement.hpp"
#include "server/WorkerSupervisor.hpp"
#include "signaling/MediaPlane.hpp"

namespace sotto::server {

class LocalMediaPlane final : public signaling::MediaPlane, private SupervisorListener {
 public:
  /// `announced`: the addresses clients are told, best first; the worker's port is put in.
  LocalMediaPlane(boost::asio::io_context& io, const SupervisorOptions& options,
                  std::vector<base::SocketAddress> announced);

  /// Both before start(). `firstFailure` is told of workers that end before they were ready.
  void setListener(signaling::MediaPlaneListener& listener) { listener_ = &listener; }
  void onFirstStart(std::function<void()> allReady, std::function<void(const std::string&)> failed);
  void start() { supervisor_.start(); }
  /// See WorkerSupervisor::stop.
  void stop(std::chrono::milliseconds patience, std::function<void()> done);

  void request(const std::string& room, control::RequestBody body, Done done) override;
  std::optional<signaling::MediaAddress> address(const std::string& room) const override;

  const WorkerSupervisor& supervisor() const { return supervisor_; }
  size_t workers() const { return ready_.size(); }
  size_t rooms() const { return placement_.rooms(); }
  size_t load(size_t worker) const { return placement_.load(worker); }
  /// Asks every ready worker for its counters; `done` gets them by worker number, nullopt for those that did
  /// not answer.
  using AllStatistics = std::vector<std::optional<control::Statistics>>;
  void statistics(std::function<void(AllStatistics)> done);

 private:
  void onWorkerReady(size_t worker, const control::WorkerReady& ready) override;
  void onWorkerLost(size_t worker, const std::string& reason) override;
  void onWorkerFailed(size_t worker, const std::string& reason) override;
  void onWorkerEvent(size_t worker, const control::Event& event) override;
  void noteEndpoints(const std::string& room, const control::RequestBody& body);

  boost::asio::io_context& io_;
  WorkerSupervisor supervisor_;
  Placement placement_;
  std::vector<std::optional<control::WorkerReady>> ready_;
  std::vector<base::SocketAddress> announced_;
  signaling::MediaPlaneListener* listener_ = nullptr;
  std::function<void()> allReady_;
  std::function<void(const std::string&)> startFailed_;
};

}  // namespace sotto::server
