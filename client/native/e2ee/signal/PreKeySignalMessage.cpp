// First messages of a session; see the header.
#include "client/native/e2ee/signal/PreKeySignalMessage.hpp"

#include "client/native/e2ee/signal/Protobuf.hpp"

namespace sotto::e2ee::signal {
namespace {

enum FieldNumber : uint32_t {
  PreKeyId = 1,
  BaseKey = 2,
  IdentityKey = 3,
  Message = 4,
  RegistrationId = 5,
  SignedPreKeyId = 6
};

Result<void> takeKey(const ProtobufReader::Field& field, PublicKey& out) {
  if (field.type != ProtobufReader::Type::Bytes) return refuse(SignalError::Malformed);
  const auto key = PublicKey::parse(field.bytes);
  if (!key) return refuse(key.error());
  out = *key;
  return {};
}

Result<void> takeNumber(const ProtobufReader::Field& field, uint32_t& out) {
  if (!readUint32(field, out)) return refuse(SignalError::Malformed);
  return {};
}

Result<void> takeField(const ProtobufReader::Field& field, PreKeySignalMessage& out) {
  switch (field.number) {
    case PreKeyId:
      return takeNumber(field, out.preKeyId.emplace());
    case BaseKey:
      return takeKey(field, out.baseKey);
    case IdentityKey:
      return takeKey(field, out.identityKey);
    case Message: {
      if (field.type != ProtobufReader::Type::Bytes) return refuse(SignalError::Malformed);
      auto message = SignalMessage::parse(field.bytes);
      if (!message) return refuse(message.error());
      out.message = std::move(*message);
      return {};
    }
    case RegistrationId:
      return takeNumber(field, out.registrationId);
    case SignedPreKeyId:
      return takeNumber(field, out.signedPreKeyId);
    default:
      return {};
  }
}

}  // namespace

std::vector<uint8_t> PreKeySignalMessage::serialize() const {
  ProtobufWriter writer;
  writer.raw(base::ByteView(&versionByte, 1));
  if (preKeyId) writer.varint(PreKeyId, *preKeyId);
  writer.bytes(BaseKey, baseKey.serialize());
  writer.bytes(IdentityKey, identityKey.serialize());
  writer.bytes(Message, message.wire());
  writer.varint(RegistrationId, registrationId);
  writer.varint(SignedPreKeyId, signedPreKeyId);
  return writer.take();
}

Result<PreKeySignalMessage> PreKeySignalMessage::parse(base::ByteView wire) {
  if (wire.empty() || wire.size() > maxMessageSize) return refuse(SignalError::Malformed);
  if (const auto version = checkVersion(wire[0]); !version) return refuse(version.error());
  PreKeySignalMessage out;
  uint32_t seen = 0;
  ProtobufReader reader(wire.subspan(1));
  for (ProtobufReader::Field field; reader.next(field);) {
    if (const auto taken = takeField(field, out); !taken) return refuse(taken.error());
    if (field.number <= SignedPreKeyId) seen |= 1u << field.number;
  }
  constexpr uint32_t required = 1u << BaseKey | 1u << IdentityKey | 1u << Message | 1u << SignedPreKeyId;
  if (!reader.ok() || (seen & required) != required) return refuse(SignalError::Malformed);
  return out;
}

}  // namespace sotto::e2ee::signal
