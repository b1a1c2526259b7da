#include "media/worker/EventLoop.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "media/control/Codec.hpp"

namespace sotto::worker {
namespace {

/// One turn takes so many control messages and one batch of datagrams, so that neither starves the other or
/// the timers. What is left makes epoll return at once.
constexpr int controlMessagesPerTurn = 32;
/// Looked up at least so often even when the core waits for nothing.
constexpr base::TimeDelta longestWait = base::TimeDelta::seconds(1);

base::Timestamp now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return base::Timestamp::micros(int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1'000);
}

bool watch(int epoll, int operation, int descriptor, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = descriptor;
  return epoll_ctl(epoll, operation, descriptor, &event) == 0;
}

/// Waits with microseconds where the kernel can (Linux 5.11), with milliseconds rounded up where not: a
/// deadline is never early.
int waitFor(int epoll, epoll_event* events, int capacity, base::TimeDelta time) {
  static bool precise = true;
  if (precise) {
    const timespec limit{time.us() / 1'000'000, time.us() % 1'000'000 * 1'000};
    const int count = epoll_pwait2(epoll, events, capacity, &limit, nullptr);
    if (count >= 0 || errno != ENOSYS) return count;
    precise = false;
  }
  return epoll_wait(epoll, events, capacity, static_cast<int>((time.us() + 999) / 1'000));
}

}  // namespace

base::Expected<std::unique_ptr<EventLoop>> EventLoop::make(control::Channel channel, net::UdpSocket socket,
                                                           const dtls::Certificate& certificate) {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0 || !watch(epoll, EPOLL_CTL_ADD, channel.descriptor(), EPOLLIN) ||
      !watch(epoll, EPOLL_CTL_ADD, socket.fd(), EPOLLIN)) {
    return base::fail(std::string("epoll: ") + std::strerror(errno));
  }
  return std::unique_ptr<EventLoop>(new EventLoop(epoll, std::move(channel), std::move(socket), certificate));
}

EventLoop::EventLoop(int epoll, control::Channel channel, net::UdpSocket socket,
                     const dtls::Certificate& certificate)
    : epoll_(epoll),
      channel_(std::move(channel)),
      socket_(std::move(socket)),
      received_(socket_.capabilities()),
      core_(certificate, random_, out_, *this) {}

EventLoop::~EventLoop() {
  ::close(epoll_);
}

void EventLoop::run(const control::WorkerReady& ready) {
  channel_.send(control::encode(control::Event(ready)));
  std::array<epoll_event, 4> events{};
  while (!channel_.isClosed()) {
    const base::TimeDelta wait =
        std::clamp(core_.nextDeadline() - now(), base::TimeDelta::zero(), longestWait);
    const int count = waitFor(epoll_, events.data(), static_cast<int>(events.size()), wait);
    if (count < 0 && errno != EINTR) {
      std::fprintf(stderr, "sotto-worker: epoll: %s\n", std::strerror(errno));
      return;
    }
    const base::Timestamp began = now();
    bool control = false;
    bool datagrams = false;
    for (int i = 0; i < count; ++i) {
      const int descriptor = events[static_cast<size_t>(i)].data.fd;
      control |= descriptor == channel_.descriptor();
      datagrams |= descriptor == socket_.fd();
    }
    turn(control, datagrams);
    ++counters_.turns;
    counters_.busyMicroseconds += static_cast<uint64_t>((now() - began).us());
  }
}

void EventLoop::turn(bool control, bool datagrams) {
  if (control) {
    channel_.flush();
    readControl(now());
  }
  if (datagrams) readDatagrams(now());
  const base::Timestamp time = now();
  if (core_.nextDeadline() <= time || datagrams) core_.onTime(time);
  if (!out_.empty()) socket_.send(out_);
  watchControlWrites();
}

void EventLoop::readControl(base::Timestamp now) {
  for (int i = 0; i < controlMessagesPerTurn; ++i) {
    const auto text = channel_.receive();
    if (!text) return;
    ++counters_.controlMessages;
    const auto request = control::decodeRequest(*text);
    if (!request) {
      ++counters_.badControlMessages;
      std::fprintf(stderr, "sotto-worker: bad control message: %s\n", request.error().message.c_str());
      continue;
    }
    control::Reply reply = core_.handle(*request, now);
    reply.id = request->id;
    if (reply.statistics) addOwnCounters(*reply.statistics);
    if (!send(control::encode(reply))) send(control::encode({reply.id, "the reply is too large", {}}));
  }
}

void EventLoop::readDatagrams(base::Timestamp now) {
  if (!received_.receive(socket_)) return;
  ++counters_.receiveBatches;
  received_.forEachDatagram(
      [this, now](base::MutableByteView datagram, const base::SocketAddress& from, base::TimeDelta waited) {
        core_.onDatagram(datagram, from, now, waited);
      });
}

void EventLoop::addOwnCounters(control::Statistics& statistics) const {
  const net::ReceiveCounters& in = received_.counters();
  const net::SendCounters& sent = socket_.sent();
  const control::Counter own[] = {
      {"loop_turns_total", counters_.turns},
      {"loop_busy_microseconds_total", counters_.busyMicroseconds},
      {"loop_receive_batches_total", counters_.receiveBatches},
      {"control_messages_total", counters_.controlMessages},
      {"control_messages_bad_total", counters_.badControlMessages},
      {"control_messages_oversized_total", counters_.oversizedMessages},
      {"udp_datagrams_received_total", in.datagrams},
      {"udp_bytes_received_total", in.bytes},
      {"udp_receive_calls_total", in.systemCalls},
      {"udp_datagrams_oversized_total", in.oversized},
      {"udp_datagrams_sent_total", sent.datagrams},
      {"udp_bytes_sent_total", sent.bytes},
      {"udp_send_calls_total", sent.systemCalls},
      {"udp_datagrams_dropped_total{reason=\"full\"}", sent.droppedFull},
      {"udp_datagrams_dropped_total{reason=\"error\"}", sent.droppedError},
      {"udp_datagrams_dropped_total{reason=\"arena\"}", out_.overflows()},
  };
  statistics.counters.insert(statistics.counters.end(), std::begin(own), std::end(own));
}

void EventLoop::watchControlWrites() {
  if (channel_.wantsWrite() == watchingWrites_) return;
  watchingWrites_ = channel_.wantsWrite();
  watch(epoll_, EPOLL_CTL_MOD, channel_.descriptor(), watchingWrites_ ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void EventLoop::onEvent(const control::Event& event) {
  send(control::encode(event));
}

bool EventLoop::send(std::string message) {
  if (channel_.send(std::move(message)) != control::Channel::Status::TooLarge) return true;
  ++counters_.oversizedMessages;
  return false;
}

}  // namespace sotto::worker
