#include "media/forward/KeyFrameRequests.hpp"

#include <algorithm>

namespace sotto::forward {

using base::Timestamp;

void KeyFrameRequests::want(uint32_t ssrc, Timestamp now) {
  Wish* wish = nullptr;
  for (size_t i = 0; i < count_; ++i) {
    if (wishes_[i].ssrc == ssrc) wish = &wishes_[i];
  }
  if (wish == nullptr) {
    if (count_ < maxStreams) {
      wish = &wishes_[count_++];
    } else {
      // The publisher has changed its SSRCs time and again: the one asked for longest ago is gone.
      wish = std::min_element(wishes_.begin(), wishes_.end(),
                              [](const Wish& a, const Wish& b) { return a.repeated < b.repeated; });
    }
    *wish = Wish{};
    wish->ssrc = ssrc;
  }
  if (!wish->pending) {
    wish->pending = true;
    wish->since = now;
  }
  wish->repeated = now;
}

void KeyFrameRequests::onKeyFrame(uint32_t ssrc) {
  for (size_t i = 0; i < count_; ++i) {
    if (wishes_[i].ssrc == ssrc) wishes_[i].pending = false;
  }
}

Timestamp KeyFrameRequests::dueAt(const Wish& wish) const {
  return std::max({wish.since, wish.sent + repeatInterval, sent_.front() + burstWindow});
}

uint32_t KeyFrameRequests::next(Timestamp now) {
  Wish* first = nullptr;
  for (size_t i = 0; i < count_; ++i) {
    Wish& wish = wishes_[i];
    if (wish.pending && now - wish.repeated > forgetAfter) wish.pending = false;
    if (!wish.pending || dueAt(wish) > now) continue;
    // Whoever was asked longest ago comes first, so that no layer starves another.
    if (first == nullptr || wish.sent < first->sent) first = &wish;
  }
  if (first == nullptr) return 0;
  first->sent = now;
  std::rotate(sent_.begin(), sent_.begin() + 1, sent_.end());
  sent_.back() = now;
  return first->ssrc;
}

Timestamp KeyFrameRequests::nextDeadline() const {
  Timestamp due = Timestamp::plusInfinity();
  for (size_t i = 0; i < count_; ++i) {
    if (wishes_[i].pending) due = std::min(due, dueAt(wishes_[i]));
  }
  return due;
}

}  // namespace sotto::forward
