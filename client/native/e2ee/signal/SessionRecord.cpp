// Current and archived sessions; see the header.
#include "client/native/e2ee/signal/SessionRecord.hpp"

namespace sotto::e2ee::signal {

void SessionRecord::archiveCurrent() {
  if (!current_) return;
  if (archived_.size() >= maxArchived) {
    archived_.erase(archived_.begin() + static_cast<ptrdiff_t>(maxArchived) - 1, archived_.end());
  }
  current_->clearPendingPreKey();
  archived_.insert(archived_.begin(), std::move(*current_));
  current_.reset();
}

void SessionRecord::promote(SessionState state) {
  archiveCurrent();
  current_ = std::move(state);
}

void SessionRecord::promoteArchived(size_t index, SessionState state) {
  archived_.erase(archived_.begin() + static_cast<ptrdiff_t>(index));
  promote(std::move(state));
}

void SessionRecord::write(StateWriter& out) const {
  out.u8(current_ ? 1 : 0);
  if (current_) current_->write(out);
  out.count(archived_.size());
  for (const SessionState& state : archived_) state.write(out);
}

Result<SessionRecord> SessionRecord::read(StateReader& in) {
  SessionRecord record;
  const uint8_t present = in.u8();
  if (present > 1) in.fail();
  if (in.ok() && present == 1) {
    auto state = SessionState::read(in);
    if (!state) return tl::make_unexpected(state.error());
    record.current_ = std::move(*state);
  }
  const size_t archived = in.count(maxArchived, SessionState::leastWritten);
  for (size_t i = 0; i < archived; ++i) {
    auto state = SessionState::read(in);
    if (!state) return tl::make_unexpected(state.error());
    record.archived_.push_back(std::move(*state));
  }
  if (!in.ok()) return refuse(SignalError::Malformed);
  return record;
}

}  // namespace sotto::e2ee::signal
