// Where a SendStream puts its packets: the caller seals the parts straight into its send arena.
#pragma once

#include <cstdint>

#include "media/base/Bytes.hpp"

namespace sotto::stream {

/// One RTP packet in three pieces that follow each other on the wire. Valid during the call only.
struct OutgoingPacket {
  base::ByteView header;   ///< RTP header with extensions
  base::ByteView prefix;   ///< RTX original sequence number and payload descriptor; may be empty
  base::ByteView payload;  ///< a chunk of the frame
  bool retransmission = false;

  size_t size() const { return header.size() + prefix.size() + payload.size(); }
};

class PacketSink {
 public:
  virtual ~PacketSink() = default;
  /// Takes one packet. All packets of one sendFrame() but the last have the same size.
  virtual void send(const OutgoingPacket& packet) = 0;
  /// The next transport-wide sequence number, asked for once before each send() of a stream that carries the
  /// extension.
  virtual uint16_t nextTransportSequence() = 0;
};

}  // namespace sotto::stream
