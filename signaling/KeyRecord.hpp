// What the directory keeps of a device under one storage key, and the ids of one-time prekeys that it ever
// had.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "signaling/KeyMessages.hpp"

namespace sotto::signaling {

/// A set of prekey ids as ranges. Devices count their ids up, so it stays small; one that scatters them is
/// refused past maxRanges.
class IdRanges {
 public:
  static constexpr size_t maxRanges = 64;
  using Range = std::pair<uint32_t, uint32_t>;  ///< first and last

  IdRanges() = default;
  /// Ranges as ranges() gives them.
  explicit IdRanges(std::vector<Range> ranges) : ranges_(std::move(ranges)) {}

  bool contains(uint32_t id) const;
  void add(uint32_t id);
  bool tooScattered() const { return ranges_.size() > maxRanges; }
  /// In order, none touching another.
  const std::vector<Range>& ranges() const { return ranges_; }

 private:
  std::vector<Range> ranges_;
};

struct KeyRecord {
  std::string identityKey;
  uint32_t registrationId = 0;
  SignedPreKey signedPreKey;
  IdRanges usedIds;  ///< of all one-time prekeys since this identity came, present ones included
};

/// Where the record of a device is kept: 'd' user device.
inline std::string recordKey(const DeviceName& device) {
  return device.key('d');
}

std::string writeRecord(const KeyRecord& record);
/// Nullopt for what writeRecord() did not write.
std::optional<KeyRecord> readRecord(std::string_view text);

}  // namespace sotto::signaling
