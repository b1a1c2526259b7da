// How a session state is written for the store, and read back with every bound checked.
#include "client/native/e2ee/signal/SessionState.hpp"

namespace sotto::e2ee::signal {
namespace {

void writeChain(StateWriter& out, const ChainKey& chain) {
  out.raw(chain.key.view());
  out.u32(chain.index);
}

ChainKey readChainKey(StateReader& in) {
  ChainKey chain;
  chain.key = in.secret();
  chain.index = in.u32();
  return chain;
}

constexpr size_t skippedSize = 4 + 32;
constexpr size_t leastReceiverChain = 32 + 36 + 4;

/// Bits of the byte that says what is pending.
constexpr uint8_t hasPending = 1;
constexpr uint8_t hasOneTime = 2;
constexpr uint8_t hasTime = 4;

}  // namespace

void SessionState::write(StateWriter& out) const {
  out.publicKey(beginning_.localIdentity);
  out.publicKey(beginning_.remoteIdentity);
  out.publicKey(beginning_.baseKey);
  out.u32(beginning_.localRegistrationId);
  out.u32(beginning_.remoteRegistrationId);
  out.raw(root_.key.view());
  out.keyPair(ratchetKey_);
  writeChain(out, sendingChain_);
  out.u32(previousCounter_);
  out.count(receiverChains_.size());
  for (const ReceiverChain& chain : receiverChains_) {
    out.publicKey(chain.ratchetKey);
    writeChain(out, chain.chain);
    out.count(chain.skipped.size());
    for (const SkippedKey& key : chain.skipped) {
      out.u32(key.counter);
      out.raw(key.seed.view());
    }
  }
  uint8_t flags = 0;
  if (pendingPreKey_) flags = pendingPreKey_->preKeyId ? hasPending | hasOneTime : hasPending;
  if (pendingPreKey_ && pendingPreKey_->since > 0) flags |= hasTime;
  out.u8(flags);
  if (pendingPreKey_) out.u32(pendingPreKey_->signedPreKeyId);
  if (pendingPreKey_ && pendingPreKey_->preKeyId) out.u32(*pendingPreKey_->preKeyId);
  if ((flags & hasTime) != 0) out.u64(pendingPreKey_->since);
}

SessionState::ReceiverChain SessionState::readChain(StateReader& in) {
  ReceiverChain chain;
  chain.ratchetKey = in.publicKey();
  chain.chain = readChainKey(in);
  const size_t skipped = in.count(maxSkippedKeys, skippedSize);
  chain.skipped.reserve(skipped);
  for (size_t i = 0; i < skipped; ++i) {
    const uint32_t counter = in.u32();
    // The search among them needs rising counters, all of messages before the chain's next one.
    const bool rises = chain.skipped.empty() || chain.skipped.back().counter < counter;
    if (!rises || counter >= chain.chain.index) in.fail();
    chain.skipped.push_back({counter, in.secret()});
  }
  return chain;
}

Result<SessionState> SessionState::read(StateReader& in) {
  SessionState state;
  state.beginning_.localIdentity = in.publicKey();
  state.beginning_.remoteIdentity = in.publicKey();
  state.beginning_.baseKey = in.publicKey();
  state.beginning_.localRegistrationId = in.u32();
  state.beginning_.remoteRegistrationId = in.u32();
  state.root_.key = in.secret();
  state.ratchetKey_ = in.keyPair();
  state.sendingChain_ = readChainKey(in);
  state.previousCounter_ = in.u32();
  const size_t chains = in.count(maxReceiverChains, leastReceiverChain);
  for (size_t i = 0; i < chains && in.ok(); ++i) state.receiverChains_.push_back(readChain(in));
  const uint8_t flags = in.u8();
  if (flags > (hasPending | hasOneTime | hasTime) || (flags != 0 && (flags & hasPending) == 0)) in.fail();
  if ((flags & hasPending) != 0) state.pendingPreKey_ = PendingPreKey{std::nullopt, in.u32(), 0};
  if (state.pendingPreKey_ && (flags & hasOneTime) != 0) state.pendingPreKey_->preKeyId = in.u32();
  if (state.pendingPreKey_ && (flags & hasTime) != 0) state.pendingPreKey_->since = in.u64();
  if (!in.ok()) return refuse(SignalError::Malformed);
  return state;
}

}  // namespace sotto::e2ee::signal
