// How a whole device is written and read back. What comes back is as hostile as any file: the storage says
// who may have written it, and this checks every bound all the same.
#include "client/native/e2ee/signal/DeviceStore.hpp"

namespace sotto::e2ee::signal {
namespace {

constexpr uint8_t formatVersion = 1;
/// What a file may claim of anything; far above what a device meets.
constexpr size_t maxEntries = 1'000'000;
/// Two lengths and a key; two lengths, a flag and a count; two lengths.
constexpr size_t leastPin = 4 + 4 + 32;
constexpr size_t leastSession = 4 + 4 + 1 + 4;
constexpr size_t leastSection = 4 + 4;

void writeName(StateWriter& out, const DeviceName& name) {
  out.block(name.user);
  out.block(name.device);
}

DeviceName readName(StateReader& in) {
  std::string user = in.text();
  return {std::move(user), in.text()};
}

}  // namespace

void DeviceStore::writeTo(StateWriter& out) const {
  out.u8(formatVersion);
  writeName(out, self_);
  out.u64(id_);
  out.u64(revision_);
  keys_.write(out);
  out.count(pinned_.size());
  for (const auto& [peer, key] : pinned_) {
    writeName(out, peer);
    out.publicKey(key);
  }
  out.count(sessions_.size());
  for (const auto& [peer, record] : sessions_) {
    writeName(out, peer);
    record.write(out);
  }
  out.count(sections_.size());
  for (const auto& [name, bytes] : sections_) {
    out.block(name);
    out.block(base::ByteView(bytes));
  }
}

client::e2ee::SecretBytes DeviceStore::serialize() const {
  StateWriter out;
  writeTo(out);
  return out.take();
}

Result<void> DeviceStore::readSessions(StateReader& in) {
  const size_t sessions = in.count(maxEntries, leastSession);
  for (size_t i = 0; i < sessions; ++i) {
    DeviceName peer = readName(in);
    auto record = SessionRecord::read(in);
    if (!record) return refuse(record.error());
    sessions_.insert_or_assign(std::move(peer), std::move(*record));
  }
  return {};
}

Result<DeviceStore> DeviceStore::deserialize(base::ByteView bytes) {
  StateReader in(bytes);
  if (in.u8() != formatVersion) return refuse(SignalError::UnsupportedVersion);
  DeviceName self = readName(in);
  const uint64_t id = in.u64();
  const uint64_t revision = in.u64();
  auto keys = KeyStore::read(in);
  if (!keys) return tl::make_unexpected(keys.error());
  DeviceStore store(std::move(self), std::move(*keys), id);
  store.revision_ = revision;
  const size_t pins = in.count(maxEntries, leastPin);
  for (size_t i = 0; i < pins && in.ok(); ++i) {
    DeviceName peer = readName(in);
    store.pinned_.insert_or_assign(std::move(peer), in.publicKey());
  }
  if (const auto read = store.readSessions(in); !read) return tl::make_unexpected(read.error());
  const size_t sections = in.count(maxEntries, leastSection);
  for (size_t i = 0; i < sections && in.ok(); ++i) {
    const std::string name = in.text();
    const base::ByteView section = in.block();
    store.sections_.insert_or_assign(name, Section(section.begin(), section.end()));
  }
  if (!in.atEnd()) return refuse(SignalError::Malformed);
  return store;
}

}  // namespace sotto::e2ee::signal
