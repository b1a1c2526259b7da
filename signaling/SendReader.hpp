// The body of `send`, which comes in a WebSocket request and in an HTTP body alike. For .cpp files only.
#pragma once

#include "signaling/JsonReader.hpp"
#include "signaling/KeyMessages.hpp"

namespace sotto::signaling::reading {

/// Throws a Refusal.
SendRequest readSend(const json& message, const MessageLimits& limits);

}  // namespace sotto::signaling::reading
