// RFC 8445 section 7.3 (receiving checks) as far as a lite agent does it, with RFC 8489 sections 6.3
// and 9.1.3.
#include "media/ice/IceLite.hpp"

#include <algorithm>

#include "media/ice/StunFormat.hpp"

namespace sotto::ice {

IceLite::IceLite(IceLiteCredentials credentials) {
  restart(std::move(credentials));
}

void IceLite::restart(IceLiteCredentials credentials) {
  credentials_ = std::move(credentials);
  username_ = credentials_.localUfrag + ":" + credentials_.remoteUfrag;
}

std::string_view IceLite::receiverFragment(const StunMessage& message) {
  return message.username.substr(0, message.username.find(':'));
}

uint16_t IceLite::judge(const StunMessage& message, bool& authenticated) const {
  if (message.username.empty() || !message.hasMessageIntegrity) return 400;
  if (message.username != username_ || !message.verifyIntegrity(credentials_.localPassword)) return 401;
  authenticated = true;
  if (message.unknownRequired != 0) return unknownAttribute;
  // A lite agent is always the controlled one: a peer that thinks so of itself has to change its mind.
  if (message.iceControlled) return roleConflict;
  return 0;
}

/// A check repeated from another address is somebody's copy: the peer makes a new transaction for each pair.
bool IceLite::isReplay(const TransactionId& id, const base::SocketAddress& from) {
  for (const Seen& seen : recent_) {
    if (seen.id == id) return seen.from != from;
  }
  recent_[nextRecent_] = {id, from};
  nextRecent_ = (nextRecent_ + 1) % recent_.size();
  return false;
}

IceLite::Result IceLite::handle(const StunMessage& message, const base::SocketAddress& from,
                                base::Timestamp now, base::MutableByteView response) {
  Result result;
  // Indications are keep-alives without authentication; responses answer checks that we never send.
  if (message.messageClass != StunClass::Request || message.method != stunBinding) return result;

  result.error = judge(message, result.authenticated);
  StunFields fields;
  fields.transactionId = message.transactionId;
  if (result.error != 0) {
    fields.messageClass = StunClass::Error;
    fields.errorCode = result.error;
    fields.unknownAttribute = message.unknownRequired;
  } else if (isReplay(message.transactionId, from)) {
    result.authenticated = false;
    return result;
  } else {
    fields.messageClass = StunClass::Success;
    fields.xorMappedAddress = from;
    lastCheck_ = now;
    if (message.useCandidate && selected_ != from) {
      selected_ = from;
      result.selectedChanged = true;
    }
  }
  // Whoever did not prove to know the password gets an answer without integrity (RFC 8489 section 9.1.3).
  const std::string_view password = result.authenticated ? credentials_.localPassword : std::string_view{};
  result.responseSize = writeStun(fields, password, response);
  return result;
}

}  // namespace sotto::ice
