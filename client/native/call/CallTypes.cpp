#include "client/native/call/CallTypes.hpp"

namespace sotto::client::call {

const char* toString(SendResult result) {
  switch (result) {
    case SendResult::Sent:
      return "sent";
    case SendResult::NotConnected:
      return "not connected";
    case SendResult::NoTrack:
      return "no such track";
    case SendResult::Muted:
      return "muted";
    case SendResult::NoKey:
      return "no key";
  }
  return "";
}

const char* toString(CallState state) {
  switch (state) {
    case CallState::Idle:
      return "idle";
    case CallState::Connecting:
      return "connecting";
    case CallState::Joining:
      return "joining";
    case CallState::Negotiating:
      return "negotiating";
    case CallState::Connected:
      return "connected";
    case CallState::Reconnecting:
      return "reconnecting";
    case CallState::Left:
      return "left";
    case CallState::Failed:
      return "failed";
  }
  return "";
}

}  // namespace sotto::client::call
