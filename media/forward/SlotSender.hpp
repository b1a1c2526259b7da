// The outgoing stream of one slot: whatever plays there, the recipient sees one SSRC with contiguous sequence
// numbers, monotonic timestamps and picture ids.
#pragma once

#include <array>
#include <cstdint>

#include "media/base/Random.hpp"
#include "media/control/Messages.hpp"
#include "media/forward/PictureIds.hpp"
#include "media/forward/Source.hpp"
#include "media/forward/TimestampMapper.hpp"
#include "media/stream/PacketSink.hpp"
#include "media/stream/SendStream.hpp"

namespace sotto::forward {

class SlotSender {
 public:
  /// `maxPacketSize`: from RTP header to end of payload.
  SlotSender(const control::Slot& slot, size_t maxPacketSize, base::Random& random);

  /// The recipient can play this codec in this slot.
  bool takes(frame::CodecType codec) const { return payloadTypes_[index(codec)].media != 0; }
  struct How {
    uint32_t publisher = 0;    ///< whose clock the frame's capture time is on
    bool switched = false;     ///< the first frame of another stream, or after a break
    bool endOfPicture = true;  ///< see LayerSelector::Decision
  };
  /// Sends one frame; `takes()` must hold. Returns the number of packets.
  size_t send(const ArrivedFrame& arrived, const How& how, base::Timestamp now, stream::PacketSink& sink);

  stream::SendStream& stream() { return stream_; }
  const stream::SendStream& stream() const { return stream_; }

 private:
  struct PayloadTypes {
    uint8_t media = 0, rtx = 0;
  };
  static constexpr size_t codecCount = 3;
  static size_t index(frame::CodecType codec) { return static_cast<size_t>(codec); }
  static stream::SendStreamOptions options(const control::Slot& slot, size_t maxPacketSize,
                                           base::Random& random);

  std::array<PayloadTypes, codecCount> payloadTypes_;
  stream::SendStream stream_;
  TimestampMapper timestamps_;
  PictureIds pictures_;
  uint32_t publisher_ = 0;
};

/// The codec of that rtpmap name, if it is one that we forward.
std::optional<frame::CodecType> codecNamed(std::string_view name);

}  // namespace sotto::forward
