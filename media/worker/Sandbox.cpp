#include "media/worker/Sandbox.hpp"

#include <grp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>

namespace sotto::worker {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer);
#else
constexpr bool sanitized = false;
#endif

base::Expected<void> failed(const std::string& what) {
  return base::fail("sandbox: " + what + ": " + std::strerror(errno));
}

/// What the event loop, malloc, OpenSSL and the C library's exit path call.
constexpr std::initializer_list<const char*> allowed = {
    // sockets and pipes that are open already
    "recvmmsg", "recvmsg", "recvfrom", "sendmmsg", "sendmsg", "sendto", "read", "readv", "write", "writev",
    "close", "shutdown", "getsockopt", "getsockname",
    // waiting and time
    "epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl", "timerfd_settime", "clock_gettime",
    "clock_nanosleep", "gettimeofday", "time", "nanosleep", "restart_syscall",
    // memory
    "mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "futex",
    // randomness, and what a library asks about its own process
    "getrandom", "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "fstat", "lseek", "uname",
    "sysinfo", "getrusage", "sched_yield", "sched_getaffinity",
    // signals and the end
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "tgkill", "exit", "exit_group"};

/// Reports with symbols, the thread that looks for leaks.
constexpr std::initializer_list<const char*> allowedForSanitizers = {"open",       "openat",
                                                                     "newfstatat", "stat",
                                                                     "readlink",   "readlinkat",
                                                                     "getdents64", "access",
                                                                     "fcntl",      "ioctl",
                                                                     "pipe",       "pipe2",
                                                                     "dup2",       "clone",
                                                                     "clone3",     "fork",
                                                                     "vfork",      "wait4",
                                                                     "ptrace",     "prctl",
                                                                     "arch_prctl", "set_robust_list",
                                                                     "rseq",       "rt_sigtimedwait",
                                                                     "kill",       "process_vm_readv",
                                                                     "getppid",    "prlimit64",
                                                                     "getrlimit",  "setrlimit"};

/// No honest run of the worker comes near these: whoever calls them has taken it over.
constexpr std::initializer_list<const char*> deadly = {"execve", "execveat", "ptrace", "process_vm_readv",
                                                       "process_vm_writev"};

bool add(scmp_filter_ctx filter, uint32_t action, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const int number = seccomp_syscall_resolve_name(name);
    // Not every architecture has every call.
    if (number == __NR_SCMP_ERROR || number < 0) continue;
    if (const int error = seccomp_rule_add(filter, action, number, 0); error != 0) {
      errno = -error;
      return false;
    }
  }
  return true;
}

base::Expected<void> installFilter() {
  const std::unique_ptr<void, decltype(&seccomp_release)> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)),
                                                                 &seccomp_release);
  if (filter == nullptr) return failed("seccomp_init");
  bool added = add(filter.get(), SCMP_ACT_ALLOW, allowed);
  if constexpr (sanitized) {
    added = added && add(filter.get(), SCMP_ACT_ALLOW, allowedForSanitizers);
  } else {
    added = added && add(filter.get(), SCMP_ACT_KILL_PROCESS, deadly);
  }
  if (!added) return failed("seccomp_rule_add");
  if (const int error = seccomp_load(filter.get()); error != 0) {
    errno = -error;
    return failed("seccomp_load");
  }
  return {};
}

/// Best effort: in a container root may lack the right, and the filter denies opening files all the same.
void enterEmptyRoot() {
  // This directory holds nothing but numbers of our own descriptors, and lies on no disk.
  if (chroot("/proc/self/fdinfo") == 0 && chdir("/") != 0) _exit(1);
}

base::Expected<void> becomeNobody() {
  constexpr uid_t nobody = 65534;
  if (setgroups(0, nullptr) != 0) return failed("setgroups");
  if (setresgid(nobody, nobody, nobody) != 0) return failed("setresgid");
  if (setresuid(nobody, nobody, nobody) != 0) return failed("setresuid");
  return {};
}

}  // namespace

base::Expected<void> dieWithParent(pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failed("PR_SET_PDEATHSIG");
  // It may have gone before the call above.
  if (getppid() != parent) return base::fail("the process that started this worker is gone");
  return {};
}

base::Expected<void> enterSandbox() {
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return failed("RLIMIT_CORE");
  if (!sanitized && geteuid() == 0) {
    const pid_t parent = getppid();
    enterEmptyRoot();
    if (auto changed = becomeNobody(); !changed) return changed;
    // A change of user clears the death signal.
    if (auto again = dieWithParent(parent); !again) return again;
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("PR_SET_NO_NEW_PRIVS");
  if (!sanitized && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("PR_SET_DUMPABLE");
  return installFilter();
}

}  // namespace sotto::worker
