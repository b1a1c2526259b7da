// What people say to each other in a call (docs/e2ee.md section 5): the JSON inside of sealed data messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "media/base/Bytes.hpp"

namespace sotto::client::cli {

/// One thing that somebody said.
struct CallMessage {
  enum class Type : uint8_t { Chat, Reaction };
  Type type = Type::Chat;
  std::string text;  ///< of a chat message; the emoji of a reaction
  std::string id;    ///< of a chat message
  bool operator==(const CallMessage&) const = default;
};

std::string writeCallMessage(const CallMessage& message);
/// Nullopt for what is no JSON of these types: an application's own messages, or a newer client's.
std::optional<CallMessage> readCallMessage(base::ByteView plain);

}  // namespace sotto::client::cli
