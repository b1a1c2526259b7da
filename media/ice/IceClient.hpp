// The controlling side of ICE for a client with one socket towards an ICE-lite server (RFC 8445): checks to
// each of the server's candidates, nomination of the first that works, then consent checks (RFC 7675).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "media/base/Random.hpp"
#include "media/base/SocketAddress.hpp"
#include "media/base/Units.hpp"
#include "media/ice/Stun.hpp"

namespace sotto::ice {

struct IceClientParameters {
  std::string localUfrag;                   ///< ours
  std::string remoteUfrag, remotePassword;  ///< the server's
  /// The server's addresses, best first.
  std::vector<base::SocketAddress> remoteCandidates;
};

enum class IceClientState {
  New,
  Checking,
  Connected,
  Failed,        ///< no candidate answered
  Disconnected,  ///< consent was lost; a restart may bring it back
};

class IceClient {
 public:
  using Send = std::function<void(base::ByteView datagram, const base::SocketAddress& destination)>;

  /// `random` must outlive the client. `send` is called from within the calls below.
  IceClient(IceClientParameters parameters, base::Random& random, Send send);

  /// Begins checking.
  void start(base::Timestamp now);
  /// ICE restart with new parameters: checks anew. What was selected stays selected until another is.
  void restart(IceClientParameters parameters, base::Timestamp now);
  /// The client's own address may have changed: proves the path at once instead of at the next consent check,
  /// so that the server learns the new address.
  void networkChanged(base::Timestamp now);
  /// A datagram for which StunMessage::looksLikeStun() is true. Anything that does not answer a check of ours
  /// is ignored.
  void onDatagram(base::ByteView datagram, const base::SocketAddress& from, base::Timestamp now);
  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;

  IceClientState state() const { return state_; }
  /// Where to send media; set from Connected on.
  const std::optional<base::SocketAddress>& selected() const { return selected_; }
  /// Our own address as the server sees it, once known.
  const std::optional<base::SocketAddress>& mapped() const { return mapped_; }
  /// Round-trip time of the latest check that was answered at its first attempt.
  const std::optional<base::TimeDelta>& roundTripTime() const { return roundTripTime_; }

 private:
  enum class CheckState { Waiting, InProgress, Failed };
  /// The check of one candidate: first plain, then with USE-CANDIDATE.
  struct Check {
    base::SocketAddress remote;
    CheckState state = CheckState::Waiting;
    bool nominating = false;
    TransactionId id{};
    int sends = 0;
    base::TimeDelta timeout;
    base::Timestamp firstSent;
    base::Timestamp due;
  };
  struct Consent {
    TransactionId id{};
    base::Timestamp sent = base::Timestamp::minusInfinity();
  };

  void begin(Check& check, base::Timestamp now);
  void transmit(Check& check, base::Timestamp now);
  void onAnswer(Check& check, const StunMessage& message, const base::SocketAddress& from,
                base::Timestamp now);
  void nominated(const Check& check, base::Timestamp now);
  void onConsent(const Consent& consent, const StunMessage& message, base::Timestamp now);
  void gainConsent(base::Timestamp now);
  void sendConsent(base::Timestamp now);
  void sendRequest(const TransactionId& id, const base::SocketAddress& remote, bool nominate);
  void runChecks(base::Timestamp now);
  void judgeFailure();
  TransactionId newTransaction();

  IceClientParameters parameters_;
  base::Random& random_;
  Send send_;
  uint64_t tieBreaker_;
  IceClientState state_ = IceClientState::New;
  std::vector<Check> checks_;  ///< empty once one is nominated
  base::Timestamp nextStart_ = base::Timestamp::plusInfinity();
  std::optional<base::SocketAddress> selected_, mapped_;
  std::optional<base::TimeDelta> roundTripTime_;

  /// Consent checks not yet answered: at least as many as are sent before consent expires.
  std::array<Consent, 32> consents_{};
  size_t nextConsentSlot_ = 0;
  base::Timestamp consentDue_ = base::Timestamp::plusInfinity();
  base::Timestamp consentExpires_ = base::Timestamp::plusInfinity();
};

}  // namespace sotto::ice
