// A call with real sockets: drives a CallSession with a WebSocket (ws, wss), a UDP socket and a timer on an
// Asio event loop. Everything runs in the thread that runs the io_context.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/native/call/CallTypes.hpp"
#include "client/native/e2ee/keys/RotationReport.hpp"
#include "client/native/e2ee/signal/CallCode.hpp"

namespace boost::asio {
class io_context;
}

namespace sotto::client::call {

class Call {
 public:
  /// `loop` and `observer` must outlive the call.
  Call(boost::asio::io_context& loop, CallOptions options, CallObserver& observer);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  /// Connects, joins, publishes and goes on until leave() or failure, coming back by itself when the server
  /// or the media connection is lost. onState tells how it goes; Left and Failed are final.
  void start();
  /// Says goodbye to the server; state Left follows, at the latest after two seconds.
  void leave();

  /// Seals and sends one frame. Only `Sent` means that it went out.
  SendResult sendFrame(const OutgoingFrame& frame);
  /// Sends a data message to one participant, by its sender number, or `toEveryone`. The payload goes as it
  /// is: seal it first.
  DataSendResult sendData(uint16_t destination, DataKind kind, bool lossy, base::ByteView payload);
  /// The same, sealed with our media key (docs/e2ee.md section 5). NotConnected, too, while there is no key.
  DataSendResult sendSealed(uint16_t destination, bool lossy, base::ByteView plain);
  /// Invites users: their devices get our key before they are there. Once joined.
  void invite(const std::vector<std::string>& users);
  /// Replaces all wishes (CallOptions::wants).
  void setWants(std::vector<Want> wants, bool wantEveryone);
  void setMuted(TrackSource source, bool muted);
  void setRateCap(std::optional<uint64_t> bitsPerSecond);
  /// Begins or (nullopt) ends a screen share; offers again.
  void setScreen(std::optional<VideoTrack> screen);

  // ---- keys that devices agree on (CallOptions::device)
  /// The user accepts the present identity key of a device.
  void acceptIdentity(const DeviceName& device);
  /// The code of the whole call; nothing while somebody's identity is not known, and without such keys.
  std::optional<sotto::e2ee::signal::CallCode> callCode() const;
  /// Changes of our own key, oldest first.
  const std::deque<e2ee::RotationReport>& rotations() const;

  CallState state() const;
  const std::string& stateReason() const;
  CallStatistics statistics() const;
  /// Everybody else in the room.
  std::vector<Participant> roster() const;
  /// The clock of every Timestamp in this interface (monotonic).
  static base::Timestamp now();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sotto::client::call
