// The log's form in the store: two sections, lists with a version in front.
#include "client/native/e2ee/messenger/MessageLog.hpp"

#include <algorithm>
#include <utility>

#include "client/native/e2ee/signal/StateCodec.hpp"

namespace sotto::client::e2ee {
namespace {

using signal::StateReader;
using signal::StateWriter;

constexpr const char* sentSection = "sent";
constexpr const char* heldSection = "held";
constexpr uint8_t sentVersion = 2, heldVersion = 1;

/// Whether it may outlive this process: no key messages, no receipts.
bool isKept(uint32_t purpose) {
  return purpose > static_cast<uint32_t>(Purpose::KeyRequest);
}

void writeDevice(StateWriter& out, const DeviceId& device) {
  out.block(device.user);
  out.block(device.device);
}

DeviceId readDevice(StateReader& in) {
  std::string user = in.text();
  return {std::move(user), in.text()};
}

void readId(StateReader& in, MessageId& id) {
  const base::ByteView bytes = in.raw(id.size());
  if (bytes.size() == id.size()) std::copy(bytes.begin(), bytes.end(), id.begin());
}

std::vector<uint8_t> readBytes(StateReader& in) {
  const base::ByteView bytes = in.block();
  return {bytes.begin(), bytes.end()};
}

}  // namespace

MessageLog::MessageLog(signal::DeviceStore& store) : store_(store) {
  readSent();
  readHeld();
}

void MessageLog::readSent() {
  constexpr size_t least = 4 + 4 + 16 + 1 + 4 + 4 + 4;
  StateReader in(store_.section(sentSection));
  if (in.u8() != sentVersion) return;
  for (size_t left = in.count(maxSent, least); left > 0; --left) {
    Sent entry;
    auto job = std::make_shared<Job>();
    entry.to = readDevice(in);
    readId(in, entry.id);
    const uint8_t state = in.u8();
    job->purpose = in.u32();
    job->group = in.text();
    job->body = SecretBytes(in.block());
    if (!in.ok() || state > static_cast<uint8_t>(State::SentAgain) || !isKept(job->purpose)) return;
    entry.state = static_cast<State>(state);
    entry.job = std::move(job);
    sent_.push_back(std::move(entry));
  }
}

void MessageLog::readHeld() {
  constexpr size_t least = 4 + 4 + 16 + 4 + 4 + 1 + 8 + 4 + 4;
  StateReader in(store_.section(heldSection));
  if (in.u8() != heldVersion) return;
  for (size_t left = in.count(maxHeld, least); left > 0; --left) {
    IncomingMessage message;
    message.from = readDevice(in);
    readId(in, message.id);
    message.purpose = in.u32();
    message.group = in.text();
    const uint8_t type = in.u8();
    message.timeMs = in.u64();
    message.body = readBytes(in);
    message.shared = readBytes(in);
    if (!in.ok() || type > static_cast<uint8_t>(EnvelopeType::Error)) return;
    message.type = static_cast<EnvelopeType>(type);
    held_.push_back(std::move(message));
  }
}

// ---- what was sent ----------------------------------------------------------------------------------

void MessageLog::sent(const DeviceId& to, const MessageId& id, const JobPointer& job, bool again) {
  if (!isKept(job->purpose)) return;
  if (again) std::erase_if(sent_, [&](const Sent& entry) { return entry.to == to && entry.job == job; });
  sent_.push_back({to, id, again ? State::SentAgain : State::Sent, job});
  if (sent_.size() > maxSent) sent_.erase(sent_.begin());
  sentChanged_ = true;
}

void MessageLog::receipted(const DeviceId& by, const MessageId& id) {
  if (std::erase_if(sent_, [&](const Sent& entry) { return entry.to == by && entry.id == id; }) > 0)
    sentChanged_ = true;
}

void MessageLog::sendAgain(const DeviceId& to, const MessageId& id) {
  for (Sent& entry : sent_) {
    if (entry.to != to || entry.id != id) continue;
    entry.state = State::Again;
    entry.underWay = true;
    sentChanged_ = true;
  }
}

void MessageLog::failed(const DeviceId& to, const JobPointer& job) {
  const auto found = std::find_if(sent_.begin(), sent_.end(),
                                  [&](const Sent& entry) { return entry.to == to && entry.job == job; });
  if (found == sent_.end()) return;
  if (found->state == State::Sent) {
    sent_.erase(found);
  } else {
    found->state = State::Again;
    found->underWay = false;
  }
  sentChanged_ = true;
}

void MessageLog::giveUp(const DeviceId& to, const JobPointer& job) {
  if (std::erase_if(sent_, [&](const Sent& entry) { return entry.to == to && entry.job == job; }) > 0)
    sentChanged_ = true;
}

std::vector<std::pair<DeviceId, JobPointer>> MessageLog::takeWaiting() {
  std::vector<std::pair<DeviceId, JobPointer>> waiting;
  for (Sent& entry : sent_) {
    if (entry.state == State::Again && !std::exchange(entry.underWay, true))
      waiting.emplace_back(entry.to, entry.job);
  }
  return waiting;
}

void MessageLog::write() {
  if (std::exchange(sentChanged_, false)) writeSent();
  if (std::exchange(heldChanged_, false)) writeHeld();
}

void MessageLog::writeSent() {
  if (sent_.empty()) return store_.setSection(sentSection, {});
  StateWriter out;
  out.u8(sentVersion);
  out.count(sent_.size());
  for (const Sent& entry : sent_) {
    writeDevice(out, entry.to);
    out.raw(entry.id);
    out.u8(static_cast<uint8_t>(entry.state));
    out.u32(entry.job->purpose);
    out.block(entry.job->group);
    out.block(entry.job->body.view());
  }
  store_.setSection(sentSection, out.written());
}

// ---- what waits for a yes ---------------------------------------------------------------------------

void MessageLog::hold(IncomingMessage message) {
  message.seq = 0;  // acknowledged when it is stored here
  held_.push_back(std::move(message));
  if (held_.size() > maxHeld) held_.erase(held_.begin());
  heldChanged_ = true;
}

std::vector<IncomingMessage> MessageLog::takeHeld() {
  std::vector<IncomingMessage> taken = std::exchange(held_, {});
  heldChanged_ = heldChanged_ || !taken.empty();
  return taken;
}

std::vector<IncomingMessage> MessageLog::takeHeld(const DeviceId& from) {
  std::vector<IncomingMessage> taken;
  std::erase_if(held_, [&](IncomingMessage& message) {
    if (message.from != from) return false;
    taken.push_back(std::move(message));
    return true;
  });
  heldChanged_ = heldChanged_ || !taken.empty();
  return taken;
}

void MessageLog::writeHeld() {
  const auto kept = [](const IncomingMessage& message) { return isKept(message.purpose); };
  const auto count = std::count_if(held_.begin(), held_.end(), kept);
  if (count == 0) {
    if (!store_.section(heldSection).empty()) store_.setSection(heldSection, {});
    return;
  }
  StateWriter out;
  out.u8(heldVersion);
  out.count(static_cast<size_t>(count));
  for (const IncomingMessage& message : held_) {
    if (!kept(message)) continue;
    writeDevice(out, message.from);
    out.raw(message.id);
    out.u32(message.purpose);
    out.block(message.group);
    out.u8(static_cast<uint8_t>(message.type));
    out.u64(message.timeMs);
    out.block(message.body);
    out.block(message.shared);
  }
  store_.setSection(heldSection, out.written());
}

}  // namespace sotto::client::e2ee
