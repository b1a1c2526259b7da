// The record of each change of our own media key: when drawn, when each receipt came, when live, and why.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "client/native/e2ee/KeyId.hpp"
#include "client/native/e2ee/keys/DeviceId.hpp"
#include "media/base/Units.hpp"

namespace sotto::client::e2ee {

struct RotationReport {
  enum class Reason : uint8_t {
    First,      ///< we joined
    Join,       ///< somebody joined: ratcheted
    Leave,      ///< somebody left, was removed or blocked: drawn afresh
    Exhausted,  ///< somebody joined after 255 ratchet steps: drawn afresh
  };
  struct Removed {
    DeviceId device;
    base::Timestamp knownAt;
  };

  uint64_t number = 0;  ///< counts from 1
  Reason reason = Reason::First;
  KeyId key;
  base::Timestamp drawnAt;
  base::Timestamp dueAt;                  ///< live by then, with or without receipts
  std::optional<base::Timestamp> liveAt;  ///< nothing was sealed with the key before
  /// Everybody it was sent to, and when the receipt came.
  std::map<DeviceId, std::optional<base::Timestamp>> receipts;
  /// Those on whose account it was drawn. Their last key was in use from `knownAt` until `liveAt`.
  std::vector<Removed> removed;

  size_t missingReceipts() const {
    size_t missing = 0;
    for (const auto& [device, at] : receipts) missing += at ? 0 : 1;
    return missing;
  }
};
/// "first", "join", "leave", "exhausted".
const char* toString(RotationReport::Reason reason);

}  // namespace sotto::client::e2ee
