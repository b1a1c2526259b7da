// Metadata of a frame without a trailer (rooms without end-to-end encryption), from its payload descriptor
// and codec header.
#pragma once

#include "media/frame/Frame.hpp"

namespace sotto::frame {

/// Sets frame.metadata from frame.codec, frame.codecInfo and the payload. A header that does not parse makes
/// a delta frame of unknown size.
void deriveMetadata(Frame& frame);

}  // namespace sotto::frame
