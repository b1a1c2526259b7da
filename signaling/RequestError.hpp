// What a client is told when a request fails: one code for programs, one sentence for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace sotto::signaling {

/// The codes of docs/signaling.md and docs/directory.md, in their order.
enum class ErrorCode {
  BadMessage,
  UnknownType,
  UnsupportedVersion,
  Unauthorized,
  Forbidden,
  E2eeRequired,
  SuiteNotAllowed,
  RoomFull,
  TooManyRooms,
  TooManySlots,
  TooManyTracks,
  BadSdp,
  NoCommonCodec,
  NotJoined,
  AlreadyJoined,
  BadSlot,
  UnknownTrack,
  UnknownParticipant,
  RateLimited,
  MediaUnavailable,
  BadKey,
  DuplicatePrekey,
  UnknownUser,
  UnknownDevice,
  NotFound,
  TooLarge,
  QuotaExceeded,
  StorageFailed,
  Internal,
};
constexpr size_t errorCodeCount = static_cast<size_t>(ErrorCode::Internal) + 1;

/// As on the wire: "bad_message".
std::string_view errorCodeName(ErrorCode code);

struct RequestError {
  ErrorCode code = ErrorCode::Internal;
  std::string message;  ///< one sentence without a full stop
  /// Details, where they apply: the line of the SDP (from 1; 0: none) and its text.
  uint32_t line = 0;
  std::string text;
  /// With UnsupportedVersion: the versions that are spoken.
  std::vector<int> versions;
  /// With RateLimited: seconds after which another try may succeed; 0: not known.
  uint32_t retryAfter = 0;
};

template <typename T>
using Result = tl::expected<T, RequestError>;

inline tl::unexpected<RequestError> refuse(ErrorCode code, std::string message) {
  return tl::make_unexpected(RequestError{code, std::move(message), 0, {}, {}});
}

}  // namespace sotto::signaling
