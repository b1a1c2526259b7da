// DTLS 1.2 over datagrams for DTLS-SRTP (RFC 5763, RFC 5764) and for what else goes through it (SCTP,
// RFC 8261), over OpenSSL with memory in the place of a socket and the caller's time in the place of a clock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/base/Bytes.hpp"
#include "media/base/Expected.hpp"
#include "media/base/Units.hpp"
#include "media/srtp/SrtpSession.hpp"

namespace sotto::dtls {

/// A self-signed ECDSA P-256 certificate, made when the process starts. Movable, not copyable.
class Certificate {
 public:
  /// Throws std::runtime_error when OpenSSL fails.
  static Certificate generate();
  Certificate(Certificate&&) noexcept;
  Certificate& operator=(Certificate&&) noexcept;
  ~Certificate();
  /// SHA-256 fingerprint as in SDP (RFC 8122): upper-case hex with colons.
  const std::string& fingerprint() const;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit Certificate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

enum class Role { Server, Client };
enum class State { New, Handshaking, Connected, Closed, Failed };

/// Keying material of RFC 5764 section 4.2, already told apart into what we send and receive with.
struct SrtpKeys {
  srtp::Profile profile = srtp::Profile::AeadAes128Gcm;
  std::vector<uint8_t> sendKey, sendSalt, receiveKey, receiveSalt;
};

struct Parameters {
  Role role = Role::Server;
  /// The peer's certificate must have this fingerprint ("sha-256", "sha-384" or "sha-512"; value as in SDP).
  std::string fingerprintAlgorithm, fingerprintValue;
  /// In order of preference; the server's order decides.
  std::vector<srtp::Profile> profiles{srtp::Profile::AeadAes128Gcm, srtp::Profile::AeadAes256Gcm,
                                      srtp::Profile::Aes128CmSha1_80};
};

class DtlsTransport {
 public:
  /// `send` is called with each outgoing DTLS datagram, from within the calls below.
  DtlsTransport(const Certificate& certificate, Parameters parameters,
                std::function<void(base::ByteView)> send);
  ~DtlsTransport();
  DtlsTransport(const DtlsTransport&) = delete;
  DtlsTransport& operator=(const DtlsTransport&) = delete;

  /// Client: sends the ClientHello. Server: waits for one. Call once.
  void start(base::Timestamp now);
  /// Takes application data as it comes, one record a call, from within onDatagram. Without it such data is
  /// dropped.
  void onApplicationData(std::function<void(base::ByteView, base::Timestamp)> handler);
  /// Sends application data as one record; false when not Connected, or longer than a record (16,384 bytes).
  /// No MTU is looked at.
  bool sendApplicationData(base::ByteView data);
  /// One datagram whose first byte is 20..63 (RFC 7983). Hostile input at worst fails the handshake of this
  /// peer.
  void onDatagram(base::ByteView datagram, base::Timestamp now);
  /// Retransmits a flight when due (RFC 6347 section 4.2.4: 1 s, doubling to 60 s; ours starts lower).
  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;
  /// Sends close_notify.
  void close();

  State state() const;
  /// Why state() is Failed, one sentence.
  const std::string& error() const;
  /// Only when Connected.
  const SrtpKeys& srtpKeys() const;
  /// From a flight of ours to the peer's answer, with the time that its cryptography took. Unknown before
  /// that and where the flight had to be repeated (Karn's rule).
  const std::optional<base::TimeDelta>& roundTrip() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sotto::dtls
