// The Double Ratchet as deployed; see the header.
#include "client/native/e2ee/signal/SessionState.hpp"

#include <algorithm>

#include "client/native/e2ee/signal/MessageCipher.hpp"

namespace sotto::e2ee::signal {

SessionState SessionState::initiator(const Beginning& beginning, const RootStep& first,
                                     const PublicKey& signedPreKey, const RootStep& sending,
                                     const KeyPair& ratchet, const PendingPreKey& pending) {
  SessionState state;
  state.beginning_ = beginning;
  state.root_ = sending.root;
  state.ratchetKey_ = ratchet;
  state.sendingChain_ = sending.chain;
  state.receiverChains_.push_back({signedPreKey, first.chain, {}});
  state.pendingPreKey_ = pending;
  return state;
}

SessionState SessionState::responder(const Beginning& beginning, const RootStep& first,
                                     const KeyPair& signedPreKey) {
  SessionState state;
  state.beginning_ = beginning;
  state.root_ = first.root;
  state.ratchetKey_ = signedPreKey;
  state.sendingChain_ = first.chain;
  return state;
}

Result<SignalMessage> SessionState::encrypt(base::ByteView plaintext) {
  if (plaintext.size() > maxPlaintextSize) return refuse(SignalError::Malformed);
  if (sendingChain_.index == UINT32_MAX) return refuse(SignalError::ChainExhausted);
  const MessageKeys keys = MessageKeys::derive(sendingChain_.seed());
  SignalMessage::Fields fields{ratchetKey_.publicKey, sendingChain_.index, previousCounter_,
                               cbcEncrypt(keys, plaintext)};
  SignalMessage message = SignalMessage::seal(std::move(fields), keys.macKey,
                                              {beginning_.localIdentity, beginning_.remoteIdentity});
  sendingChain_ = sendingChain_.next();
  return message;
}

Result<std::vector<uint8_t>> SessionState::decrypt(const SignalMessage& message, base::Random& random,
                                                   uint32_t maxJump) {
  const auto chain = chainFor(message.fields().ratchetKey, random);
  if (!chain) return tl::make_unexpected(chain.error());
  const auto seed = seedFor(**chain, message.fields().counter, maxJump);
  if (!seed) return tl::make_unexpected(seed.error());
  const MessageKeys keys = MessageKeys::derive(*seed);
  if (!message.hasMac(keys.macKey, {beginning_.remoteIdentity, beginning_.localIdentity})) {
    return refuse(SignalError::InvalidMessage);
  }
  auto plaintext = cbcDecrypt(keys, message.fields().ciphertext);
  if (plaintext) clearPendingPreKey();
  return plaintext;
}

/// The chain of `theirRatchetKey`. An unknown key is the other side's next turn of the ratchet: a receiving
/// chain from it, and a sending chain under a new key of ours.
Result<SessionState::ReceiverChain*> SessionState::chainFor(const PublicKey& theirRatchetKey,
                                                            base::Random& random) {
  const auto known = std::ranges::find(receiverChains_, theirRatchetKey, &ReceiverChain::ratchetKey);
  if (known != receiverChains_.end()) return &*known;
  const auto receiving = root_.step(theirRatchetKey, ratchetKey_.privateKey);
  if (!receiving) return tl::make_unexpected(receiving.error());
  const KeyPair fresh = KeyPair::generate(random);
  const auto sending = receiving->root.step(theirRatchetKey, fresh.privateKey);
  if (!sending) return tl::make_unexpected(sending.error());

  root_ = sending->root;
  if (receiverChains_.size() == maxReceiverChains) receiverChains_.erase(receiverChains_.begin());
  receiverChains_.push_back({theirRatchetKey, receiving->chain, {}});
  // The counter of the last message of the chain that ends here, as deployed.
  previousCounter_ = sendingChain_.index > 0 ? sendingChain_.index - 1 : 0;
  ratchetKey_ = fresh;
  sendingChain_ = sending->chain;
  return &receiverChains_.back();
}

/// The seed of one message of a chain, which then is gone: taken from the skipped ones, or by moving on.
Result<Secret32> SessionState::seedFor(ReceiverChain& chain, uint32_t counter, uint32_t maxJump) {
  if (counter < chain.chain.index) {
    const auto kept = std::ranges::lower_bound(chain.skipped, counter, {}, &SkippedKey::counter);
    if (kept == chain.skipped.end() || kept->counter != counter) {
      return refuse(SignalError::DuplicateMessage);
    }
    const Secret32 seed = kept->seed;
    chain.skipped.erase(kept);
    return seed;
  }
  if (counter - chain.chain.index > maxJump) return refuse(SignalError::TooFarAhead);
  if (counter == UINT32_MAX) return refuse(SignalError::ChainExhausted);
  skipTo(chain, counter);
  const Secret32 seed = chain.chain.seed();
  chain.chain = chain.chain.next();
  return seed;
}

/// Moves the chain to `counter`, keeping the newest seeds on the way.
void SessionState::skipTo(ReceiverChain& chain, uint32_t counter) {
  while (chain.chain.index < counter) {
    if (counter - chain.chain.index <= maxSkippedKeys) {
      chain.skipped.push_back({chain.chain.index, chain.chain.seed()});
    }
    chain.chain = chain.chain.next();
  }
  if (chain.skipped.size() > maxSkippedKeys) {
    chain.skipped.erase(chain.skipped.begin(), chain.skipped.end() - static_cast<ptrdiff_t>(maxSkippedKeys));
  }
}

}  // namespace sotto::e2ee::signal
