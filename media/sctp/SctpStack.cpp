#include "media/sctp/SctpStack.hpp"

#include <usrsctp.h>

#include <utility>

#include "media/sctp/SctpEnvironment.hpp"

namespace sotto::sctp {
namespace {

/// usrsctp's clock begins here: late enough that differences to "long ago" stay positive.
constexpr int64_t epoch = int64_t{1'000'000} * 1'000'000;
/// A piece of a message that is read at once. Longer messages come in pieces.
constexpr size_t scratchSize = size_t{64} * 1024 + 1024;
/// usrsctp answers nothing that belongs to no association: neither INIT nor anything else.
constexpr uint32_t silentToStrangers = 2;
/// Packets that may be on their way before the first acknowledgement, as browsers and TCP (RFC 6928) have it.
/// With the four of RFC 9260 a change of keys in a call of eight takes two round trips more.
constexpr uint32_t initialWindow = 10;

void* asPointer(uint64_t address) {
  // usrsctp compares and hashes these "addresses" and never looks behind them.
  return reinterpret_cast<void*>(static_cast<uintptr_t>(address));  // NOLINT(performance-no-int-to-ptr)
}

}  // namespace

void PacketQueue::push(base::ByteView packet) {
  if (packets_.size() < maxPackets) packets_.emplace_back(packet.begin(), packet.end());
}

std::vector<std::vector<uint8_t>> PacketQueue::take() {
  return std::exchange(packets_, {});
}

SctpStack& SctpStack::instance() {
  static SctpStack stack;
  return stack;
}

SctpStack::SctpStack() : scratch_(scratchSize) {
  setEnvironmentTime(epoch);
  usrsctp_init_nothreads(0, &SctpStack::onOutput, nullptr);
  usrsctp_sysctl_set_sctp_blackhole(silentToStrangers);
  // Extensions that WebRTC does not use: what is not on cannot be attacked.
  usrsctp_sysctl_set_sctp_ecn_enable(0);
  usrsctp_sysctl_set_sctp_asconf_enable(0);
  usrsctp_sysctl_set_sctp_auth_enable(0);
  usrsctp_sysctl_set_sctp_nrsack_enable(0);
  usrsctp_sysctl_set_sctp_pktdrop_enable(0);
  // Partial reliability and stream resets are what RFC 8831 section 5 asks for.
  usrsctp_sysctl_set_sctp_pr_enable(1);
  usrsctp_sysctl_set_sctp_reconfig_enable(1);
  usrsctp_sysctl_set_sctp_initial_cwnd(initialWindow);
  usrsctp_sysctl_set_sctp_max_burst_default(initialWindow);  // bounds it
}

int SctpStack::onOutput(void* address, void* packet, size_t size, uint8_t /*tos*/, uint8_t /*setDf*/) {
  SctpStack& stack = instance();
  const auto found = stack.queues_.find(reinterpret_cast<uintptr_t>(address));
  if (found != stack.queues_.end()) found->second->push({static_cast<const uint8_t*>(packet), size});
  return 0;
}

uint64_t SctpStack::add(PacketQueue& queue, base::Timestamp now) {
  if (queues_.empty()) now_ = now;
  advance(now);
  if (freeAddresses_.empty()) {
    usrsctp_register_address(asPointer(++lastAddress_));
    freeAddresses_.push_back(lastAddress_);
  }
  const uint64_t address = freeAddresses_.back();
  freeAddresses_.pop_back();
  queues_[address] = &queue;
  return address;
}

void SctpStack::remove(uint64_t address) {
  queues_.erase(address);
  freeAddresses_.push_back(address);
}

void SctpStack::advance(base::Timestamp now) {
  if (now <= now_) return;
  elapsed_ += (now - now_).us();
  now_ = now;
  setEnvironmentTime(epoch + elapsed_);
  const int64_t due = elapsed_ / 1'000 - ticked_;
  if (due == 0) return;
  ticked_ += due;
  usrsctp_handle_timers(static_cast<uint32_t>(due));
}

void SctpStack::input(uint64_t address, base::ByteView packet, base::Timestamp now) {
  advance(now);
  usrsctp_conninput(asPointer(address), packet.data(), packet.size(), 0);
}

}  // namespace sotto::sctp
