// usrsctp's process-wide state behind one class: its timers, its clock, and the way from an outgoing packet
// to the association that it belongs to. The one exception to the rule that the media core has no globals:
// usrsctp keeps its tables in global variables, so there can be only one of these in a process, and all
// associations of a process must be driven by one thread and one clock.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "media/base/Bytes.hpp"
#include "media/base/Units.hpp"

namespace sotto::sctp {

/// Packets of one association on their way out. usrsctp makes them in the middle of its own work, where
/// nothing may be sent and no other call made: so they wait here until its call has returned.
class PacketQueue {
 public:
  /// More than a window's worth. What comes on top is dropped, as by a full socket buffer.
  static constexpr size_t maxPackets = 512;

  void push(base::ByteView packet);
  bool empty() const { return packets_.empty(); }
  /// All packets, oldest first; the queue is empty afterwards.
  std::vector<std::vector<uint8_t>> take();

 private:
  std::vector<std::vector<uint8_t>> packets_;
};

class SctpStack {
 public:
  /// Made on first use, for as long as the process lives. A process that is to be locked in calls it before.
  static SctpStack& instance();
  SctpStack(const SctpStack&) = delete;
  SctpStack& operator=(const SctpStack&) = delete;

  /// Takes an association in and returns its address in usrsctp. The first one sets the clock: what time an
  /// earlier one was driven with is of no importance then.
  uint64_t add(PacketQueue& queue, base::Timestamp now);
  /// Its socket must be closed. The address goes to another one later: usrsctp leaves it to the thread that
  /// it does not have to forget an address, so none is ever given up.
  void remove(uint64_t address);

  /// Runs all timers that are due, of every association: each of them sees what came of it in its next
  /// onTime. Time that goes back is taken as time standing still.
  void advance(base::Timestamp now);
  /// A packet from the network for one association.
  void input(uint64_t address, base::ByteView packet, base::Timestamp now);

  /// Room to receive a message into, shared by all associations; valid until the next call of any.
  base::MutableByteView scratch() { return scratch_; }
  size_t associations() const { return queues_.size(); }

 private:
  SctpStack();
  static int onOutput(void* address, void* packet, size_t size, uint8_t tos, uint8_t setDf);

  std::unordered_map<uint64_t, PacketQueue*> queues_;
  std::vector<uint8_t> scratch_;
  std::vector<uint64_t> freeAddresses_;
  uint64_t lastAddress_ = 0;
  base::Timestamp now_;
  int64_t elapsed_ = 0;  ///< microseconds since the stack was made, as usrsctp's clock has it
  int64_t ticked_ = 0;   ///< milliseconds of those that its timers know of
};

}  // namespace sotto::sctp
