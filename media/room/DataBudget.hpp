// What one sender may send over data channels. Whoever sends more is not refused but made to wait: nothing of
// it is read until its budget allows, so that SCTP's own window holds it back.
#pragma once

#include <cstddef>

#include "media/base/Units.hpp"

namespace sotto::room {

class DataBudget {
 public:
  /// A change of members makes a client send a key message and a receipt to each of a hundred others, twice
  /// within seconds at worst. Far more than people write; far less than it takes to keep a worker busy.
  static constexpr double messagesPerSecond = 200, messageBurst = 500;
  static constexpr double bytesPerSecond = 256.0 * 1024, byteBurst = 1024.0 * 1024;

  explicit DataBudget(base::Timestamp now) : filled_(now) {}

  /// Accounts for one message; the budget may go below zero.
  void spend(size_t bytes, base::Timestamp now);
  /// When the next message may be read: now or later.
  base::Timestamp readyAt(base::Timestamp now) const;

 private:
  void fill(base::Timestamp now);

  base::Timestamp filled_;
  double messages_ = messageBurst, bytes_ = byteBurst;
};

}  // namespace sotto::room
