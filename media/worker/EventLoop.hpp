// One thread, one loop: control messages and datagrams into the media core, its answers out. Everything that
// the core must not do itself (sockets, clock) is done here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "media/base/DatagramBatch.hpp"
#include "media/base/Expected.hpp"
#include "media/base/Random.hpp"
#include "media/control/Channel.hpp"
#include "media/control/Messages.hpp"
#include "media/net/ReceiveBatch.hpp"
#include "media/net/UdpSocket.hpp"
#include "media/room/MediaCore.hpp"

namespace sotto::worker {

/// What the loop counts about itself; reported with the core's own counters.
struct LoopCounters {
  uint64_t turns = 0;
  uint64_t busyMicroseconds = 0;  ///< spent outside of waiting
  uint64_t receiveBatches = 0;    ///< receive calls that brought something
  uint64_t controlMessages = 0;
  uint64_t badControlMessages = 0;
  uint64_t oversizedMessages = 0;  ///< of ours, too large for the control channel
};

class EventLoop final : public room::EventSink {
 public:
  /// An error when epoll is not to be had. `certificate` must outlive the loop.
  static base::Expected<std::unique_ptr<EventLoop>> make(control::Channel channel, net::UdpSocket socket,
                                                         const dtls::Certificate& certificate);
  ~EventLoop() override;

  /// Says that the worker is ready, then serves until the server closes the channel.
  void run(const control::WorkerReady& ready);

  void onEvent(const control::Event& event) override;

 private:
  EventLoop(int epoll, control::Channel channel, net::UdpSocket socket, const dtls::Certificate& certificate);
  void turn(bool control, bool datagrams);
  void readControl(base::Timestamp now);
  void readDatagrams(base::Timestamp now);
  /// False when the message is too large for the channel. That the channel is closed, run() notices.
  bool send(std::string message);
  void addOwnCounters(control::Statistics& statistics) const;
  void watchControlWrites();

  int epoll_;
  control::Channel channel_;
  net::UdpSocket socket_;
  net::ReceiveBatch received_;
  base::DatagramBatch out_;
  base::SystemRandom random_;
  room::MediaCore core_;
  LoopCounters counters_;
  bool watchingWrites_ = false;
};

}  // namespace sotto::worker
