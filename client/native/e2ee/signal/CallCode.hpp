// The code of a whole call: one short number over everybody in it, the same on every screen (docs/e2ee.md,
// "Verification").
#pragma once

#include <span>
#include <string>

#include "client/native/e2ee/signal/PublicKey.hpp"

namespace sotto::e2ee::signal {

/// One device in the call.
struct CallMember {
  std::string user;
  std::string device;
  PublicKey identityKey;
};

struct CallCode {
  static constexpr unsigned iterations = 5200;
  static constexpr size_t emojiCount = 5;

  std::string digits;                              ///< 30
  std::array<uint8_t, emojiCount> emojiIndexes{};  ///< 0..63 each

  /// The five as UTF-8, without anything between them.
  std::string emoji() const;
};

/// The order of `members` and repetitions among them do not matter. Malformed for a name of more than 65,535
/// bytes.
Result<CallCode> callCode(std::span<const CallMember> members);

/// Picture and English name of an index below 64.
struct CallEmoji {
  std::string_view picture;
  std::string_view name;
};
const CallEmoji& callEmoji(size_t index);

}  // namespace sotto::e2ee::signal
