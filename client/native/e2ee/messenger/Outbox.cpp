// What was sent lately; see the header.
#include "client/native/e2ee/messenger/Outbox.hpp"

namespace sotto::client::e2ee {

void Outbox::add(const DeviceId& to, const MessageId& id, Entry entry) {
  entries_[{to, id}] = std::move(entry);
  std::deque<MessageId>& order = order_[to];
  order.push_back(id);
  if (order.size() <= maxForDevice) return;
  entries_.erase({to, order.front()});
  order.pop_front();
}

Outbox::Entry* Outbox::find(const DeviceId& to, const MessageId& id) {
  const auto found = entries_.find({to, id});
  return found == entries_.end() ? nullptr : &found->second;
}

JobPointer Outbox::receipted(const DeviceId& by, const MessageId& id) {
  const auto found = entries_.find({by, id});
  if (found == entries_.end()) return nullptr;
  JobPointer job = found->second.job;
  entries_.erase(found);
  return job;
}

}  // namespace sotto::client::e2ee
