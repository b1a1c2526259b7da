#include "client/native/e2ee/messenger/DirectMessage.hpp"

#include <algorithm>

namespace sotto::client::e2ee {

namespace {

constexpr uint8_t format = 1;
constexpr uint8_t purposeMediaKey = static_cast<uint8_t>(Purpose::MediaKey);
constexpr uint8_t lastType = static_cast<uint8_t>(EnvelopeType::Signal);

static_assert(static_cast<uint8_t>(EnvelopeType::PreKey) == 0 && lastType == 1, "as on the wire");

}  // namespace

const char* toString(DirectMessageError error) {
  switch (error) {
    case DirectMessageError::Truncated:
      return "truncated";
    case DirectMessageError::UnknownFormat:
      return "unknown-format";
    case DirectMessageError::NotForThisWay:
      return "not-for-this-way";
    case DirectMessageError::OutOfBounds:
      return "out-of-bounds";
  }
  return "unknown";
}

std::vector<uint8_t> encodeDirect(const OutgoingMessage& message, const Envelope& to) {
  const bool fits = message.purpose <= purposeMediaKey && to.type != EnvelopeType::Error &&
                    !message.group.empty() && message.group.size() <= Body::maxGroup &&
                    message.shared.size() <= UINT16_MAX && !to.body.empty();
  if (!fits) return {};
  std::vector<uint8_t> payload(directHeaderSize + message.group.size() + message.shared.size() +
                               to.body.size());
  base::ByteWriter writer(payload);
  writer.u8(format);
  writer.u8(static_cast<uint8_t>(to.type));
  writer.u8(static_cast<uint8_t>(message.purpose));
  writer.bytes(message.id);
  writer.u8(static_cast<uint8_t>(message.group.size()));
  writer.bytes({reinterpret_cast<const uint8_t*>(message.group.data()), message.group.size()});
  writer.u16(static_cast<uint16_t>(message.shared.size()));
  writer.bytes(message.shared);
  writer.bytes(to.body);
  return payload;
}

tl::expected<IncomingMessage, DirectMessageError> decodeDirect(base::ByteView payload, const DeviceId& from) {
  base::ByteReader reader(payload);
  const uint8_t saidFormat = reader.u8(), type = reader.u8(), purpose = reader.u8();
  const base::ByteView id = reader.bytes(MessageId{}.size());
  const base::ByteView group = reader.bytes(reader.u8());
  const base::ByteView shared = reader.bytes(reader.u16());
  const base::ByteView body = reader.rest();
  if (!payload.empty() && saidFormat != format) {
    return tl::make_unexpected(DirectMessageError::UnknownFormat);
  }
  if (!reader.ok() || body.empty()) return tl::make_unexpected(DirectMessageError::Truncated);
  if (type > lastType || purpose > purposeMediaKey) {
    return tl::make_unexpected(DirectMessageError::NotForThisWay);
  }
  const bool sound =
      !group.empty() && group.size() <= Body::maxGroup && (shared.empty() || purpose == purposeMediaKey);
  if (!sound) return tl::make_unexpected(DirectMessageError::OutOfBounds);
  IncomingMessage message;
  message.from = from;
  std::copy(id.begin(), id.end(), message.id.begin());
  message.purpose = purpose;
  message.group.assign(group.begin(), group.end());
  message.type = static_cast<EnvelopeType>(type);
  message.body.assign(body.begin(), body.end());
  message.shared.assign(shared.begin(), shared.end());
  message.direct = true;
  return message;
}

}  // namespace sotto::client::e2ee
