// Picture ids and TL0PICIDX as one recipient sees them (VP8: RFC 7741, VP9: RFC 9628): contiguous where the
// decoder takes a hole for loss, across dropped frames and across switches between streams.
#pragma once

#include <cstdint>

#include "media/forward/Source.hpp"
#include "media/frame/Packetizer.hpp"

namespace sotto::forward {

class PictureIds {
 public:
  /// The descriptor for a frame that is being sent. `restart`: it begins a new stream, or the one before
  /// broke. `endOfPicture`: no further layer of its picture goes out.
  frame::DescriptorRewrite next(const ArrivedFrame& arrived, bool restart, bool endOfPicture);

 private:
  int32_t nextVp8Picture(const frame::CodecInfo& info);
  int32_t nextVp9Picture(const frame::CodecInfo& info, bool restart);

  bool started_ = false;
  int32_t lastPicture_ = -1;   ///< as sent, 15 bits
  int32_t lastReceived_ = -1;  ///< VP9, as received
  int16_t lastBase_ = -1;      ///< TL0PICIDX as sent
  int32_t baseOffset_ = 0;     ///< TL0PICIDX: sent - received
};

}  // namespace sotto::forward
