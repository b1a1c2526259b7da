// Hostile packets into an association that is up. Noise would fail at the checksum and at the verification
// tag, so the input is a list of chunks that are put behind a proper header: kind, flags, length, body.
// Chunks that speak of sequence numbers get ones near those that the association expects.
#include <usrsctp.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "tests/unit/sctp/AssociationPair.hpp"

using namespace sotto;

namespace {

constexpr uint8_t kindData = 0, kindInit = 1, kindSack = 3, kindForwardTsn = 192;
constexpr size_t commonHeader = 12, chunkHeader = 4;
/// Where the initial TSN stands in an INIT chunk.
constexpr size_t initialTsn = chunkHeader + 12;

using Bytes = std::vector<uint8_t>;

/// An association and what a peer that is let into it knows.
struct Victim {
  explicit Victim(uint64_t seed) : pair(seed) {
    tsnOfClient = tsnIn(pair.client);
    tsnOfServer = tsnIn(pair.server);
    if (!pair.connect()) std::abort();
    sctp::ChannelParameters channel;
    channel.label = "sotto";
    const auto stream = pair.client.association->open(channel, pair.now);
    pair.client.association->send(stream.value(), Bytes(10, 1), true, pair.now);
    header.assign(pair.client.sent.front().begin(), pair.client.sent.front().begin() + commonHeader);
    pair.run(base::TimeDelta::millis(100));
    pair.cut = true;  // from here on the input is the peer
  }
  uint32_t tsnIn(test::AssociationEnd& end) {
    end.association->onTime(pair.now);  // the first packet is an INIT
    const Bytes& packet = end.sent.front();
    if (packet.at(commonHeader) != kindInit) std::abort();
    return base::loadU32(&packet.at(commonHeader + initialTsn));
  }
  void feed(const Bytes& chunks) {
    Bytes packet = header;
    packet.insert(packet.end(), chunks.begin(), chunks.end());
    std::memset(&packet[8], 0, 4);
    const uint32_t checksum = usrsctp_crc32c(packet.data(), packet.size());
    std::memcpy(&packet[8], &checksum, sizeof checksum);
    pair.server.association->onPacket(packet, pair.now);
  }

  test::AssociationPair pair;
  Bytes header;
  uint32_t tsnOfClient = 0, tsnOfServer = 0;
};

void appendChunk(Bytes& packet, uint8_t kind, uint8_t flags, base::ByteView body, const Victim& victim) {
  const size_t begin = packet.size();
  packet.resize(begin + chunkHeader);
  packet[begin] = kind;
  packet[begin + 1] = flags;
  base::storeU16(&packet[begin + 2], static_cast<uint16_t>(chunkHeader + body.size()));
  packet.insert(packet.end(), body.begin(), body.end());
  if (body.size() >= 4) {
    const uint32_t offset = body[3] % 32;
    if (kind == kindData || kind == kindForwardTsn)
      base::storeU32(&packet[begin + chunkHeader], victim.tsnOfClient + offset);
    if (kind == kindSack) base::storeU32(&packet[begin + chunkHeader], victim.tsnOfServer + offset - 1);
  }
  while (packet.size() % 4 != 0) packet.push_back(0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  Victim victim(data[0]);
  base::ByteReader reader(base::ByteView(data, size).subspan(1));
  Bytes packet;
  while (reader.remaining() > 3) {
    const uint8_t kind = reader.u8();
    const uint8_t flags = reader.u8();
    const uint8_t length = reader.u8();
    const base::ByteView body = reader.bytes(std::min<size_t>(length & 0x7F, reader.remaining()));
    appendChunk(packet, kind, flags, body, victim);
    const bool more = (length & 0x80) != 0 && packet.size() < 1'000;
    if (more) continue;
    victim.feed(packet);
    packet.clear();
    victim.pair.run(base::TimeDelta::millis(length & 1 ? 1 : 50));
  }
  if (!packet.empty()) victim.feed(packet);
  victim.pair.run(base::TimeDelta::seconds(1));
  return 0;
}
