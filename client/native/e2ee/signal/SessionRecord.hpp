// All sessions with one device: the current one, and those before it, which late messages may still need.
#pragma once

#include <vector>

#include "client/native/e2ee/signal/SessionState.hpp"

namespace sotto::e2ee::signal {

class SessionRecord {
 public:
  /// Sessions kept beside the current one; the oldest go first.
  static constexpr size_t maxArchived = 40;

  bool hasCurrent() const { return current_.has_value(); }
  /// Only with hasCurrent().
  const SessionState& current() const { return *current_; }
  SessionState& current() { return *current_; }
  /// Newest first.
  const std::vector<SessionState>& archived() const { return archived_; }

  /// Makes `state` the current one and archives the one before.
  void promote(SessionState state);
  /// The same with an archived state that has moved on: `state` takes the place of archived()[index].
  void promoteArchived(size_t index, SessionState state);
  /// Replaces the current state by what it has become.
  void update(SessionState state) { current_ = std::move(state); }
  /// The current session is used no more for sending; what was sent in it can still be opened.
  void archiveCurrent();

  void write(StateWriter& out) const;
  static Result<SessionRecord> read(StateReader& in);

 private:
  std::optional<SessionState> current_;
  std::vector<SessionState> archived_;
};

}  // namespace sotto::e2ee::signal
