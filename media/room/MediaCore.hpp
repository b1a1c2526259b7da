// The whole media plane of one worker, without I/O: rooms, endpoints, and the demultiplexing of datagrams to
// them. Fed with control requests, datagrams and the time; answers into a DatagramBatch and an EventSink.
// The worker's event loop drives it with sockets and the simulator with virtual time.
#pragma once

#include <memory>

#include "media/base/DatagramBatch.hpp"
#include "media/base/Random.hpp"
#include "media/base/SocketAddress.hpp"
#include "media/base/Units.hpp"
#include "media/control/Messages.hpp"

namespace sotto::dtls {
class Certificate;
}

namespace sotto::room {

/// Takes what the media core has to tell the server. Called from within MediaCore's own calls.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void onEvent(const control::Event& event) = 0;
};

class MediaCore {
 public:
  /// All references must outlive the core. `certificate` is shown in every DTLS handshake.
  MediaCore(const dtls::Certificate& certificate, base::Random& random, base::DatagramBatch& out,
            EventSink& events);
  ~MediaCore();

  /// Carries out one request. Never throws on bad input: the reply's `error` says what was wrong.
  control::Reply handle(const control::Request& request, base::Timestamp now);
  /// One datagram from the network, hostile until proven otherwise. `datagram` may be decrypted in place.
  /// `waited`: how long it lay in the socket until now. Feedback to publishers tells when it arrived, so that
  /// a busy worker does not look like a congested network.
  void onDatagram(base::MutableByteView datagram, const base::SocketAddress& from, base::Timestamp now,
                  base::TimeDelta waited = base::TimeDelta::zero());
  /// Runs what is due. Call at nextDeadline() or whenever a batch of datagrams has been fed.
  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sotto::room
