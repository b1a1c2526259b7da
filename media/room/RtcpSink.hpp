// Where the parts of an endpoint put their RTCP.
#pragma once

#include "media/base/Bytes.hpp"

namespace sotto::room {

class RtcpSink {
 public:
  virtual ~RtcpSink() = default;
  /// One plain (compound) RTCP packet of at most maxRtcpSize bytes. Lost when the transport is not up.
  virtual void sendRtcp(base::ByteView packet) = 0;
};

/// Leaves room for the SRTCP trailer within the 1,200 bytes of a datagram.
inline constexpr size_t maxRtcpSize = 1'160;

}  // namespace sotto::room
