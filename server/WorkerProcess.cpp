#include "server/WorkerProcess.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

namespace sotto::server {
namespace {

/// Where the worker finds its end of the channel.
constexpr int controlDescriptor = 3;

base::Expected<WorkerProcess> failed(const std::string& what, int error) {
  return base::fail(what + ": " + std::strerror(error));
}

/// posix_spawn's attributes and file actions, freed with the scope.
struct SpawnPlan {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
};

int spawn(const WorkerCommand& command, int control, int output, pid_t& pid) {
  SpawnPlan plan;
  posix_spawn_file_actions_addopen(&plan.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&plan.actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&plan.actions, output, STDERR_FILENO);
  posix_spawn_file_actions_adddup2(&plan.actions, control, controlDescriptor);
  // Not all libraries mark their descriptors close-on-exec: a worker must not hold clients' sockets.
  posix_spawn_file_actions_addclosefrom_np(&plan.actions, controlDescriptor + 1);

  sigset_t none;
  sigemptyset(&none);
  sigset_t usual;
  sigfillset(&usual);
  posix_spawnattr_setsigmask(&plan.attributes, &none);
  posix_spawnattr_setsigdefault(&plan.attributes, &usual);
  posix_spawnattr_setpgroup(&plan.attributes, 0);
  posix_spawnattr_setflags(&plan.attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<std::string> words{command.program, "--control", std::to_string(controlDescriptor), "--address",
                                 command.address, "--port",    std::to_string(command.port)};
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  return posix_spawn(&pid, command.program.c_str(), &plan.actions, &plan.attributes, arguments.data(),
                     environ);
}

}  // namespace

base::Expected<WorkerProcess> startWorker(const WorkerCommand& command) {
  auto ends = control::Channel::makePair();
  if (!ends) return tl::make_unexpected(ends.error());
  int output[2];
  if (pipe2(output, O_CLOEXEC) != 0) return failed("pipe", errno);
  fcntl(output[0], F_SETFL, O_NONBLOCK);

  WorkerProcess process;
  const int error = spawn(command, ends->second.descriptor(), output[1], process.pid);
  ::close(output[1]);
  if (error != 0) {
    ::close(output[0]);
    return failed("cannot start " + command.program, error);
  }
  // By number, as old C libraries have no name for it.
  process.processDescriptor = static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0));
  if (process.processDescriptor < 0) {
    const int why = errno;
    ::close(output[0]);
    kill(process.pid, SIGKILL);
    reapWorker(process.pid);
    return failed("pidfd_open", why);
  }
  process.channel = std::move(ends->first);
  process.watchDescriptor = fcntl(process.channel.descriptor(), F_DUPFD_CLOEXEC, 0);
  if (process.watchDescriptor < 0) {
    const int why = errno;
    ::close(output[0]);
    ::close(process.processDescriptor);
    kill(process.pid, SIGKILL);
    reapWorker(process.pid);
    return failed("dup", why);
  }
  process.outputDescriptor = output[0];
  return process;
}

std::string reapWorker(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return "ended";
  }
  if (WIFSIGNALED(status)) {
    return fmt::format("was killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  }
  return fmt::format("exited with code {}", WEXITSTATUS(status));
}

}  // namespace sotto::server
