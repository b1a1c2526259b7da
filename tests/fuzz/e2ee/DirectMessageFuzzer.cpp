// Key messages on the data channel, from a hostile server: whatever decodes encodes to the same bytes.
#include <cstdlib>

#include "client/native/e2ee/messenger/DirectMessage.hpp"

using namespace sotto;
using namespace sotto::client::e2ee;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const DeviceId from{"alice", "phone"};
  const auto message = decodeDirect({data, size}, from);
  if (!message) return 0;
  if (message->from != from || message->seq != 0 || !message->direct) std::abort();
  OutgoingMessage again;
  again.id = message->id;
  again.purpose = message->purpose;
  again.group = message->group;
  again.shared = message->shared;
  const auto payload = encodeDirect(again, {from, message->type, message->body});
  if (!std::equal(payload.begin(), payload.end(), data, data + size)) std::abort();
  return 0;
}
