// What a Certificate holds: the certificate, and the OpenSSL context that every handshake with it starts
// from.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "media/dtls/DtlsTransport.hpp"

namespace sotto::dtls {

struct ContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

struct Certificate::Impl {
  std::unique_ptr<SSL_CTX, ContextFree> context;
  std::string fingerprint;
};

}  // namespace sotto::dtls
