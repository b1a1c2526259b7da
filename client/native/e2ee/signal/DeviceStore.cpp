// A device's keys, sessions and pinned identities; see the header.
#include "client/native/e2ee/signal/DeviceStore.hpp"

namespace sotto::e2ee::signal {

base::Expected<StoreReceipt> DeviceStorage::save(const DeviceStore& store) {
  const client::e2ee::SecretBytes state = store.serialize();
  if (auto written = write(state.view()); !written) return tl::make_unexpected(written.error());
  return StoreReceipt(store.id(), store.revision());
}

DeviceStore DeviceStore::create(DeviceName self, base::Random& random, uint64_t now) {
  KeyStore keys = KeyStore::create(random, now);
  DeviceStore store(std::move(self), std::move(keys), random.u64());
  store.now_ = now;
  return store;
}

void DeviceStore::setTime(uint64_t unixSeconds) {
  now_ = unixSeconds;
  for (auto& [peer, record] : sessions_) {
    if (!record.hasCurrent() || !record.current().pendingPreKey()) continue;
    const uint64_t since = record.current().pendingPreKey()->since;
    // Of a clock that was wrong, or of a store that did not note it: counted from now.
    if (since == 0 || since > now_) {
      record.current().setPendingSince(now_);
    } else if (now_ - since > unansweredSeconds) {
      record.archiveCurrent();
    } else {
      continue;
    }
    ++revision_;
  }
}

Pending<std::vector<PublicPreKey>> DeviceStore::createOneTimePreKeys(size_t count, base::Random& random) {
  return pending(keys_.createOneTimePreKeys(count, random));
}

Pending<PublicSignedPreKey> DeviceStore::renewSignedPreKey(base::Random& random, uint64_t now) {
  return pending(keys_.renewSignedPreKey(random, now));
}

const PublicKey* DeviceStore::pinned(const DeviceName& peer) const {
  const auto found = pinned_.find(peer);
  return found == pinned_.end() ? nullptr : &found->second;
}

Trust DeviceStore::trust(const DeviceName& peer, const PublicKey& identity) const {
  const PublicKey* known = pinned(peer);
  if (known == nullptr) return Trust::New;
  return *known == identity ? Trust::Pinned : Trust::Changed;
}

void DeviceStore::pin(const DeviceName& peer, const PublicKey& identity) {
  const Trust before = trust(peer, identity);
  if (before == Trust::Pinned) return;
  if (before == Trust::Changed) sessions_.erase(peer);
  pinned_[peer] = identity;
  ++revision_;
}

Result<void> DeviceStore::begin(const DeviceName& peer, const PreKeyBundle& bundle, base::Random& random) {
  if (trust(peer, bundle.identityKey) == Trust::Changed) return refuse(SignalError::UntrustedIdentity);
  const auto known = sessions_.find(peer);
  SessionRecord fresh;
  SessionRecord& record = known == sessions_.end() ? fresh : known->second;
  if (const auto begun = processBundle(record, keys_, bundle, random); !begun) return begun;
  record.current().setPendingSince(now_);
  pin(peer, bundle.identityKey);
  if (known == sessions_.end()) sessions_.emplace(peer, std::move(fresh));
  ++revision_;
  return {};
}

const SessionRecord* DeviceStore::session(const DeviceName& peer) const {
  const auto found = sessions_.find(peer);
  return found == sessions_.end() ? nullptr : &found->second;
}

bool DeviceStore::hasSession(const DeviceName& peer) const {
  const SessionRecord* record = session(peer);
  return record != nullptr && record->hasCurrent();
}

void DeviceStore::archiveSession(const DeviceName& peer) {
  const auto found = sessions_.find(peer);
  if (found == sessions_.end() || !found->second.hasCurrent()) return;
  found->second.archiveCurrent();
  ++revision_;
}

void DeviceStore::eraseSessions(const DeviceName& peer) {
  if (sessions_.erase(peer) > 0) ++revision_;
}

Result<Pending<CiphertextMessage>> DeviceStore::encrypt(const DeviceName& peer, base::ByteView plaintext) {
  const auto found = sessions_.find(peer);
  if (found == sessions_.end()) return refuse(SignalError::NoSession);
  auto message = signal::encrypt(found->second, plaintext);
  if (!message) return tl::make_unexpected(message.error());
  return pending(std::move(*message));
}

Result<std::vector<uint8_t>> DeviceStore::decrypt(const DeviceName& peer, CiphertextMessage::Type type,
                                                  base::ByteView body, base::Random& random) {
  if (type == CiphertextMessage::Type::PreKey) return decryptFirst(peer, body, random);
  const auto message = SignalMessage::parse(body);
  if (!message) return tl::make_unexpected(message.error());
  const auto found = sessions_.find(peer);
  if (found == sessions_.end()) return refuse(SignalError::NoSession);
  auto plaintext = signal::decrypt(found->second, *message, random);
  if (plaintext) ++revision_;
  return plaintext;
}

Result<std::vector<uint8_t>> DeviceStore::decryptFirst(const DeviceName& peer, base::ByteView body,
                                                       base::Random& random) {
  const auto message = PreKeySignalMessage::parse(body);
  if (!message) return tl::make_unexpected(message.error());
  if (trust(peer, message->identityKey) == Trust::Changed) return refuse(SignalError::UntrustedIdentity);
  const auto known = sessions_.find(peer);
  SessionRecord fresh;
  SessionRecord& record = known == sessions_.end() ? fresh : known->second;
  auto plaintext = decryptPreKey(record, keys_, *message, random);
  if (!plaintext) return plaintext;
  pin(peer, message->identityKey);
  if (known == sessions_.end()) sessions_.emplace(peer, std::move(fresh));
  ++revision_;
  return plaintext;
}

base::ByteView DeviceStore::section(const std::string& name) const {
  const auto found = sections_.find(name);
  return found == sections_.end() ? base::ByteView{} : base::ByteView(found->second);
}

void DeviceStore::setSection(const std::string& name, base::ByteView bytes) {
  if (bytes.empty()) {
    sections_.erase(name);
  } else {
    sections_[name] = Section(bytes.begin(), bytes.end());
  }
  ++revision_;
}

}  // namespace sotto::e2ee::signal
