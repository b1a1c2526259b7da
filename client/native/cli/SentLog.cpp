// The log's form in the store: a section, a list with a version in front.
#include "client/native/cli/SentLog.hpp"

#include <algorithm>

#include "client/native/e2ee/signal/StateCodec.hpp"

namespace sotto::client::cli {
namespace {

using sotto::e2ee::signal::StateReader;
using sotto::e2ee::signal::StateWriter;

constexpr const char* sectionName = "sent";
constexpr uint8_t version = 1;

}  // namespace

SentLog::SentLog(sotto::e2ee::signal::DeviceStore& store) : store_(store) {
  constexpr size_t least = 4 + 4 + 16 + 4;
  StateReader in(store.section(sectionName));
  if (in.u8() != version) return;
  for (size_t left = in.count(maxEntries, least); left > 0; --left) {
    Entry entry;
    entry.to.user = in.text();
    entry.to.device = in.text();
    const base::ByteView id = in.raw(entry.id.size());
    const base::ByteView body = in.block();
    if (!in.ok()) return;
    std::copy(id.begin(), id.end(), entry.id.begin());
    entry.body = e2ee::SecretBytes(body);
    entries_.push_back(std::move(entry));
  }
}

void SentLog::add(const e2ee::DeviceId& to, const e2ee::MessageId& id, const e2ee::Body& body) {
  if (body.purpose() == e2ee::Purpose::MediaKey || body.purpose() == e2ee::Purpose::KeyRequest) return;
  entries_.push_back({to, id, e2ee::encodeBody(body)});
  if (entries_.size() > maxEntries) entries_.erase(entries_.begin());
  write();
}

std::optional<e2ee::Body> SentLog::take(const e2ee::DeviceId& to, const e2ee::MessageId& id) {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.to == to && entry.id == id; });
  if (found == entries_.end()) return std::nullopt;
  auto body = e2ee::decodeBody(found->body.view());
  entries_.erase(found);
  write();
  return body ? std::optional(std::move(*body)) : std::nullopt;
}

void SentLog::write() {
  if (entries_.empty()) return store_.setSection(sectionName, {});
  StateWriter out;
  out.u8(version);
  out.count(entries_.size());
  for (const Entry& entry : entries_) {
    out.block(entry.to.user);
    out.block(entry.to.device);
    out.raw(entry.id);
    out.block(entry.body.view());
  }
  store_.setSection(sectionName, out.written());
}

}  // namespace sotto::client::cli
