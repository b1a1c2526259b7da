// Two DtlsTransports joined by a seeded network in virtual time.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "media/base/Random.hpp"
#include "media/dtls/DtlsTransport.hpp"

namespace sotto::dtls {

using Bytes = std::vector<uint8_t>;

inline const Certificate& clientCertificate() {
  static const Certificate certificate = Certificate::generate();
  return certificate;
}
inline const Certificate& serverCertificate() {
  static const Certificate certificate = Certificate::generate();
  return certificate;
}

inline Parameters expecting(const Certificate& peer, Role role) {
  Parameters parameters;
  parameters.role = role;
  parameters.fingerprintAlgorithm = "sha-256";
  parameters.fingerprintValue = peer.fingerprint();
  return parameters;
}

struct DtlsPair {
  /// What becomes of a datagram (to the server or not): the datagrams that arrive in its place.
  using Fate = std::function<std::vector<Bytes>(bool toServer, const Bytes&)>;

  struct InFlight {
    base::Timestamp arrival;
    bool toServer;
    Bytes bytes;
  };

  explicit DtlsPair(Parameters clientParameters = expecting(serverCertificate(), Role::Client),
                    Parameters serverParameters = expecting(clientCertificate(), Role::Server))
      : client(clientCertificate(), std::move(clientParameters), [this](base::ByteView d) { post(true, d); }),
        server(serverCertificate(), std::move(serverParameters),
               [this](base::ByteView d) { post(false, d); }) {}

  void post(bool toServer, base::ByteView datagram) {
    largest = std::max(largest, datagram.size());
    ++sent;
    for (Bytes& bytes : fate(toServer, Bytes(datagram.begin(), datagram.end()))) {
      wire.push_back({now + delay, toServer, std::move(bytes)});
    }
  }
  void begin() {
    server.start(now);
    client.start(now);
  }
  /// Runs until nothing is in flight and no timer is due before `limit`.
  void run(base::TimeDelta limit = base::TimeDelta::seconds(60)) {
    const base::Timestamp end = now + limit;
    while (true) {
      base::Timestamp next = std::min(client.nextDeadline(), server.nextDeadline());
      if (!wire.empty()) next = std::min(next, wire.front().arrival);
      if (next > end) return;
      now = std::max(now, next);
      if (!wire.empty() && wire.front().arrival <= now) {
        InFlight arrived = std::move(wire.front());
        wire.pop_front();
        (arrived.toServer ? server : client).onDatagram(arrived.bytes, now);
      } else {
        client.onTime(now);
        server.onTime(now);
      }
    }
  }
  bool connected() const { return client.state() == State::Connected && server.state() == State::Connected; }
  bool keysAgree() const {
    const SrtpKeys &a = client.srtpKeys(), &b = server.srtpKeys();
    return a.profile == b.profile && a.sendKey == b.receiveKey && a.receiveKey == b.sendKey &&
           a.sendSalt == b.receiveSalt && a.receiveSalt == b.sendSalt && a.sendKey != a.receiveKey &&
           a.sendKey.size() == srtp::keyLength(a.profile) && a.sendSalt.size() == srtp::saltLength(a.profile);
  }

  base::Timestamp now = base::Timestamp::millis(1000);
  base::TimeDelta delay = base::TimeDelta::millis(10);
  Fate fate = [](bool, const Bytes& bytes) { return std::vector<Bytes>{bytes}; };
  std::deque<InFlight> wire;
  size_t largest = 0;
  size_t sent = 0;
  DtlsTransport client, server;
};

}  // namespace sotto::dtls
