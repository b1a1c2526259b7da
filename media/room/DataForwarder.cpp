#include "media/room/DataForwarder.hpp"

#include "media/sctp/DataMessage.hpp"

namespace sotto::room {

void forwardData(Endpoint& from, base::ByteView message, bool lossy,
                 const std::vector<std::unique_ptr<Endpoint>>& endpoints, Counters& counters,
                 base::Timestamp now) {
  const auto parsed = sctp::parseDataMessage(message);
  if (!parsed) {
    counters.add(Count::DataRefusedMalformed);
    return;
  }
  const bool toAll = parsed->peer == 0;
  const auto header = sctp::dataHeader(parsed->kind, from.parameters().sender);
  bool found = toAll;
  for (const auto& endpoint : endpoints) {
    if (endpoint.get() == &from) continue;
    if (!toAll && endpoint->parameters().sender != parsed->peer) continue;
    found = true;
    endpoint->data().deliver(header, parsed->payload, lossy, now);
  }
  if (!found) counters.add(Count::DataRefusedDestination);
}

}  // namespace sotto::room
