// What signaling asks of whatever carries the media, and what it is told: the one seam between the two.
// Today the server's worker supervision implements it; placement on other machines would do the same.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "media/base/SocketAddress.hpp"
#include "media/control/Messages.hpp"

namespace sotto::signaling {

/// Where clients reach the media of a room, and what certificate they will see there.
struct MediaAddress {
  std::vector<base::SocketAddress> candidates;  ///< host candidates (UDP) to announce, best first
  control::Fingerprint fingerprint;             ///< of the worker's DTLS certificate
};

/// Takes what the media plane has to tell. Called from the event loop, never from within MediaPlane's calls;
/// may call MediaPlane itself.
class MediaPlaneListener {
 public:
  virtual ~MediaPlaneListener() = default;
  virtual void onMediaEvent(const control::Event& event) = 0;
  /// The room's worker is gone and with it everything that was set up there. The room is unplaced from now
  /// on: the next CreateRoom places it again. `reason` is for a person.
  virtual void onRoomLost(const std::string& room, const std::string& reason) = 0;
};

class MediaPlane {
 public:
  virtual ~MediaPlane() = default;

  using Done = std::function<void(const control::Reply&)>;
  /// CreateRoom places the room on a worker; every other request goes to the worker of its room, and requests
  /// of one room arrive in the order of the calls. `done` is called exactly once, later, from the event loop;
  /// with `error` set when the request failed, no worker is there, or the worker went away before it
  /// answered.
  virtual void request(const std::string& room, control::RequestBody body, Done done) = 0;
  /// Of the worker that the room has been placed on; nullopt when it has not been, or when its worker is
  /// gone. Valid from the moment that CreateRoom's `done` has reported success.
  virtual std::optional<MediaAddress> address(const std::string& room) const = 0;
};

}  // namespace sotto::signaling
