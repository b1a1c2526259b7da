// Keeps the worker processes running: starts them, speaks with them, notices at once when one dies, and
// starts another in its place. Which room lives where is not known here.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/control/Messages.hpp"

namespace sotto::server {

struct SupervisorOptions {
  std::string program;     ///< path of sotto-worker
  std::string address;     ///< that the UDP ports are bound to; "*" for all
  uint16_t firstPort = 0;  ///< of the first worker, the others follow; 0: any free ones
  size_t workers = 1;
  /// A worker that has not answered a request for so long is taken for hung, and killed.
  std::chrono::milliseconds answerTimeout{10'000};
};

/// All calls come from the event loop, never from within the supervisor's own calls. What they or a `done`
/// throw comes out of the event loop once the supervisor has done its own work.
class SupervisorListener {
 public:
  virtual ~SupervisorListener() = default;
  virtual void onWorkerReady(size_t worker, const control::WorkerReady& ready) = 0;
  /// A worker that was ready is gone. Its open requests have been answered with errors before.
  virtual void onWorkerLost(size_t worker, const std::string& reason) = 0;
  /// A worker ended before it was ever ready. It is tried again all the same.
  virtual void onWorkerFailed(size_t worker, const std::string& reason) = 0;
  virtual void onWorkerEvent(size_t worker, const control::Event& event) = 0;
};

class WorkerSupervisor {
 public:
  using Done = std::function<void(const control::Reply&)>;

  WorkerSupervisor(boost::asio::io_context& io, SupervisorOptions options, SupervisorListener& listener);
  ~WorkerSupervisor();

  /// Starts all workers; listener calls follow.
  void start();
  /// Closes the workers' channels, which ends them; kills those that are still there after `patience`.
  /// `done` is called when all are gone. No listener is called any more; open requests get errors.
  void stop(std::chrono::milliseconds patience, std::function<void()> done);

  /// `done` is called exactly once, later, from the event loop. Requests to one worker arrive in order.
  void request(size_t worker, control::RequestBody body, Done done);

  bool isReady(size_t worker) const;
  size_t readyWorkers() const;
  /// 0 while the worker does not run.
  pid_t pid(size_t worker) const;
  /// Workers that were started in the place of one that had ended.
  uint64_t restarts() const;

  /// How long the next start waits after `failures` short lives in a row: none at first, then 100 ms
  /// doubling to 5 s.
  static std::chrono::milliseconds backoff(unsigned failures);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sotto::server
