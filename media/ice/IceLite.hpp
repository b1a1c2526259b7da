// The ICE-lite agent of one endpoint (RFC 8445 section 2.5): it answers checks, takes the address that the
// peer nominates, and counts the peer's checks as its consent (RFC 7675). It never sends a check itself.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "media/base/SocketAddress.hpp"
#include "media/base/Units.hpp"
#include "media/ice/Stun.hpp"

namespace sotto::ice {

struct IceLiteCredentials {
  std::string localUfrag, localPassword;  ///< ours, as announced in SDP
  std::string remoteUfrag;                ///< the peer's
};

class IceLite {
 public:
  /// RFC 7675 section 5.1: consent ends 30 s after the last proof of it. Peers check about every 5 s
  /// (browsers more often), so that it takes six checks lost in a row.
  static constexpr base::TimeDelta consentTimeout = base::TimeDelta::seconds(30);
  /// Room that every response fits into.
  static constexpr size_t maxResponse = 300;
  /// Error codes of RFC 8489 section 14.8 and RFC 8445 section 7.3.1.1 for a peer that proved who it is.
  static constexpr uint16_t unknownAttribute = 420, roleConflict = 487;

  explicit IceLite(IceLiteCredentials credentials);

  /// New credentials of an ICE restart. The selected address and consent stay until the peer nominates again.
  void restart(IceLiteCredentials credentials);

  struct Result {
    size_t responseSize = 0;       ///< bytes in `response` to send back to `from`; 0: no answer is due
    uint16_t error = 0;            ///< the STUN error code that it was answered with; 0: none
    bool authenticated = false;    ///< the peer itself sent this from `from`
    bool selectedChanged = false;  ///< selected() is another address now
  };
  /// Handles one STUN message that came from `from`; writes the answer to `response` (maxResponse bytes).
  Result handle(const StunMessage& message, const base::SocketAddress& from, base::Timestamp now,
                base::MutableByteView response);

  /// Where to send: the address that the peer nominated last. It changes freely, so that a participant whose
  /// address changes goes on without joining again.
  const std::optional<base::SocketAddress>& selected() const { return selected_; }
  /// A pair is nominated and consent is fresh.
  bool connected(base::Timestamp now) const { return selected_ && !expired(now); }
  /// There was consent once, and there is no more. Nothing may be sent.
  bool expired(base::Timestamp now) const { return lastCheck_ && now - *lastCheck_ >= consentTimeout; }
  /// When expired() becomes true unless another check comes.
  base::Timestamp consentDeadline() const {
    return lastCheck_ ? *lastCheck_ + consentTimeout : base::Timestamp::plusInfinity();
  }

  /// The part of USERNAME before the colon: the receiver's own fragment, by which requests are told apart.
  static std::string_view receiverFragment(const StunMessage& message);

 private:
  /// 0, or the STUN error code to answer with.
  uint16_t judge(const StunMessage& message, bool& authenticated) const;
  bool isReplay(const TransactionId& id, const base::SocketAddress& from);

  IceLiteCredentials credentials_;
  std::string username_;
  std::optional<base::SocketAddress> selected_;
  std::optional<base::Timestamp> lastCheck_;

  struct Seen {
    TransactionId id{};
    base::SocketAddress from;
  };
  std::array<Seen, 16> recent_{};
  size_t nextRecent_ = 0;
};

}  // namespace sotto::ice
