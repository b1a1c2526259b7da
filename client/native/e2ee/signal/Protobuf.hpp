// The part of the protobuf wire format that Signal's messages use (protobuf.dev, "Encoding"): varints and
// length-delimited fields, read without a copy and written in field order.
#pragma once

#include <cstdint>
#include <vector>

#include "media/base/Bytes.hpp"

namespace sotto::e2ee::signal {

/// Walks over the fields of a message. Stops at the first thing that is not protobuf; ok() tells.
class ProtobufReader {
 public:
  enum class Type : uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };
  struct Field {
    uint32_t number = 0;
    Type type = Type::Varint;
    uint64_t varint = 0;   ///< of a Varint
    base::ByteView bytes;  ///< of Bytes; a view into the message
  };

  explicit ProtobufReader(base::ByteView message) : rest_(message) {}
  /// The next field, those of unknown numbers too (skipping is up to the caller). False at the end and on an
  /// error. Groups, field number 0, and varints above 64 bits are errors.
  bool next(Field& field);
  bool ok() const { return ok_; }

 private:
  bool varint(uint64_t& value);
  bool take(uint64_t count, base::ByteView& bytes);
  bool fail() { return ok_ = false; }

  base::ByteView rest_;
  bool ok_ = true;
};

/// Appends fields to a growing buffer.
class ProtobufWriter {
 public:
  /// Room for so many bytes: until they are used up the buffer does not move, and leaves no copy behind.
  void reserve(size_t size) { out_.reserve(size); }
  void varint(uint32_t number, uint64_t value);
  void bytes(uint32_t number, base::ByteView value);
  /// One byte as it is: the version byte that stands before the fields.
  void raw(base::ByteView value);
  const std::vector<uint8_t>& written() const { return out_; }
  std::vector<uint8_t> take() { return std::move(out_); }

 private:
  void plainVarint(uint64_t value);
  std::vector<uint8_t> out_;
};

/// Takes `field` as a uint32: false when it is of another type or does not fit.
bool readUint32(const ProtobufReader::Field& field, uint32_t& value);

}  // namespace sotto::e2ee::signal
