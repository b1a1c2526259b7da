// RTP packets with all their header extensions, and RTX payloads.
#include <cstdlib>

#include "media/rtp/HeaderExtensions.hpp"
#include "media/rtp/RtpPacket.hpp"
#include "media/rtp/Rtx.hpp"

using namespace sotto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteView bytes(data, size);
  rtp::looksLikeRtcp(bytes);
  rtp::looksLikeRtp(bytes);
  const auto view = rtp::RtpPacketView::parse(bytes);
  if (!view) return 0;
  if (view->headerSize + view->payload().size() + view->paddingSize != size) std::abort();
  for (unsigned id = 0; id < 256; ++id) {
    const auto value = view->extension(static_cast<uint8_t>(id));
    if (!value) continue;
    rtp::parseAudioLevel(*value);
    rtp::parseTransportSequence(*value);
    rtp::parseAbsSendTime(*value);
    if (view->extensionText(static_cast<uint8_t>(id)).size() != value->size()) std::abort();
  }
  rtp::parseRtx(view->payload());
  return 0;
}
