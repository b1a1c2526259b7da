// DCEP messages and data messages: what parses must write back to the same bytes.
#include <algorithm>
#include <cstdlib>

#include "media/sctp/DataMessage.hpp"
#include "media/sctp/Dcep.hpp"

using namespace sotto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteView input(data, size);
  sctp::dcepMessage(input);
  if (const auto channel = sctp::parseOpen(input)) {
    const auto again = sctp::parseOpen(sctp::writeOpen(*channel));
    if (!again || !(*again == *channel)) std::abort();
  }
  if (const auto message = sctp::parseDataMessage(input)) {
    const auto header = sctp::dataHeader(message->kind, message->peer);
    if (!std::equal(header.begin(), header.end(), input.begin())) std::abort();
    if (message->payload.size() + sctp::dataHeaderSize != size) std::abort();
  }
  return 0;
}
