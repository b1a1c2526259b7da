// Any text as an SDP offer: parsing is bounded, writing and parsing again changes nothing, and an answer that
// comes out of negotiation is itself an SDP that can be read.
#include <cstdlib>

#include "signaling/Negotiation.hpp"

using namespace sotto;
using namespace sotto::signaling;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void forgetLines(sdp::SessionDescription& description) {
  for (auto& media : description.media) media.line = 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto offer = sdp::parse({reinterpret_cast<const char*>(data), size});
  if (!offer) return 0;
  auto again = sdp::parse(sdp::write(*offer), {1 << 24, 128});
  require(again.has_value());
  forgetLines(*offer);
  forgetLines(*again);
  require(*offer == *again);

  const MediaAddress address{{*base::SocketAddress::parse("192.0.2.7", 40000)}, {"sha-256", "AA:BB"}};
  const Limits limits;
  const std::optional<std::vector<NamedTrack>> names;
  base::SeededRandom random(size);
  const auto first = negotiate({*offer, names, address, limits, true, true, {}, nullptr}, random);
  if (!first) return 0;
  const auto answer = sdp::parse(first->answer);
  require(answer && answer->media.size() == offer->media.size());
  const auto second = negotiate({*offer, names, address, limits, true, true, {}, &first->agreement}, random);
  require(second && !second->replaces && second->agreement.slots == first->agreement.slots);
  return 0;
}
