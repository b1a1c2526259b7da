#include "media/sctp/SctpEnvironment.hpp"

#include <sys/time.h>

#include <cerrno>

namespace {

int64_t environmentTime = 0;

}  // namespace

namespace sotto::sctp {

void setEnvironmentTime(int64_t microseconds) {
  environmentTime = microseconds;
}

}  // namespace sotto::sctp

extern "C" {

int sotto_sctp_gettimeofday(timeval* time, void* /*zone*/);
int sotto_sctp_pthread_create(void* thread, const void* attributes, void* start, void* argument);
int sotto_sctp_getifaddrs(void** list);

int sotto_sctp_gettimeofday(timeval* time, void* /*zone*/) {
  time->tv_sec = static_cast<time_t>(environmentTime / 1'000'000);
  time->tv_usec = static_cast<suseconds_t>(environmentTime % 1'000'000);
  return 0;
}

/// The thread that usrsctp asks for walks over all associations of a process at once, which nobody wants.
int sotto_sctp_pthread_create(void* /*thread*/, const void* /*attributes*/, void* /*start*/,
                              void* /*argument*/) {
  return EAGAIN;
}

/// Associations here run over DTLS and have no IP addresses.
int sotto_sctp_getifaddrs(void** /*list*/) {
  errno = ENOSYS;
  return -1;
}
}
