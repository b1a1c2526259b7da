// The worker's command line, which only sotto-server writes.
#pragma once

#include <cstdint>

#include "media/base/Expected.hpp"
#include "media/base/SocketAddress.hpp"

namespace sotto::worker {

struct Options {
  int controlDescriptor = -1;   ///< inherited: our end of the control channel
  base::SocketAddress address;  ///< of the UDP socket; port 0: any free one
};

/// `--control FD --address IP|* --port 0..65535`, all three, in any order.
base::Expected<Options> parseOptions(int argc, const char* const* argv);

}  // namespace sotto::worker
