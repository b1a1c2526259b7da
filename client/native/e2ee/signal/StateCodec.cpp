// Big-endian state on its way to the store; see the header.
#include "client/native/e2ee/signal/StateCodec.hpp"

namespace sotto::e2ee::signal {

void StateWriter::u32(uint32_t value) {
  uint8_t bytes[4];
  base::storeU32(bytes, value);
  raw(bytes);
}

void StateWriter::u64(uint64_t value) {
  uint8_t bytes[8];
  base::storeU64(bytes, value);
  raw(bytes);
}

void StateWriter::block(base::ByteView bytes) {
  count(bytes.size());
  raw(bytes);
}

void StateWriter::block(const std::string& text) {
  block(base::ByteView(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

std::string StateReader::text() {
  const base::ByteView bytes = block();
  return std::string(bytes.begin(), bytes.end());
}

Secret32 StateReader::secret() {
  const base::ByteView bytes = raw(32);
  return bytes.empty() ? Secret32() : Secret32(bytes);
}

PublicKey StateReader::publicKey() {
  PublicKey::Wire wire{PublicKey::typeCurve25519};
  const base::ByteView bytes = raw(32);
  std::copy(bytes.begin(), bytes.end(), wire.begin() + 1);
  const auto key = PublicKey::parse(wire);
  if (key) return *key;
  fail();
  return {};
}

KeyPair StateReader::keyPair() {
  const Secret32 bytes = secret();
  if (!ok()) return {};
  return KeyPair::of(PrivateKey::fromBytes(bytes.view()));
}

size_t StateReader::count(size_t limit, size_t least) {
  const size_t value = u32();
  if (value > limit || value > in_.remaining() / least) fail();
  return ok() ? value : 0;
}

}  // namespace sotto::e2ee::signal
