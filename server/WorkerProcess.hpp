// One running sotto-worker: its process, its control channel and what it prints. Starting only; watching is
// the supervisor's work.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "media/base/Expected.hpp"
#include "media/control/Channel.hpp"

namespace sotto::server {

struct WorkerCommand {
  std::string program;  ///< path of sotto-worker
  std::string address;  ///< IP literal, or "*"
  uint16_t port = 0;    ///< 0: any free one
};

/// Owns the descriptors, not the process: whoever holds this must reap it.
struct WorkerProcess {
  pid_t pid = 0;
  int processDescriptor = -1;  ///< pidfd: readable when the process has ended
  int watchDescriptor = -1;    ///< a second one of the channel's socket, to be waited on
  int outputDescriptor = -1;   ///< read end of a pipe: the worker's stdout and stderr, non-blocking
  control::Channel channel{-1};
};

/// Starts the worker in a process group of its own, so that a Ctrl-C on the terminal reaches the server alone
/// and the server can stop in order.
base::Expected<WorkerProcess> startWorker(const WorkerCommand& command);

/// "exited with code 1", "was killed by signal 9 (Killed)". Reaps the process; blocks until it has ended.
std::string reapWorker(pid_t pid);

}  // namespace sotto::server
