// Protobuf's wire format; see the header.
#include "client/native/e2ee/signal/Protobuf.hpp"

namespace sotto::e2ee::signal {
namespace {

constexpr uint32_t highestFieldNumber = (1u << 29) - 1;

}  // namespace

bool ProtobufReader::varint(uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) return fail();
    const uint8_t byte = rest_.front();
    rest_ = rest_.subspan(1);
    // The tenth byte has room for one bit.
    if (shift == 63 && byte > 1) return fail();
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return fail();
}

bool ProtobufReader::take(uint64_t count, base::ByteView& bytes) {
  if (count > rest_.size()) return fail();
  bytes = rest_.first(static_cast<size_t>(count));
  rest_ = rest_.subspan(static_cast<size_t>(count));
  return true;
}

bool ProtobufReader::next(Field& field) {
  if (!ok_ || rest_.empty()) return false;
  uint64_t key = 0;
  if (!varint(key)) return false;
  const uint64_t number = key >> 3;
  if (number == 0 || number > highestFieldNumber) return fail();
  field = {};
  field.number = static_cast<uint32_t>(number);
  field.type = static_cast<Type>(key & 7);
  switch (field.type) {
    case Type::Varint:
      return varint(field.varint);
    case Type::Fixed64:
      return take(8, field.bytes);
    case Type::Fixed32:
      return take(4, field.bytes);
    case Type::Bytes: {
      uint64_t length = 0;
      return varint(length) && take(length, field.bytes);
    }
  }
  return fail();
}

void ProtobufWriter::plainVarint(uint64_t value) {
  while (value >= 0x80) {
    out_.push_back(static_cast<uint8_t>(value | 0x80));
    value >>= 7;
  }
  out_.push_back(static_cast<uint8_t>(value));
}

void ProtobufWriter::varint(uint32_t number, uint64_t value) {
  plainVarint(uint64_t{number} << 3 | static_cast<uint64_t>(ProtobufReader::Type::Varint));
  plainVarint(value);
}

void ProtobufWriter::bytes(uint32_t number, base::ByteView value) {
  plainVarint(uint64_t{number} << 3 | static_cast<uint64_t>(ProtobufReader::Type::Bytes));
  plainVarint(value.size());
  raw(value);
}

void ProtobufWriter::raw(base::ByteView value) {
  out_.insert(out_.end(), value.begin(), value.end());
}

bool readUint32(const ProtobufReader::Field& field, uint32_t& value) {
  if (field.type != ProtobufReader::Type::Varint || field.varint > UINT32_MAX) return false;
  value = static_cast<uint32_t>(field.varint);
  return true;
}

}  // namespace sotto::e2ee::signal
