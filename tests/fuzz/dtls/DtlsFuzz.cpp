// Datagrams from strangers to a DTLS server, fresh and in the middle of a handshake. The input is cut into
// datagrams by two-byte lengths.
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <vector>

#include "media/dtls/DtlsTransport.hpp"

using namespace sotto;

namespace {

const dtls::Certificate& certificate() {
  static const dtls::Certificate made = dtls::Certificate::generate();
  return made;
}

dtls::Parameters parameters(dtls::Role role) {
  dtls::Parameters result;
  result.role = role;
  result.fingerprintAlgorithm = "sha-256";
  result.fingerprintValue = certificate().fingerprint();
  return result;
}

void feed(dtls::DtlsTransport& server, base::ByteView input, base::Timestamp now) {
  base::ByteReader reader(input);
  while (reader.remaining() > 2) {
    const size_t size = reader.u16() % 2048;
    const base::ByteView datagram = reader.bytes(std::min(size, reader.remaining()));
    server.onDatagram(datagram, now);
    server.onTime(now);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteView input(data, size);
  base::Timestamp now = base::Timestamp::millis(1);

  dtls::DtlsTransport fresh(certificate(), parameters(dtls::Role::Server), [](base::ByteView) {});
  fresh.start(now);
  feed(fresh, input, now);
  if (fresh.state() == dtls::State::Connected) std::abort();

  // One honest client; the input comes after as many of its datagrams as its first byte says.
  std::deque<std::vector<uint8_t>> toServer, toClient;
  dtls::DtlsTransport server(certificate(), parameters(dtls::Role::Server),
                             [&](base::ByteView d) { toClient.emplace_back(d.begin(), d.end()); });
  dtls::DtlsTransport client(certificate(), parameters(dtls::Role::Client),
                             [&](base::ByteView d) { toServer.emplace_back(d.begin(), d.end()); });
  server.start(now);
  client.start(now);
  size_t before = size == 0 ? 0 : data[0] % 4;
  while (!toServer.empty() || !toClient.empty()) {
    if (before-- == 0) feed(server, input, now);
    if (!toServer.empty()) {
      server.onDatagram(toServer.front(), now);
      toServer.pop_front();
    } else {
      client.onDatagram(toClient.front(), now);
      toClient.pop_front();
    }
    now = now + base::TimeDelta::millis(1);
  }
  return 0;
}
