// From padded protobuf to values; see Content.hpp. A field that appears twice counts as its last one, as
// protobuf has it.
#include <algorithm>

#include "client/native/e2ee/content/Content.hpp"
#include "client/native/e2ee/content/Padding.hpp"
#include "client/native/e2ee/content/Utf8.hpp"
#include "client/native/e2ee/signal/Protobuf.hpp"

namespace sotto::client::e2ee {

namespace {

using sotto::e2ee::signal::ProtobufReader;
using Field = ProtobufReader::Field;
template <typename T>
using Result = tl::expected<T, ContentError>;

tl::unexpected<ContentError> refuse(ContentError error) {
  return tl::make_unexpected(error);
}

/// The fields of one message by number, the last of each; numbers from 16 on are unknown to all of ours.
class Fields {
 public:
  explicit Fields(base::ByteView message) {
    ProtobufReader reader(message);
    Field field;
    while (reader.next(field)) {
      if (field.number < fields_.size()) fields_[field.number] = field;
    }
    if (!reader.ok()) error_ = ContentError::Malformed;
  }

  bool has(uint32_t number) const { return fields_[number].has_value(); }

  /// At most `most`; 0 and an error noted when it is absent or larger.
  uint64_t number(uint32_t field, uint64_t most) {
    if (!has(field)) return note(ContentError::Missing), 0;
    const Field& found = *fields_[field];
    if (found.type != ProtobufReader::Type::Varint) return note(ContentError::Malformed), 0;
    if (found.varint > most) return note(ContentError::OutOfBounds), 0;
    return found.varint;
  }
  base::ByteView bytes(uint32_t field, size_t least, size_t most) {
    if (!has(field)) return note(ContentError::Missing), base::ByteView{};
    const Field& found = *fields_[field];
    if (found.type != ProtobufReader::Type::Bytes) return note(ContentError::Malformed), base::ByteView{};
    if (found.bytes.size() < least || found.bytes.size() > most) {
      return note(ContentError::OutOfBounds), base::ByteView{};
    }
    return found.bytes;
  }
  std::string text(uint32_t field, size_t least, size_t most) {
    const base::ByteView found = bytes(field, least, most);
    if (!isUtf8(found)) note(ContentError::OutOfBounds);
    return {reinterpret_cast<const char*>(found.data()), found.size()};
  }
  template <size_t N>
  std::array<uint8_t, N> array(uint32_t field) {
    std::array<uint8_t, N> out{};
    const base::ByteView found = bytes(field, N, N);
    std::copy(found.begin(), found.end(), out.begin());
    return out;
  }

  void note(ContentError error) {
    if (!error_) error_ = error;
  }
  /// `value`, unless something was wrong.
  template <typename T>
  Result<T> result(T value) {
    if (error_) return refuse(*error_);
    return value;
  }

