// The timer of a component that says when it wants to be called next: one pending wake-up in virtual time.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "tests/sim/VirtualTime.hpp"

namespace sotto::sim {

class Alarm {
 public:
  Alarm(VirtualTime& time, std::function<void()> fire)
      : state_(std::make_shared<State>(time, std::move(fire))) {}
  ~Alarm() { state_->fire = nullptr; }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  /// Fires at `deadline` or, when an earlier wake-up is pending, then. No finer than real timers are, so that
  /// a deadline in the past cannot stop the clock.
  void set(base::Timestamp deadline) {
    if (deadline == base::Timestamp::plusInfinity() || deadline >= state_->armed) return;
    state_->armed = deadline;
    const uint64_t generation = ++state_->generation;
    VirtualTime& time = state_->time;
    const base::Timestamp earliest = time.now() + base::TimeDelta::micros(100);
    time.at(deadline < earliest ? earliest : deadline, [state = state_, generation] {
      if (generation != state->generation || !state->fire) return;
      state->armed = base::Timestamp::plusInfinity();
      state->fire();
    });
  }

 private:
  struct State {
    State(VirtualTime& clock, std::function<void()> action) : time(clock), fire(std::move(action)) {}
    VirtualTime& time;
    std::function<void()> fire;
    base::Timestamp armed = base::Timestamp::plusInfinity();
    uint64_t generation = 0;
  };
  std::shared_ptr<State> state_;
};

}  // namespace sotto::sim
