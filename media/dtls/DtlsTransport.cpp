// DTLS 1.2 for DTLS-SRTP (RFC 5763, RFC 5764, RFC 6347) over OpenSSL.
//
// OpenSSL's retransmission timer reads the wall clock and cannot be told the time, so it is set never to
// fire, and flights are repeated here: byte for byte, as if the network had duplicated them. Records that did
// arrive are dropped by the receiver's replay check, those that were lost are taken. A peer that misses our
// last flight repeats its own; that is answered by repeating our last flight.
#include "media/dtls/DtlsTransport.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>

#include "media/dtls/CertificateImpl.hpp"
#include "media/dtls/DatagramBio.hpp"
#include "media/dtls/Fingerprint.hpp"

namespace sotto::dtls {
namespace {

using base::TimeDelta;
using base::Timestamp;

/// Fits every path that carries media, with room for a TURN header.
constexpr long handshakeMtu = 1200;
/// RFC 6347 says 1 s for want of knowledge. Here ICE has just proved the path and most round trips are
/// shorter than this; a repetition too early costs a few datagrams, one too late delays the join.
constexpr TimeDelta firstTimeout = TimeDelta::millis(100);
constexpr TimeDelta longestTimeout = TimeDelta::seconds(2);
/// Whoever waits to join has given up by then.
constexpr TimeDelta handshakeLimit = TimeDelta::seconds(30);

constexpr uint8_t contentChangeCipherSpec = 20;
constexpr uint8_t contentHandshake = 22;

const char* profileName(srtp::Profile profile) {
  switch (profile) {
    case srtp::Profile::Aes128CmSha1_80:
      return "SRTP_AES128_CM_SHA1_80";
    case srtp::Profile::AeadAes128Gcm:
      return "SRTP_AEAD_AES_128_GCM";
    case srtp::Profile::AeadAes256Gcm:
      return "SRTP_AEAD_AES_256_GCM";
  }
  return "";
}

std::string profileList(const std::vector<srtp::Profile>& profiles) {
  std::string list;
  for (srtp::Profile profile : profiles) {
    if (!list.empty()) list += ':';
    list += profileName(profile);
  }
  return list;
}

unsigned neverFires(SSL* /*ssl*/, unsigned /*previousMicroseconds*/) {
  return ~0u;  // 71 minutes; handshakeLimit is long past by then
}

std::string lastOpensslError(const char* what) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return std::string(what) + ": " + (reason == nullptr ? "unknown error" : reason);
}

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

}  // namespace

struct DtlsTransport::Impl final : DatagramPort {
  Impl(const Certificate& certificate, Parameters given, std::function<void(base::ByteView)> out);

  base::ByteView takeDatagram() override { return std::exchange(incoming, {}); }
  void putDatagram(base::ByteView datagram) override;

  void start(Timestamp now);
  void onDatagram(base::ByteView datagram, Timestamp now);
  void onTime(Timestamp now);
  void close();

  void continueHandshake(Timestamp now);
  void finishHandshake(Timestamp now);
  void readRecords(Timestamp now);
  bool sendApplicationData(base::ByteView data);
  void repeatFlight();
  void fail(std::string reason);
  static int verifyCertificate(X509_STORE_CTX* store, void* argument);

  Parameters parameters;
  std::function<void(base::ByteView)> send;
  std::function<void(base::ByteView, Timestamp)> applicationData;
  std::optional<Fingerprint> peer;
  std::unique_ptr<SSL, SslFree> ssl;
  State state = State::New;
  std::string error;
  SrtpKeys keys;
  bool started = false;

  base::ByteView incoming;
  std::vector<std::vector<uint8_t>> flight;  ///< the datagrams that we sent last
  bool flightIsNew = false;                  ///< the next datagram sent begins another flight
  TimeDelta timeout = firstTimeout;
  Timestamp deadline = Timestamp::plusInfinity();
  Timestamp handshakeEnd = Timestamp::plusInfinity();
  Timestamp lastFlightRepeated = Timestamp::minusInfinity();
  std::optional<Timestamp> flightSent;  ///< of a flight that was sent once
  std::optional<TimeDelta> roundTrip;
};

