// A self-signed ECDSA P-256 certificate and the OpenSSL settings of DTLS-SRTP (RFC 5763, RFC 8827
// section 6.5).
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <array>
#include <stdexcept>

#include "media/base/Random.hpp"
#include "media/dtls/CertificateImpl.hpp"
#include "media/dtls/Fingerprint.hpp"

namespace sotto::dtls {
namespace {

constexpr long day = 24L * 3600;
/// Clocks of peers may run behind ours.
constexpr long validFrom = -day;
/// Longer than a process lives; a new one makes a new certificate.
constexpr long validFor = 365 * day;
/// Forward-secret AEAD suites; the first is the one that every WebRTC endpoint must have.
constexpr const char* cipherSuites =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384";
constexpr const char* groups = "X25519:P-256:P-384";

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using X509Ref = std::unique_ptr<X509, decltype(&X509_free)>;

void require(bool succeeded, const char* what) {
  if (!succeeded) throw std::runtime_error(std::string("OpenSSL could not ") + what);
}

X509Ref makeCertificate(EVP_PKEY* key) {
  X509Ref certificate(X509_new(), &X509_free);
  require(certificate != nullptr, "make a certificate");
  base::SystemRandom random;
  X509_NAME* name = X509_get_subject_name(certificate.get());
  // The name says nothing: a peer knows us by the fingerprint alone.
  const unsigned char commonName[] = "WebRTC";
  require(X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
              ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), random.u64() >> 1) == 1 &&
              X509_gmtime_adj(X509_getm_notBefore(certificate.get()), validFrom) != nullptr &&
              X509_gmtime_adj(X509_getm_notAfter(certificate.get()), validFor) != nullptr &&
              X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, commonName, -1, -1, 0) == 1 &&
              X509_set_issuer_name(certificate.get(), name) == 1 &&
              X509_set_pubkey(certificate.get(), key) == 1 &&
              X509_sign(certificate.get(), key, EVP_sha256()) > 0,
          "sign a certificate");
  return certificate;
}

SSL_CTX* makeContext(X509* certificate, EVP_PKEY* key) {
  std::unique_ptr<SSL_CTX, ContextFree> context(SSL_CTX_new(DTLS_method()));
  require(context != nullptr, "make a DTLS context");
  require(SSL_CTX_set_min_proto_version(context.get(), DTLS1_2_VERSION) == 1 &&
              SSL_CTX_set_max_proto_version(context.get(), DTLS1_2_VERSION) == 1 &&
              SSL_CTX_set_cipher_list(context.get(), cipherSuites) == 1 &&
              SSL_CTX_set1_groups_list(context.get(), groups) == 1 &&
              SSL_CTX_use_certificate(context.get(), certificate) == 1 &&
              SSL_CTX_use_PrivateKey(context.get(), key) == 1,
          "set up a DTLS context");
  // No cookies: ICE has authenticated the peer's address before DTLS begins. No resumption: every handshake
  // shows its certificate. The MTU is set by hand: there is no socket to ask.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  return context.release();
}

}  // namespace

Certificate::Certificate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Certificate::Certificate(Certificate&&) noexcept = default;
Certificate& Certificate::operator=(Certificate&&) noexcept = default;
Certificate::~Certificate() = default;

Certificate Certificate::generate() {
  const Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  require(key != nullptr, "make a P-256 key");
  const X509Ref certificate = makeCertificate(key.get());
  auto impl = std::make_unique<Impl>();
  impl->context.reset(makeContext(certificate.get(), key.get()));
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  require(X509_digest(certificate.get(), EVP_sha256(), digest.data(), &length) == 1, "hash a certificate");
  impl->fingerprint = toFingerprintText(base::ByteView(digest).first(length));
  return Certificate(std::move(impl));
}

const std::string& Certificate::fingerprint() const {
  return impl_->fingerprint;
}

}  // namespace sotto::dtls
