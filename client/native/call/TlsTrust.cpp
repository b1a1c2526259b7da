#include "client/native/call/TlsTrust.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>

namespace sotto::client::call {

namespace ssl = boost::asio::ssl;

base::Expected<void> applyTrust(ssl::context& context, const TlsTrust& trust, const std::string& host) {
  boost::system::error_code error;
  context.set_verify_mode(trust.verify ? ssl::verify_peer : ssl::verify_none, error);
  if (!trust.verify) return {};
  if (trust.caFile.empty()) {
    context.set_default_verify_paths(error);
  } else {
    context.load_verify_file(trust.caFile, error);
    if (error) {
      return base::fail(trust.caFile + " cannot be used (" + error.message() +
                        "), expected a PEM file with certificates");
    }
  }
  context.set_verify_callback(ssl::host_name_verification(host), error);
  return {};
}

base::Expected<void> checkTrust(const TlsTrust& trust) {
  ssl::context context(ssl::context::tls_client);
  return applyTrust(context, trust, "");
}

}  // namespace sotto::client::call