DtlsTransport::Impl::Impl(const Certificate& certificate, Parameters given,
                          std::function<void(base::ByteView)> out)
    : parameters(std::move(given)),
      send(std::move(out)),
      peer(Fingerprint::parse(parameters.fingerprintAlgorithm, parameters.fingerprintValue)),
      ssl(SSL_new(certificate.impl().context.get())) {
  if (ssl == nullptr) throw std::runtime_error("OpenSSL could not make a DTLS connection");
  BIO* bio = makeDatagramBio(*this);
  SSL_set_bio(ssl.get(), bio, bio);
  SSL_set_app_data(ssl.get(), this);
  SSL_set_mtu(ssl.get(), handshakeMtu);
  DTLS_set_timer_cb(ssl.get(), &neverFires);
  // OpenSSL asks for the peer's certificate and that it proves to own it; whose it is, we decide.
  SSL_set_verify(ssl.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(SSL_get_SSL_CTX(ssl.get()), &verifyCertificate, nullptr);
  // This function returns 0 on success.
  if (SSL_set_tlsext_use_srtp(ssl.get(), profileList(parameters.profiles).c_str()) != 0) {
    throw std::runtime_error("OpenSSL refused the SRTP profiles");
  }
  if (parameters.role == Role::Server) {
    SSL_set_accept_state(ssl.get());
  } else {
    SSL_set_connect_state(ssl.get());
  }
}

int DtlsTransport::Impl::verifyCertificate(X509_STORE_CTX* store, void* /*argument*/) {
  const auto* ssl =
      static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* self = static_cast<Impl*>(SSL_get_app_data(ssl));
  const X509* certificate = X509_STORE_CTX_get0_cert(store);
  if (certificate != nullptr && self->peer && self->peer->matches(certificate)) {
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
  }
  self->error = "the peer's certificate does not have the fingerprint that its SDP announced";
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
  return 0;
}

void DtlsTransport::Impl::putDatagram(base::ByteView datagram) {
  if (std::exchange(flightIsNew, false)) flight.clear();
  if (state == State::New || state == State::Handshaking)
    flight.emplace_back(datagram.begin(), datagram.end());
  send(datagram);
}

void DtlsTransport::Impl::fail(std::string reason) {
  state = State::Failed;
  if (error.empty()) error = std::move(reason);
  deadline = Timestamp::plusInfinity();
  flight.clear();
}

void DtlsTransport::Impl::start(Timestamp now) {
  if (std::exchange(started, true)) return;
  if (!peer) return fail("the peer's fingerprint is malformed or of an unknown hash function");
  if (parameters.role == Role::Client) continueHandshake(now);
}

void DtlsTransport::Impl::continueHandshake(Timestamp now) {
  flightIsNew = true;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl.get());
  const bool sent = !std::exchange(flightIsNew, false);
  if (result != 1) {
    const int reason = SSL_get_error(ssl.get(), result);
    if (reason == SSL_ERROR_ZERO_RETURN) return fail("the peer closed the connection during the handshake");
    if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) {
      return fail(lastOpensslError("DTLS handshake failed"));
    }
  }
  const bool answered = sent || result == 1;
  if (answered && flightSent) roundTrip = now - *flightSent;
  if (answered) flightSent.reset();
  if (sent) {
    flightSent = now;
    if (state == State::New) handshakeEnd = now + handshakeLimit;
    state = State::Handshaking;
    timeout = firstTimeout;
    deadline = now + timeout;
  }
  if (result == 1) finishHandshake(now);
}

void DtlsTransport::Impl::finishHandshake(Timestamp now) {
  deadline = Timestamp::plusInfinity();
  const SRTP_PROTECTION_PROFILE* selected = SSL_get_selected_srtp_profile(ssl.get());
  if (selected == nullptr) return fail("no SRTP profile in common with the peer");
  keys.profile = static_cast<srtp::Profile>(selected->id);
  const size_t keyLength = srtp::keyLength(keys.profile);
  const size_t saltLength = srtp::saltLength(keys.profile);

  // RFC 5764 section 4.2: client key, server key, client salt, server salt.
  static constexpr char label[] = "EXTRACTOR-dtls_srtp";
  std::vector<uint8_t> material(2 * (keyLength + saltLength));
  if (SSL_export_keying_material(ssl.get(), material.data(), material.size(), label, sizeof label - 1,
                                 nullptr, 0, 0) != 1) {
    return fail(lastOpensslError("the keying material could not be exported"));
  }
  base::ByteReader reader(material);
  const auto take = [&](size_t length) {
    const base::ByteView bytes = reader.bytes(length);
    return std::vector<uint8_t>(bytes.begin(), bytes.end());
  };
  const bool client = parameters.role == Role::Client;
  (client ? keys.sendKey : keys.receiveKey) = take(keyLength);
  (client ? keys.receiveKey : keys.sendKey) = take(keyLength);
  (client ? keys.sendSalt : keys.receiveSalt) = take(saltLength);
  (client ? keys.receiveSalt : keys.sendSalt) = take(saltLength);
  OPENSSL_cleanse(material.data(), material.size());
  state = State::Connected;
  readRecords(now);  // the datagram that completed the handshake may hold more
}

