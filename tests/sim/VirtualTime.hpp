// The simulator's clock: a queue of things to do, run in the order of their time (and, at the same time, of
// their being asked for), so that a whole run follows from its seed.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "media/base/Units.hpp"

namespace sotto::sim {

class VirtualTime {
 public:
  /// Starts at one hour, so that code which subtracts from now() stays positive.
  VirtualTime() : now_(base::Timestamp::micros(3'600'000'000)) {}

  base::Timestamp now() const { return now_; }
  /// Runs `action` at `when`, or next when that has passed.
  void at(base::Timestamp when, std::function<void()> action) {
    queue_.push({when < now_ ? now_ : when, nextOrder_++, std::move(action)});
  }
  void after(base::TimeDelta delay, std::function<void()> action) { at(now_ + delay, std::move(action)); }

  /// Runs everything due up to and including `end`; now() is `end` afterwards.
  void runUntil(base::Timestamp end) {
    while (!queue_.empty() && queue_.top().when <= end) {
      // The action may add to the queue: it has to be out of it before it runs.
      Entry entry = std::move(const_cast<Entry&>(queue_.top()));
      queue_.pop();
      now_ = entry.when;
      entry.action();
    }
    now_ = end;
  }
  void runFor(base::TimeDelta duration) { runUntil(now_ + duration); }

 private:
  struct Entry {
    base::Timestamp when;
    uint64_t order = 0;
    std::function<void()> action;
    bool operator<(const Entry& other) const {  // earliest on top
      return when != other.when ? when > other.when : order > other.order;
    }
  };
  base::Timestamp now_;
  uint64_t nextOrder_ = 0;
  std::priority_queue<Entry> queue_;
};

}  // namespace sotto::sim