 private:
  std::array<std::optional<Field>, 16> fields_;
  std::optional<ContentError> error_;
};

std::optional<frame::Suite> suiteOf(uint64_t value) {
  for (const frame::Suite suite : {frame::Suite::Duo, frame::Suite::Aes128Gcm, frame::Suite::Aes256Gcm}) {
    if (value == static_cast<uint64_t>(suite)) return suite;
  }
  return std::nullopt;
}

uint16_t senderOf(Fields& fields) {
  const auto sender = static_cast<uint16_t>(fields.number(1, 65'535));
  if (sender == 0) fields.note(ContentError::OutOfBounds);
  return sender;
}

Result<MediaKey> decodeMediaKey(base::ByteView message) {
  Fields fields(message);
  MediaKey key;
  key.id.sender = senderOf(fields);
  key.id.generation = static_cast<uint8_t>(fields.number(2, 255));
  key.id.step = static_cast<uint8_t>(fields.number(3, 255));
  const auto suite = suiteOf(fields.number(4, 255));
  if (!suite) fields.note(ContentError::OutOfBounds);
  key.suite = suite.value_or(frame::Suite::Duo);
  key.secret = SecretBytes(fields.bytes(5, MediaKey::secretSize, MediaKey::secretSize));
  return fields.result(std::move(key));
}

Result<KeyRequest> decodeKeyRequest(base::ByteView message) {
  Fields fields(message);
  KeyRequest request;
  request.sender = senderOf(fields);
  if (fields.has(2)) request.generation = static_cast<uint8_t>(fields.number(2, 255));
  if (fields.has(3)) request.step = static_cast<uint8_t>(fields.number(3, 255));
  return fields.result(request);
}

Result<TextMessage> decodeText(base::ByteView message) {
  Fields fields(message);
  return fields.result(TextMessage{fields.text(1, 0, TextMessage::maxSize)});
}

Result<MediaMessage> decodeMediaMessage(base::ByteView message) {
  Fields fields(message);
  MediaMessage media;
  media.blob = fields.text(1, 1, MediaMessage::maxBlobId);
  media.km = SecretBytes(fields.bytes(2, MediaMessage::kmSize, MediaMessage::kmSize));
  media.digest = fields.array<32>(3);
  media.size = fields.number(4, UINT64_MAX);
  if (fields.has(5)) media.name = fields.text(5, 0, MediaMessage::maxName);
  if (fields.has(6)) media.type = fields.text(6, 0, MediaMessage::maxType);
  return fields.result(std::move(media));
}

Result<Reaction> decodeReaction(base::ByteView message) {
  Fields fields(message);
  Reaction reaction;
  reaction.message = fields.array<16>(1);
  reaction.emoji = fields.text(2, 1, Reaction::maxEmoji);
  if (fields.has(3)) reaction.remove = fields.number(3, UINT64_MAX) != 0;
  return fields.result(reaction);
}

/// Takes what is inside over into `body`.
template <typename T>
Result<Body> withWhat(Body body, Result<T> what) {
  if (!what) return refuse(what.error());
  body.what = std::move(*what);
  return body;
}

Result<Body> decodePlainBody(base::ByteView message) {
  Fields fields(message);
  Body body;
  const uint64_t purpose = fields.number(1, UINT32_MAX);
  const base::ByteView group = fields.bytes(2, 1, Body::maxGroup);
  body.group.assign(group.begin(), group.end());
  if (fields.has(3)) body.sentMs = fields.number(3, UINT64_MAX);
  if (auto good = fields.result(true); !good) return refuse(good.error());
  if (purpose < 1 || purpose > 5) return refuse(ContentError::UnknownPurpose);
  const base::ByteView inner = fields.bytes(static_cast<uint32_t>(purpose) + 3, 0, maxContentSize);
  if (auto good = fields.result(true); !good) return refuse(good.error());
  switch (static_cast<Purpose>(purpose)) {
    case Purpose::MediaKey:
      return withWhat(std::move(body), decodeMediaKey(inner));
    case Purpose::KeyRequest:
      return withWhat(std::move(body), decodeKeyRequest(inner));
    case Purpose::Text:
      return withWhat(std::move(body), decodeText(inner));
    case Purpose::MediaMessage:
      return withWhat(std::move(body), decodeMediaMessage(inner));
    case Purpose::Reaction:
      return withWhat(std::move(body), decodeReaction(inner));
  }
  return refuse(ContentError::UnknownPurpose);
}

Result<SharedKey> decodeSharedKey(base::ByteView message) {
  Fields fields(message);
  SharedKey shared;
  shared.km = SecretBytes(fields.bytes(1, SharedKey::kmSize, SharedKey::kmSize));
  shared.digest = fields.array<32>(2);
  return fields.result(std::move(shared));
}

Result<Receipt> decodeReceipt(base::ByteView message) {
  Receipt receipt;
  ProtobufReader reader(message);
  Field field;
  while (reader.next(field)) {
    if (field.number != 1) continue;
    if (field.type != ProtobufReader::Type::Bytes) return refuse(ContentError::Malformed);
    if (field.bytes.size() != sizeof(MessageId) || receipt.messages.size() >= Receipt::maxIds) {
      return refuse(ContentError::OutOfBounds);
    }
    MessageId& id = receipt.messages.emplace_back();
    std::copy(field.bytes.begin(), field.bytes.end(), id.begin());
  }
  if (!reader.ok()) return refuse(ContentError::Malformed);
  if (receipt.messages.empty()) return refuse(ContentError::Missing);
  return receipt;
}

Result<base::ByteView> unpadded(base::ByteView padded) {
  if (padded.size() > maxContentSize) return refuse(ContentError::TooLarge);
  const auto plain = unpad(padded);
  if (!plain) return refuse(ContentError::Padding);
  return *plain;
}

}  // namespace

const char* toString(ContentError error) {
  switch (error) {
    case ContentError::Padding:
      return "padding";
    case ContentError::TooLarge:
      return "too-large";
    case ContentError::Malformed:
      return "malformed";
    case ContentError::Missing:
      return "missing";
    case ContentError::OutOfBounds:
      return "out-of-bounds";
    case ContentError::UnknownPurpose:
      return "unknown-purpose";
  }
  return "unknown";
}

tl::expected<Body, ContentError> decodeBody(base::ByteView padded) {
  return unpadded(padded).and_then(decodePlainBody);
}

tl::expected<Content, ContentError> decodeContent(base::ByteView padded) {
  const auto plain = unpadded(padded);
  if (!plain) return refuse(plain.error());
  Fields fields(*plain);
  if (auto good = fields.result(true); !good) return refuse(good.error());
  if (int{fields.has(1)} + int{fields.has(2)} + int{fields.has(3)} != 1) {
    return refuse(ContentError::Missing);
  }
  const uint32_t which = fields.has(1) ? 1 : fields.has(2) ? 2 : 3;
  const base::ByteView inner = fields.bytes(which, 0, maxContentSize);
  if (auto good = fields.result(true); !good) return refuse(good.error());
  const auto asContent = [](auto value) { return Content(std::move(value)); };
  if (which == 1) return decodePlainBody(inner).map(asContent);
  if (which == 2) return decodeSharedKey(inner).map(asContent);
  return decodeReceipt(inner).map(asContent);
}

std::optional<ErrorReceipt> decodeErrorReceipt(base::ByteView wire) {
  if (wire.size() != ErrorReceipt::wireSize || wire.back() < 1 || wire.back() > 3) return std::nullopt;
  ErrorReceipt receipt;
  std::copy_n(wire.begin(), receipt.message.size(), receipt.message.begin());
  receipt.reason = static_cast<ErrorReceipt::Reason>(wire.back());
  return receipt;
}

}  // namespace sotto::client::e2ee
