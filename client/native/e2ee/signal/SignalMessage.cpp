// Ratchet messages; see the header.
#include "client/native/e2ee/signal/SignalMessage.hpp"

#include <sodium/crypto_auth_hmacsha256.h>

#include <optional>

#include "client/native/e2ee/signal/Protobuf.hpp"

namespace sotto::e2ee::signal {
namespace {

enum FieldNumber : uint32_t { RatchetKey = 1, Counter = 2, PreviousCounter = 3, Ciphertext = 4 };

std::array<uint8_t, SignalMessage::macSize> macOf(const Secret32& macKey, const MessageParties& parties,
                                                  base::ByteView message) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, macKey.data(), macKey.view().size());
  for (const PublicKey& key : {parties.sender, parties.receiver}) {
    const PublicKey::Wire wire = key.serialize();
    crypto_auth_hmacsha256_update(&state, wire.data(), wire.size());
  }
  crypto_auth_hmacsha256_update(&state, message.data(), message.size());
  std::array<uint8_t, crypto_auth_hmacsha256_BYTES> full;
  crypto_auth_hmacsha256_final(&state, full.data());
  sodium_memzero(&state, sizeof state);
  std::array<uint8_t, SignalMessage::macSize> mac;
  std::copy_n(full.begin(), mac.size(), mac.begin());
  return mac;
}

/// False for a field of the wrong type, or a key that is none (`error` says which).
bool takeField(const ProtobufReader::Field& field, SignalMessage::Fields& out, uint32_t& seen,
               SignalError& error) {
  const bool isBytes = field.type == ProtobufReader::Type::Bytes;
  switch (field.number) {
    case RatchetKey: {
      if (!isBytes) return false;
      const auto key = PublicKey::parse(field.bytes);
      if (!key) {
        error = key.error();
        return false;
      }
      out.ratchetKey = *key;
      break;
    }
    case Counter:
      if (!readUint32(field, out.counter)) return false;
      break;
    case PreviousCounter:
      if (!readUint32(field, out.previousCounter)) return false;
      break;
    case Ciphertext:
      if (!isBytes) return false;
      out.ciphertext.assign(field.bytes.begin(), field.bytes.end());
      break;
    default:
      return true;
  }
  seen |= 1u << field.number;
  return true;
}

}  // namespace

Result<void> checkVersion(uint8_t byte) {
  if (byte >> 4 != protocolVersion) return refuse(SignalError::UnsupportedVersion);
  return {};
}

SignalMessage SignalMessage::seal(Fields fields, const Secret32& macKey, const MessageParties& parties) {
  ProtobufWriter writer;
  writer.raw(base::ByteView(&versionByte, 1));
  writer.bytes(RatchetKey, fields.ratchetKey.serialize());
  writer.varint(Counter, fields.counter);
  writer.varint(PreviousCounter, fields.previousCounter);
  writer.bytes(Ciphertext, fields.ciphertext);
  writer.raw(macOf(macKey, parties, writer.written()));
  SignalMessage message;
  message.fields_ = std::move(fields);
  message.wire_ = writer.take();
  return message;
}

Result<SignalMessage> SignalMessage::parse(base::ByteView wire) {
  if (wire.size() < 1 + macSize || wire.size() > maxMessageSize) return refuse(SignalError::Malformed);
  if (const auto version = checkVersion(wire[0]); !version) return refuse(version.error());
  SignalMessage message;
  uint32_t seen = 0;
  SignalError error = SignalError::Malformed;
  ProtobufReader reader(wire.subspan(1, wire.size() - 1 - macSize));
  for (ProtobufReader::Field field; reader.next(field);) {
    if (!takeField(field, message.fields_, seen, error)) return refuse(error);
  }
  constexpr uint32_t required = 1u << RatchetKey | 1u << Counter | 1u << Ciphertext;
  if (!reader.ok() || (seen & required) != required) return refuse(SignalError::Malformed);
  message.wire_.assign(wire.begin(), wire.end());
  return message;
}

bool SignalMessage::hasMac(const Secret32& macKey, const MessageParties& parties) const {
  const base::ByteView covered(wire_.data(), wire_.size() - macSize);
  const auto expected = macOf(macKey, parties, covered);
  return sodium_memcmp(expected.data(), wire_.data() + covered.size(), macSize) == 0;
}

}  // namespace sotto::e2ee::signal
