// The world as usrsctp sees it. Its archive is linked with three calls of the C library led here (see
// CMakeLists.txt), since the media core reads no clock, starts no thread and opens no socket, and usrsctp
// would do all three: the clock for round trips and cookies, a thread even when it is told to start none, a
// socket to list the network's interfaces.
#pragma once

#include <cstdint>

namespace sotto::sctp {

/// What usrsctp takes for the time of day, in microseconds. Only SctpStack sets it; it never goes back.
void setEnvironmentTime(int64_t microseconds);

}  // namespace sotto::sctp
