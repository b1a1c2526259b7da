// Safety numbers; see the header.
#include "client/native/e2ee/signal/Fingerprint.hpp"

#include <sodium/crypto_hash_sha512.h>
#include <sodium/utils.h>

#include <cstdio>
#include <optional>

#include "client/native/e2ee/signal/Protobuf.hpp"

namespace sotto::e2ee::signal {
namespace {

constexpr uint8_t fingerprintVersion[] = {0, 0};
/// How much of a fingerprint the scannable form carries.
constexpr size_t scannableSize = 32;

enum CombinedField : uint32_t { Version = 1, Local = 2, Remote = 3 };
constexpr uint32_t contentField = 1;

Fingerprint::Hash fingerprintOf(const FingerprintParty& party) {
  const PublicKey::Wire key = party.identityKey.serialize();
  std::vector<uint8_t> first(std::begin(fingerprintVersion), std::end(fingerprintVersion));
  first.insert(first.end(), key.begin(), key.end());
  first.insert(first.end(), party.stableId.begin(), party.stableId.end());
  Fingerprint::Hash hash;
  for (unsigned i = 0; i < Fingerprint::iterations; ++i) {
    crypto_hash_sha512_state state;
    crypto_hash_sha512_init(&state);
    if (i == 0) {
      crypto_hash_sha512_update(&state, first.data(), first.size());
    } else {
      crypto_hash_sha512_update(&state, hash.data(), hash.size());
    }
    crypto_hash_sha512_update(&state, key.data(), key.size());
    crypto_hash_sha512_final(&state, hash.data());
  }
  return hash;
}

/// The content of a LogicalFingerprint; nothing when it has none.
std::optional<base::ByteView> contentOf(base::ByteView logical) {
  std::optional<base::ByteView> content;
  ProtobufReader reader(logical);
  for (ProtobufReader::Field field; reader.next(field);) {
    if (field.number == contentField && field.type == ProtobufReader::Type::Bytes) content = field.bytes;
  }
  return reader.ok() ? content : std::nullopt;
}

/// In constant time, for no better reason than that it costs nothing.
bool isFingerprint(base::ByteView content, const Fingerprint::Hash& hash) {
  return content.size() == scannableSize && sodium_memcmp(content.data(), hash.data(), scannableSize) == 0;
}

}  // namespace

std::string thirtyDigits(base::ByteView hash) {
  std::string digits;
  for (size_t i = 0; i < 30; i += 5) {
    const uint64_t number = static_cast<uint64_t>(hash[i]) << 32 | base::loadU32(&hash[i + 1]);
    char chunk[8];
    std::snprintf(chunk, sizeof chunk, "%05u", static_cast<unsigned>(number % 100000));
    digits += chunk;
  }
  return digits;
}

Fingerprint::Fingerprint(const FingerprintParty& local, const FingerprintParty& remote)
    : local_(fingerprintOf(local)), remote_(fingerprintOf(remote)) {}

std::string Fingerprint::digits() const {
  const std::string ours = thirtyDigits(local_);
  const std::string theirs = thirtyDigits(remote_);
  return ours <= theirs ? ours + theirs : theirs + ours;
}

std::vector<uint8_t> Fingerprint::scannable(uint32_t version) const {
  ProtobufWriter writer;
  writer.varint(Version, version);
  for (const auto& [number, hash] : {std::pair(Local, &local_), std::pair(Remote, &remote_)}) {
    ProtobufWriter logical;
    logical.bytes(contentField, base::ByteView(*hash).first(scannableSize));
    writer.bytes(number, logical.written());
  }
  return writer.take();
}

Result<Fingerprint::ScanResult> Fingerprint::compare(base::ByteView scanned, uint32_t version) const {
  uint32_t theirVersion = 0;
  std::optional<base::ByteView> theirLocal, theirRemote;
  ProtobufReader reader(scanned);
  for (ProtobufReader::Field field; reader.next(field);) {
    if (field.number == Version) {
      if (!readUint32(field, theirVersion)) return refuse(SignalError::Malformed);
    } else if (field.number == Local || field.number == Remote) {
      if (field.type != ProtobufReader::Type::Bytes) return refuse(SignalError::Malformed);
      (field.number == Local ? theirLocal : theirRemote) = contentOf(field.bytes);
    }
  }
  if (!reader.ok() || !theirLocal || !theirRemote) return refuse(SignalError::Malformed);
  if (theirVersion != version) return ScanResult::OtherVersion;
  const bool match = isFingerprint(*theirLocal, remote_) && isFingerprint(*theirRemote, local_);
  return match ? ScanResult::Match : ScanResult::Mismatch;
}

}  // namespace sotto::e2ee::signal
