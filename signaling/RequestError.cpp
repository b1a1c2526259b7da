#include "signaling/RequestError.hpp"

#include <array>

namespace sotto::signaling {

std::string_view errorCodeName(ErrorCode code) {
  static constexpr std::array<std::string_view, errorCodeCount> names{
      "bad_message",     "unknown_type",      "unsupported_version", "unauthorized",   "forbidden",
      "e2ee_required",   "suite_not_allowed", "room_full",           "too_many_rooms", "too_many_slots",
      "too_many_tracks", "bad_sdp",           "no_common_codec",     "not_joined",     "already_joined",
      "bad_slot",        "unknown_track",     "unknown_participant", "rate_limited",   "media_unavailable",
      "bad_key",         "duplicate_prekey",  "unknown_user",        "unknown_device", "not_found",
      "too_large",       "quota_exceeded",    "storage_failed",      "internal"};
  return names[static_cast<size_t>(code)];
}

}  // namespace sotto::signaling