void DtlsTransport::Impl::readRecords(Timestamp now) {
  std::array<uint8_t, 2048> record;  // no datagram that we take is longer
  int result = 0;
  while (true) {
    ERR_clear_error();
    result = SSL_read(ssl.get(), record.data(), static_cast<int>(record.size()));
    if (result <= 0) break;
    if (applicationData) applicationData(base::ByteView(record).first(static_cast<size_t>(result)), now);
    if (state != State::Connected) return;  // closed by whoever took the data
  }
  const int reason = SSL_get_error(ssl.get(), result);
  if (reason == SSL_ERROR_ZERO_RETURN) {
    state = State::Closed;
  } else if (reason != SSL_ERROR_WANT_READ) {
    fail(lastOpensslError("DTLS connection failed"));
  }
}

bool DtlsTransport::Impl::sendApplicationData(base::ByteView data) {
  if (state != State::Connected || data.empty() || data.size() > SSL3_RT_MAX_PLAIN_LENGTH) return false;
  ERR_clear_error();
  return SSL_write(ssl.get(), data.data(), static_cast<int>(data.size())) > 0;
}

void DtlsTransport::Impl::repeatFlight() {
  for (const std::vector<uint8_t>& datagram : flight) send(datagram);
}

void DtlsTransport::Impl::onDatagram(base::ByteView datagram, Timestamp now) {
  if (!started || datagram.empty() || state == State::Closed || state == State::Failed) return;
  incoming = datagram;
  if (state != State::Connected) {
    continueHandshake(now);
  } else {
    readRecords(now);
    // A peer that still shakes hands has not got our last flight. At most one answer for each timeout, so
    // that nobody uses us to flood the peer.
    const bool handshaking = datagram[0] == contentHandshake || datagram[0] == contentChangeCipherSpec;
    if (state == State::Connected && handshaking && now - lastFlightRepeated >= firstTimeout) {
      lastFlightRepeated = now;
      repeatFlight();
    }
  }
  incoming = {};
}

void DtlsTransport::Impl::onTime(Timestamp now) {
  if (state != State::Handshaking || now < deadline) return;
  if (now >= handshakeEnd) return fail("the DTLS handshake took longer than 30 s");
  repeatFlight();
  flightSent.reset();
  timeout = std::min(timeout * 2, longestTimeout);
  deadline = std::min(now + timeout, handshakeEnd);
}

void DtlsTransport::Impl::close() {
  if (state == State::Closed || state == State::Failed) return;
  if (state == State::Connected) {
    ERR_clear_error();
    SSL_shutdown(ssl.get());
    ERR_clear_error();
  }
  state = State::Closed;
  deadline = Timestamp::plusInfinity();
}

DtlsTransport::DtlsTransport(const Certificate& certificate, Parameters parameters,
                             std::function<void(base::ByteView)> send)
    : impl_(std::make_unique<Impl>(certificate, std::move(parameters), std::move(send))) {}
DtlsTransport::~DtlsTransport() = default;

void DtlsTransport::start(Timestamp now) {
  impl_->start(now);
}
void DtlsTransport::onApplicationData(std::function<void(base::ByteView, Timestamp)> handler) {
  impl_->applicationData = std::move(handler);
}
bool DtlsTransport::sendApplicationData(base::ByteView data) {
  return impl_->sendApplicationData(data);
}
void DtlsTransport::onDatagram(base::ByteView datagram, Timestamp now) {
  impl_->onDatagram(datagram, now);
}
void DtlsTransport::onTime(Timestamp now) {
  impl_->onTime(now);
}
Timestamp DtlsTransport::nextDeadline() const {
  return impl_->deadline;
}
void DtlsTransport::close() {
  impl_->close();
}
State DtlsTransport::state() const {
  return impl_->state;
}
const std::string& DtlsTransport::error() const {
  return impl_->error;
}
const std::optional<TimeDelta>& DtlsTransport::roundTrip() const {
  return impl_->roundTrip;
}

const SrtpKeys& DtlsTransport::srtpKeys() const {
  return impl_->keys;
}

}  // namespace sotto::dtls
