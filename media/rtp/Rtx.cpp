#include "media/rtp/Rtx.hpp"

namespace sotto::rtp {

tl::expected<RtxPayload, ParseError> parseRtx(base::ByteView payload) {
  if (payload.size() < rtxHeaderSize) return tl::make_unexpected(ParseError::Truncated);
  return RtxPayload{base::loadU16(payload.data()), payload.subspan(rtxHeaderSize)};
}

}  // namespace sotto::rtp
