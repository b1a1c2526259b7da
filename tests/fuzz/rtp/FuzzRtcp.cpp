// Compound RTCP and every packet type that we read; what parses as transport-wide feedback has as many
// statuses as it says.
#include <cstdlib>

#include "media/rtp/RtcpBye.hpp"
#include "media/rtp/RtcpKeyFrameRequest.hpp"
#include "media/rtp/RtcpNack.hpp"
#include "media/rtp/RtcpRemb.hpp"
#include "media/rtp/RtcpReport.hpp"
#include "media/rtp/RtcpSdes.hpp"
#include "media/rtp/TransportFeedback.hpp"

using namespace sotto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  rtp::RtcpReader reader(base::ByteView(data, size));
  while (const auto packet = reader.next()) {
    rtp::parseSenderReport(*packet);
    rtp::parseReceiverReport(*packet);
    rtp::parseSdesCname(*packet);
    rtp::parseBye(*packet);
    rtp::parsePli(*packet);
    rtp::parseRemb(*packet);
    size_t visits = 0;
    if (const auto nack = rtp::NackView::parse(*packet)) nack->forEach([&](uint16_t) { ++visits; });
    if (const auto fir = rtp::FirView::parse(*packet)) fir->forEach([&](uint32_t, uint8_t) { ++visits; });
    if (visits > 17 * size) std::abort();
    if (const auto feedback = rtp::TransportFeedbackView::parse(*packet)) {
      size_t statuses = 0;
      feedback->forEach([&](const rtp::TransportFeedbackView::Status&) { ++statuses; });
      if (statuses != feedback->statusCount) std::abort();
    }
  }
  return 0;
}
