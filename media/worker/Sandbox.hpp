// A worker parses what strangers send, so it keeps only the rights that its event loop needs: the sockets it
// has opened, memory, time and randomness. What goes is listed at enterSandbox().
#pragma once

#include <sys/types.h>

#include "media/base/Expected.hpp"

namespace sotto::worker {

/// Asks the kernel to kill this process (SIGKILL) when the one that started it goes. `parent` is that
/// process: an error when it is gone already.
base::Expected<void> dieWithParent(pid_t parent);

/// Irrevocable, for the whole process. Open every socket and load every library before.
///  - no core files, and no other unprivileged process may read this one's memory (PR_SET_DUMPABLE 0);
///  - as root: an empty root directory, all capabilities dropped, user and group nobody (65534);
///  - no new privileges through exec (PR_SET_NO_NEW_PRIVS);
///  - a seccomp filter: only the system calls of the event loop pass; running programs and tracing kills the
///    process; all else, such as opening files and sockets, fails with EPERM.
/// Built with sanitizers, the filter also lets through what their reports and the leak check need (reading
/// files, threads, tracing itself), the process stays dumpable, and root stays root: such builds are for
/// tests.
base::Expected<void> enterSandbox();

}  // namespace sotto::worker
