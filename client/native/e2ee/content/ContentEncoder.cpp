// From values to padded protobuf; see Content.hpp.
#include "client/native/e2ee/content/Content.hpp"
#include "client/native/e2ee/content/Padding.hpp"
#include "client/native/e2ee/signal/Protobuf.hpp"

namespace sotto::client::e2ee {

namespace {

using sotto::e2ee::signal::ProtobufWriter;

base::ByteView bytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// Room for the fixed fields of any message; beyond it come only texts.
constexpr size_t fixedFields = 512;

/// A writer whose buffer never moves, so that no copy of a secret stays behind as it grows.
ProtobufWriter roomFor(size_t texts) {
  ProtobufWriter writer;
  writer.reserve(fixedFields + texts);
  return writer;
}

/// The writer's bytes, which are wiped with what is returned.
SecretBytes finish(ProtobufWriter writer) {
  return SecretBytes::adopt(writer.take());
}

SecretBytes encode(const MediaKey& key) {
  ProtobufWriter out = roomFor(0);
  out.varint(1, key.id.sender);
  out.varint(2, key.id.generation);
  out.varint(3, key.id.step);
  out.varint(4, static_cast<uint64_t>(key.suite));
  out.bytes(5, key.secret.view());
  return finish(std::move(out));
}

SecretBytes encode(const KeyRequest& request) {
  ProtobufWriter out = roomFor(0);
  out.varint(1, request.sender);
  if (request.generation) out.varint(2, *request.generation);
  if (request.step) out.varint(3, *request.step);
  return finish(std::move(out));
}

SecretBytes encode(const TextMessage& text) {
  ProtobufWriter out = roomFor(text.text.size());
  out.bytes(1, bytesOf(text.text));
  return finish(std::move(out));
}

SecretBytes encode(const MediaMessage& media) {
  ProtobufWriter out = roomFor(media.blob.size() + media.name.size() + media.type.size());
  out.bytes(1, bytesOf(media.blob));
  out.bytes(2, media.km.view());
  out.bytes(3, media.digest);
  out.varint(4, media.size);
  if (!media.name.empty()) out.bytes(5, bytesOf(media.name));
  if (!media.type.empty()) out.bytes(6, bytesOf(media.type));
  return finish(std::move(out));
}

SecretBytes encode(const Reaction& reaction) {
  ProtobufWriter out = roomFor(reaction.emoji.size());
  out.bytes(1, reaction.message);
  out.bytes(2, bytesOf(reaction.emoji));
  if (reaction.remove) out.varint(3, 1);
  return finish(std::move(out));
}

/// The field of `Body` that carries each purpose.
uint32_t fieldOf(Purpose purpose) {
  return static_cast<uint32_t>(purpose) + 3;
}

SecretBytes encode(const Body& body) {
  const SecretBytes what = std::visit([](const auto& value) { return encode(value); }, body.what);
  ProtobufWriter out = roomFor(body.group.size() + what.size());
  out.varint(1, static_cast<uint64_t>(body.purpose()));
  out.bytes(2, bytesOf(body.group));
  if (body.sentMs) out.varint(3, *body.sentMs);
  out.bytes(fieldOf(body.purpose()), what.view());
  return finish(std::move(out));
}

SecretBytes encode(const SharedKey& shared) {
  ProtobufWriter out = roomFor(0);
  out.bytes(1, shared.km.view());
  out.bytes(2, shared.digest);
  return finish(std::move(out));
}

SecretBytes encode(const Receipt& receipt) {
  ProtobufWriter out = roomFor(receipt.messages.size() * (sizeof(MessageId) + 2));
  for (const MessageId& id : receipt.messages) out.bytes(1, id);
  return finish(std::move(out));
}

bool isKeyTraffic(const Body& body) {
  return body.purpose() == Purpose::MediaKey || body.purpose() == Purpose::KeyRequest;
}

}  // namespace

SecretBytes encodeBody(const Body& body) {
  return pad(encode(body).view(), paddingStep, isKeyTraffic(body) ? smallestPadded : paddingStep);
}

namespace {

/// A content of one field, `inner`.
SecretBytes wrap(size_t field, base::ByteView inner, bool small) {
  ProtobufWriter out = roomFor(inner.size());
  out.bytes(static_cast<uint32_t>(field), inner);
  const SecretBytes plain = finish(std::move(out));
  return pad(plain.view(), paddingStep, small ? smallestPadded : paddingStep);
}

}  // namespace

SecretBytes encodeContent(const Content& content) {
  const SecretBytes inner = std::visit([](const auto& value) { return encode(value); }, content);
  const Body* body = std::get_if<Body>(&content);
  return wrap(content.index() + 1, inner.view(), body == nullptr || isKeyTraffic(*body));
}

SecretBytes encodeInline(base::ByteView paddedBody) {
  const base::ByteView plain = unpad(paddedBody).value_or(base::ByteView{});
  const auto body = decodeBody(paddedBody);
  return wrap(1, plain, body && isKeyTraffic(*body));
}

std::array<uint8_t, ErrorReceipt::wireSize> encodeErrorReceipt(const ErrorReceipt& receipt) {
  std::array<uint8_t, ErrorReceipt::wireSize> wire{};
  std::copy(receipt.message.begin(), receipt.message.end(), wire.begin());
  wire.back() = static_cast<uint8_t>(receipt.reason);
  return wire;
}

}  // namespace sotto::client::e2ee
