// What a process in the sandbox can still do. Each case runs in a child of its own, since there is no way
// out.
#include "media/worker/Sandbox.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace sotto::worker {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

/// Runs `body` in a sandboxed child; the exit code is its result, 99 when the sandbox could not be entered,
/// and the negative signal number when it was killed.
int inSandbox(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    if (!enterSandbox()) _exit(99);
    _exit(body());
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/// 0 when the call was refused with EPERM, 1 when it worked, 2 when it failed in another way.
int refused(long result) {
  if (result >= 0) return 1;
  return errno == EPERM ? 0 : 2;
}

}  // namespace

TEST_CASE("a sandboxed process can use memory, time and its open sockets") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
  CHECK(inSandbox([&] {
          std::vector<char> large(32 << 20, 'x');
          timespec now{};
          if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 1;
          if (send(ends[0], large.data(), 5, 0) != 5) return 2;
          if (recv(ends[1], large.data(), large.size(), 0) != 5) return 3;
          return 0;
        }) == 0);
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("a sandboxed process cannot open sockets or change files") {
  CHECK(inSandbox([] { return refused(socket(AF_INET, SOCK_DGRAM, 0)); }) == 0);
  CHECK(inSandbox([] { return refused(socket(AF_UNIX, SOCK_STREAM, 0)); }) == 0);
  CHECK(inSandbox([] { return refused(unlink("/tmp/no-such-file")); }) == 0);
  CHECK(inSandbox([] { return refused(mkdir("/tmp/sotto-sandbox-test", 0700)); }) == 0);
}

TEST_CASE("a sandboxed process leaves no core file, and root can still look into its memory") {
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  static const char mark[] = "a mark in the child's memory";
  const pid_t child = fork();
  if (child == 0) {
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &unlimited);
    if (enterSandbox() && write(ready[1], "x", 1) == 1) {
      const timespec untilKilled{1000, 0};
      nanosleep(&untilKilled, nullptr);
    }
    _exit(99);
  }
  close(ready[1]);
  char byte = 0;
  CHECK(read(ready[0], &byte, 1) == 1);

  std::ifstream limits("/proc/" + std::to_string(child) + "/limits");
  std::string line;
  while (std::getline(limits, line) && line.rfind("Max core file size", 0) != 0) continue;
  std::istringstream values(line.substr(std::min<size_t>(line.size(), 18)));
  std::string soft, hard;
  values >> soft >> hard;
  CHECK(soft == "0");
  CHECK(hard == "0");
  if (geteuid() == 0) {
    const int memory = open(("/proc/" + std::to_string(child) + "/mem").c_str(), O_RDONLY);
    REQUIRE(memory >= 0);
    char seen[sizeof mark] = {};
    CHECK(pread(memory, seen, sizeof seen, static_cast<off_t>(reinterpret_cast<uintptr_t>(mark))) ==
          static_cast<ssize_t>(sizeof seen));
    CHECK(std::string(seen) == mark);
    close(memory);
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
}

TEST_CASE("a sandboxed process cannot open a file, fork or run a program") {
  if (sanitized) {
    WARN("sanitizer builds may read files and fork");
    return;
  }
  CHECK(inSandbox([] { return refused(open("/etc/passwd", O_RDONLY)); }) == 0);
  CHECK(inSandbox([] { return refused(open("/", O_RDONLY | O_DIRECTORY)); }) == 0);
  CHECK(inSandbox([] { return refused(fork()); }) == 0);
  CHECK(inSandbox([] {
          char* const arguments[] = {const_cast<char*>("/bin/true"), nullptr};
          execve("/bin/true", arguments, nullptr);
          return 1;
        }) == -SIGSYS);
}

TEST_CASE("a sandboxed process has no root rights") {
  if (sanitized || geteuid() != 0) {
    WARN("needs root and a build without sanitizers");
    return;
  }
  CHECK(inSandbox([] { return geteuid() == 65534 && getegid() == 65534 && getuid() == 65534 ? 0 : 1; }) == 0);
}

TEST_CASE("a worker whose parent is already gone is told so") {
  const auto result = dieWithParent(getppid() + 1);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().message == "the process that started this worker is gone");
  CHECK(dieWithParent(getppid()).has_value());
}

}  // namespace sotto::worker
