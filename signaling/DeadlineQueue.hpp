// Deadlines that all lie the same span ahead when they are set, so that first in is first due. An entry whose
// reason has gone is not searched for: whoever takes it finds that out.
#pragma once

#include <deque>
#include <optional>
#include <utility>

#include "media/base/Units.hpp"

namespace sotto::signaling {

template <typename T>
class DeadlineQueue {
 public:
  void add(base::Timestamp deadline, T what) { entries_.emplace_back(deadline, std::move(what)); }

  /// One entry that is due, oldest first.
  std::optional<T> takeDue(base::Timestamp now) {
    if (entries_.empty() || entries_.front().first > now) return std::nullopt;
    T what = std::move(entries_.front().second);
    entries_.pop_front();
    return what;
  }

  base::Timestamp next() const {
    return entries_.empty() ? base::Timestamp::plusInfinity() : entries_.front().first;
  }
  void clear() { entries_.clear(); }

 private:
  std::deque<std::pair<base::Timestamp, T>> entries_;
};

}  // namespace sotto::signaling
