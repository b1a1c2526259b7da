// The whole of sotto-server between a checked configuration and the end of the process.
#pragma once

#include <memory>
#include <string>

#include "config/Config.hpp"

namespace sotto::server {

class Server {
 public:
  /// `workerProgram`: path of sotto-worker.
  Server(config::Config config, std::string workerProgram);
  ~Server();

  /// Starts the workers, then listens, and serves until SIGTERM or SIGINT. Returns the exit code: 0 after an
  /// orderly stop, 1 when something could not be started.
  int run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sotto::server
