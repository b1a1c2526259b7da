// One session with one device: the Double Ratchet's state, as deployed implementations keep it. Its rules are
// here; a failed operation leaves a state that must be thrown away, so whoever decrypts works on a copy.
#pragma once

#include <optional>
#include <vector>

#include "client/native/e2ee/signal/Ratchet.hpp"
#include "client/native/e2ee/signal/SignalMessage.hpp"
#include "client/native/e2ee/signal/StateCodec.hpp"

namespace sotto::e2ee::signal {

class SessionState {
 public:
  /// Chains of the other side that are remembered; messages of older ones are lost.
  static constexpr size_t maxReceiverChains = 5;
  /// Keys of skipped messages in each chain; the oldest go first.
  static constexpr size_t maxSkippedKeys = 2000;
  /// A counter further ahead is refused: nobody loses so many messages, but a forger costs us a hash for
  /// each.
  static constexpr uint32_t maxForwardJump = 25000;
  /// The same in an archived session. Deployed implementations allow 25,000 there too, so that one forged
  /// message costs a million hashes when forty sessions are archived; nobody falls so far behind in a session
  /// that has ended.
  static constexpr uint32_t maxArchivedJump = maxSkippedKeys;

  /// What both sides know of a session that begins.
  struct Beginning {
    PublicKey localIdentity;
    PublicKey remoteIdentity;
    uint32_t localRegistrationId = 0;
    uint32_t remoteRegistrationId = 0;
    /// The initiator's ephemeral key: names the session on both sides.
    PublicKey baseKey;
  };
  /// What the initiator repeats in each message until the other side has answered.
  struct PendingPreKey {
    std::optional<uint32_t> preKeyId;
    uint32_t signedPreKeyId = 0;
    uint64_t since = 0;  ///< when the session began, Unix seconds; 0: not known
  };

  /// The initiator's side: has sent nothing, and knows the other's first chain, whose ratchet key is the
  /// signed prekey.
  static SessionState initiator(const Beginning& beginning, const RootStep& first,
                                const PublicKey& signedPreKey, const RootStep& sending,
                                const KeyPair& ratchet, const PendingPreKey& pending);
  /// The responder's side: its ratchet key is its signed prekey.
  static SessionState responder(const Beginning& beginning, const RootStep& first,
                                const KeyPair& signedPreKey);

  const Beginning& beginning() const { return beginning_; }
  const std::optional<PendingPreKey>& pendingPreKey() const { return pendingPreKey_; }
  /// The other side has it, or never will.
  void clearPendingPreKey() { pendingPreKey_.reset(); }
  /// Only while one is pending.
  void setPendingSince(uint64_t unixSeconds) { pendingPreKey_->since = unixSeconds; }
  const ChainKey& sendingChain() const { return sendingChain_; }
  const KeyPair& ratchetKey() const { return ratchetKey_; }

  /// Seals the next message and moves on. ChainExhausted after 2^32 - 1 messages without an answer.
  Result<SignalMessage> encrypt(base::ByteView plaintext);
  /// Opens a message and moves on; a new ratchet key of the other side draws one of ours from `random`.
  /// DuplicateMessage, TooFarAhead, InvalidKey, InvalidMessage.
  Result<std::vector<uint8_t>> decrypt(const SignalMessage& message, base::Random& random,
                                       uint32_t maxJump = maxForwardJump);

  void write(StateWriter& out) const;
  static Result<SessionState> read(StateReader& in);
  /// At least as many bytes does every written state have.
  static constexpr size_t leastWritten = 3 * 32 + 2 * 4 + 32 + 32 + 36 + 4 + 4 + 1;

 private:
  struct SkippedKey {
    uint32_t counter = 0;
    Secret32 seed;
  };
  struct ReceiverChain {
    PublicKey ratchetKey;
    ChainKey chain;
    std::vector<SkippedKey> skipped;  ///< counters rise
  };

  SessionState() = default;
  Result<ReceiverChain*> chainFor(const PublicKey& theirRatchetKey, base::Random& random);
  static Result<Secret32> seedFor(ReceiverChain& chain, uint32_t counter, uint32_t maxJump);
  static void skipTo(ReceiverChain& chain, uint32_t counter);
  static ReceiverChain readChain(StateReader& in);

  Beginning beginning_;
  RootKey root_;
  KeyPair ratchetKey_;
  ChainKey sendingChain_;
  uint32_t previousCounter_ = 0;
  std::vector<ReceiverChain> receiverChains_;  ///< oldest first
  std::optional<PendingPreKey> pendingPreKey_;
};

}  // namespace sotto::e2ee::signal
