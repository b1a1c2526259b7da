// The inbox's form in the store: a section, a list of messages with a version in front.
#include "client/native/cli/Inbox.hpp"

#include <algorithm>

#include "client/native/e2ee/signal/StateCodec.hpp"

namespace sotto::client::cli {
namespace {

using sotto::e2ee::signal::StateReader;
using sotto::e2ee::signal::StateWriter;

constexpr const char* messageSection = "inbox";
constexpr uint8_t version = 1;
/// Beyond what a mailbox holds at the server, many times over.
constexpr size_t maxMessages = 100'000;

bool isKept(const e2ee::Body& body) {
  return body.purpose() == e2ee::Purpose::Text || body.purpose() == e2ee::Purpose::MediaMessage ||
         body.purpose() == e2ee::Purpose::Reaction;
}

template <size_t size>
void readInto(StateReader& in, std::array<uint8_t, size>& out) {
  const base::ByteView bytes = in.raw(size);
  if (bytes.size() == size) std::copy(bytes.begin(), bytes.end(), out.begin());
}

}  // namespace

Inbox::Inbox(sotto::e2ee::signal::DeviceStore& store) : store_(store) {
  // The smallest: two empty names, id, time, an empty body.
  constexpr size_t leastMessage = 4 + 4 + 16 + 8 + 4;
  StateReader in(store.section(messageSection));
  if (in.u8() == version) {
    for (size_t left = in.count(maxMessages, leastMessage); left > 0 && in.ok(); --left) {
      InboxMessage message;
      message.from.user = in.text();
      message.from.device = in.text();
      readInto(in, message.id);
      message.receivedMs = in.u64();
      auto body = e2ee::decodeBody(in.block());
      if (!in.ok() || !body) break;
      message.body = std::move(*body);
      messages_.push_back(std::move(message));
    }
  }
}

void Inbox::add(InboxMessage message) {
  if (!isKept(message.body)) return;
  const bool known = std::any_of(messages_.begin(), messages_.end(), [&](const InboxMessage& other) {
    return other.from == message.from && other.id == message.id;
  });
  if (known || messages_.size() >= maxMessages) return;
  messages_.push_back(std::move(message));
  writeMessages();
}

void Inbox::removeFirst() {
  if (messages_.empty()) return;
  messages_.erase(messages_.begin());
  writeMessages();
}

void Inbox::writeMessages() {
  if (messages_.empty()) return store_.setSection(messageSection, {});
  StateWriter out;
  out.u8(version);
  out.count(messages_.size());
  for (const InboxMessage& message : messages_) {
    out.block(message.from.user);
    out.block(message.from.device);
    out.raw(message.id);
    out.u64(message.receivedMs);
    out.block(e2ee::encodeBody(message.body).view());
  }
  store_.setSection(messageSection, out.written());
}

}  // namespace sotto::client::cli
