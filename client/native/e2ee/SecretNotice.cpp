// One listener for the process; see the header.
#include "client/native/e2ee/SecretNotice.hpp"

#include <utility>

namespace sotto::client::e2ee {
namespace {

SecretListener& listener() {
  static SecretListener one;
  return one;
}

}  // namespace

void listenToSecrets(SecretListener wanted) {
  listener() = std::move(wanted);
}

bool secretsAreHeard() {
  return static_cast<bool>(listener());
}

void noticeSecret(std::string_view kind, base::ByteView secret) {
  if (listener()) listener()(kind, secret);
}

}  // namespace sotto::client::e2ee
