#include "media/forward/KeyFrameRequests.hpp"

#include <algorithm>

namespace sotto::forward {

using base::Timestamp;

void KeyFrameRequests::want(uint32_t ssrc, Timestamp now, Need need) {
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
    wish->need = need;
    wish->since = now;
  }
  if (need == Need::Picture) wish->need = need;
  wish->repeated = now;
}

void KeyFrameRequests::onKeyFrameBegun(uint32_t ssrc, Timestamp now) {
  for (size_t i = 0; i < count_; ++i) {
    if (wishes_[i].ssrc == ssrc) wishes_[i].begun = now;
  }
}

void KeyFrameRequests::onKeyFrame(uint32_t ssrc) {
  Wish* own = nullptr;
  bool otherAsked = false;
  for (size_t i = 0; i < count_; ++i) {
    if (wishes_[i].ssrc == ssrc) {
      own = &wishes_[i];
    } else {
      otherAsked = otherAsked || wishes_[i].asked();
    }
  }
  // Nobody asked for this one, and a request for another layer is under way.
  if (otherAsked && (own == nullptr || !own->asked())) together_ = true;
  if (own != nullptr) own->pending = false;
}

Timestamp KeyFrameRequests::dueAt(const Wish& wish) const {
  const bool answered = !roundTrip_ || wish.begun >= wish.sent;
  const base::TimeDelta repeat =
      answered ? repeatInterval : std::min(*roundTrip_ * 3 / 2 + encodingTime, repeatInterval);
  Timestamp due = std::max({wish.since, wish.sent + repeat, sent_.front() + burstWindow});
  if (wish.need == Need::Knowledge)
    due = std::max(due, std::min(sent_.back() + burstWindow, wish.since + maxDeferral));
  return together_ && !wish.asked() ? std::max(due, sent_.back() + joinedFor) : due;
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
  // It joined a request, and the key frame of its layer did not come with that one's.
  if (!first->asked() && first->since < sent_.back() + joinedFor) together_ = false;
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
