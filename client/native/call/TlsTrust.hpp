// Whose word is taken that a TLS server is who it says to be (RFC 9525).
#pragma once

#include <string>

#include "media/base/Expected.hpp"

namespace boost::asio::ssl {
class context;
}

namespace sotto::client::call {

struct TlsTrust {
  bool verify = true;  ///< false: any certificate is taken
  std::string caFile;  ///< certificates (PEM) that may sign; empty: those of the system
};

/// Sets a client's context up to take the certificate of `host` alone. The error names the file that cannot
/// be used.
base::Expected<void> applyTrust(boost::asio::ssl::context& context, const TlsTrust& trust,
                                const std::string& host);

/// Whether the file can be used, before anybody is called.
base::Expected<void> checkTrust(const TlsTrust& trust);

}  // namespace sotto::client::call
