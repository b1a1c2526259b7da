#include "tests/unit/sctp/AssociationPair.hpp"

#include <algorithm>

namespace sotto::test {

AssociationPair::AssociationPair(uint64_t seed, PathFaults given) : random(seed), faults(given) {
  for (AssociationEnd* end : {&client, &server}) {
    sctp::AssociationParameters parameters;
    parameters.dtlsClient = end == &client;
    end->association = std::make_unique<sctp::SctpAssociation>(
        parameters, [end](base::ByteView packet) { end->sent.emplace_back(packet.begin(), packet.end()); },
        *end, now);
  }
}

void AssociationPair::launch(AssociationEnd& from, AssociationEnd& to) {
  for (std::vector<uint8_t>& packet : from.sent) {
    ++packets;
    largestPacket = std::max(largestPacket, packet.size());
    if (cut || random.u32() % 100 < faults.lost) continue;
    const int copies = random.u32() % 100 < faults.repeated ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const auto jitter = base::TimeDelta::millis(faults.jitterMs == 0 ? 0 : random.u32() % faults.jitterMs);
      flying_.emplace(now + delay + jitter, Flying{&to, packet});
    }
  }
  from.sent.clear();
}

void AssociationPair::run(base::TimeDelta duration) {
  const base::Timestamp end = now + duration;
  while (now < end) {
    now = now + base::TimeDelta::millis(1);
    while (!flying_.empty() && flying_.begin()->first <= now) {
      const Flying arrived = std::move(flying_.begin()->second);
      flying_.erase(flying_.begin());
      arrived.to->association->onPacket(arrived.packet, now);
    }
    for (AssociationEnd* side : {&client, &server}) {
      if (side->association->nextDeadline() <= now) side->association->onTime(now);
    }
    launch(client, server);
    launch(server, client);
  }
}

bool AssociationPair::connect() {
  for (int i = 0; i < 1'000; ++i) {
    if (client.association->connected() && server.association->connected()) return true;
    run(base::TimeDelta::millis(10));
  }
  return false;
}

}  // namespace sotto::test
