#include "signaling/RequestError.hpp"

#include <array>

namespace sotto::signaling {

std::string_view errorCodeName(ErrorCode code) {
  static constexpr std::array<std::string_view, errorCodeCount> names{
      "bad_message",     "unknown_type",      "unsupported_version", "unauthorized",   "forbidden",
      "e2ee_required",   "suite_not_allowed", "room_full",           "too_many_rooms", "too_many_slots",
      "too_many_tracks", "bad_sdp",           "no_common_codec",     "not_joined",     "already_joined",
      "bad_slot",        "unknown_track",     "unknown_participant", "rate_limited",   "media_unavailable",
      "internal"};
  return names[static_cast<size_t>(code)];
}

}  // namespace sotto::signaling
