#include "server/WorkerSupervisor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <map>

#include "media/control/Codec.hpp"
#include "server/FirstFault.hpp"
#include "server/Log.hpp"
#include "server/WorkerProcess.hpp"

namespace sotto::server {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// A worker that lived longer than this was a good one: its death is an accident, and nobody has to wait.
constexpr std::chrono::seconds goodLife{5};
/// How many messages of one worker are taken before others get their turn.
constexpr int messagesPerTurn = 64;
/// A line of a worker's output beyond this is cut.
constexpr size_t maxOutputLine = 4096;

/// A started process with everything that waits on it. Handlers hold it alive; `over` tells them to stop.
struct Life {
  Life(asio::io_context& io, WorkerProcess started)
      : pid(started.pid),
        channel(std::move(started.channel)),
        channelWatch(io, started.watchDescriptor),
        processWatch(io, started.processDescriptor),
        output(io, started.outputDescriptor),
        began(steady_clock::now()) {}

  pid_t pid;
  control::Channel channel;
  stream_descriptor channelWatch;
  stream_descriptor processWatch;
  stream_descriptor output;
  std::string outputLine;
  steady_clock::time_point began;
  std::optional<control::WorkerReady> ready;
  std::string fault;  ///< why we gave it up, when it was not its own end
  bool givenUp = false;
  bool writing = false;
  bool over = false;
};

struct Open {
  WorkerSupervisor::Done done;
  steady_clock::time_point since;
};

}  // namespace

struct WorkerSupervisor::Impl : std::enable_shared_from_this<Impl> {
  struct Worker {
    explicit Worker(asio::io_context& io) : restart(io) {}
    asio::steady_timer restart;
    std::shared_ptr<Life> life;
    std::map<uint64_t, Open> open;
    unsigned failures = 0;
    bool startedBefore = false;
  };

  Impl(asio::io_context& context, SupervisorOptions settings, SupervisorListener& target)
      : io(context), options(std::move(settings)), listener(&target), check(context), deadline(context) {
    for (size_t i = 0; i < options.workers; ++i) workers.push_back(std::make_unique<Worker>(io));
  }

  bool isReady(size_t index) const;
  void request(size_t index, control::RequestBody body, Done done);
  void startOne(size_t index);
  void watchProcess(size_t index, const std::shared_ptr<Life>& life);
  void watchChannel(size_t index, const std::shared_ptr<Life>& life);
  void watchOutput(size_t index, const std::shared_ptr<Life>& life);
  void readMessages(size_t index, Life& life);
  void readOutput(size_t index, Life& life);
  void flushLater(size_t index, const std::shared_ptr<Life>& life);
  void onMessage(size_t index, Life& life, const std::string& text);
  void onEnd(size_t index, const std::shared_ptr<Life>& life);
  void startAgain(size_t index, milliseconds wait);
  void giveUp(Life& life, std::string fault);
  void failOpen(Worker& worker, const std::string& error);
  void checkAnswers();
  void finishIfStopped();

  asio::io_context& io;
  SupervisorOptions options;
  SupervisorListener* listener;
  std::vector<std::unique_ptr<Worker>> workers;
  asio::steady_timer check;     ///< looks for workers that do not answer
  asio::steady_timer deadline;  ///< of stop()
  std::function<void()> stopped;
  uint64_t nextRequest = 1;
  uint64_t restarts = 0;
  bool stopping = false;
};

WorkerSupervisor::WorkerSupervisor(asio::io_context& io, SupervisorOptions options,
                                   SupervisorListener& listener)
    : impl_(std::make_shared<Impl>(io, std::move(options), listener)) {}

WorkerSupervisor::~WorkerSupervisor() {
  impl_->stopping = true;
  for (auto& worker : impl_->workers) {
    if (!worker->life) continue;
    worker->life->over = true;
    kill(worker->life->pid, SIGKILL);
    reapWorker(worker->life->pid);
  }
}

void WorkerSupervisor::start() {
  for (size_t i = 0; i < impl_->workers.size(); ++i) {
    asio::post(impl_->io, [self = impl_, i] { self->startOne(i); });
  }
  impl_->checkAnswers();
}

void WorkerSupervisor::stop(milliseconds patience, std::function<void()> done) {
  impl_->stopping = true;
  impl_->stopped = std::move(done);
  impl_->check.cancel();
  for (auto& worker : impl_->workers) {
    worker->restart.cancel();
    // End of file on its channel tells the worker to end.
    if (worker->life) worker->life->channel.hangUp();
  }
  impl_->deadline.expires_after(patience);
  impl_->deadline.async_wait([self = impl_](boost::system::error_code error) {
    if (error) return;
    for (auto& worker : self->workers) {
      if (worker->life) kill(worker->life->pid, SIGKILL);
    }
  });
  asio::post(impl_->io, [self = impl_] { self->finishIfStopped(); });
}

void WorkerSupervisor::request(size_t worker, control::RequestBody body, Done done) {
  impl_->request(worker, std::move(body), std::move(done));
}

bool WorkerSupervisor::isReady(size_t worker) const {
  return impl_->isReady(worker);
}

size_t WorkerSupervisor::readyWorkers() const {
  size_t count = 0;
  for (size_t i = 0; i < impl_->workers.size(); ++i) count += isReady(i) ? 1 : 0;
  return count;
}

pid_t WorkerSupervisor::pid(size_t worker) const {
  const auto& life = impl_->workers.at(worker)->life;
  return life ? life->pid : 0;
}

uint64_t WorkerSupervisor::restarts() const {
  return impl_->restarts;
}

milliseconds WorkerSupervisor::backoff(unsigned failures) {
  if (failures == 0) return milliseconds(0);
  return std::min(milliseconds(5000), milliseconds(100) * (1 << std::min(failures - 1, 10u)));
}

bool WorkerSupervisor::Impl::isReady(size_t index) const {
  const auto& life = workers.at(index)->life;
  return !stopping && life && life->ready && !life->givenUp;
}

void WorkerSupervisor::Impl::request(size_t index, control::RequestBody body, Done done) {
  const auto refuse = [this, &done](std::string error) {
    asio::post(io, [done = std::move(done), error = std::move(error)] { done({0, error, {}}); });
  };
  if (!isReady(index)) return refuse("no media worker is there");
  const uint64_t id = nextRequest++;
  std::string text = control::encode(control::Request{id, std::move(body)});
  if (text.size() > control::Channel::maxMessageBytes) return refuse("the request is too large");
  Worker& worker = *workers[index];
  worker.open.emplace(id, Open{std::move(done), steady_clock::now()});
  const auto life = worker.life;
  if (life->channel.send(std::move(text)) == control::Channel::Status::Closed) {
    // Its end is noticed by the watchers, and answers this request with all others.
    giveUp(*life, "does not read its requests");
  } else if (life->channel.wantsWrite()) {
    flushLater(index, life);
  }
}

void WorkerSupervisor::Impl::startOne(size_t index) {
  if (stopping) return;
  Worker& worker = *workers[index];
  const auto port =
      static_cast<uint16_t>(options.firstPort == 0 ? 0 : options.firstPort + static_cast<uint16_t>(index));
  auto process = startWorker({options.program, options.address, port});
  if (worker.startedBefore) ++restarts;
  worker.startedBefore = true;
  if (!process) {
    listener->onWorkerFailed(index, process.error().message);
    return startAgain(index, backoff(++worker.failures));
  }
  worker.life = std::make_shared<Life>(io, *std::move(process));
  watchProcess(index, worker.life);
  watchChannel(index, worker.life);
  watchOutput(index, worker.life);
}

void WorkerSupervisor::Impl::watchProcess(size_t index, const std::shared_ptr<Life>& life) {
  life->processWatch.async_wait(stream_descriptor::wait_read,
                                [self = shared_from_this(), index, life](boost::system::error_code error) {
                                  if (!error && !life->over) self->onEnd(index, life);
                                });
}

void WorkerSupervisor::Impl::watchChannel(size_t index, const std::shared_ptr<Life>& life) {
  life->channelWatch.async_wait(stream_descriptor::wait_read,
                                [self = shared_from_this(), index, life](boost::system::error_code error) {
                                  if (error || life->over || self->stopping) return;
                                  FirstFault faults;
                                  faults.run([&] { self->readMessages(index, *life); });
                                  // Whatever a message has brought out, the worker goes on being heard.
                                  if (!life->channel.isClosed()) {
                                    self->watchChannel(index, life);
                                  } else {
                                    // It has ended, or is ending: how is known in a moment, and the better
                                    // reason.
                                    self->giveUp(*life, "");
                                  }
                                  faults.rethrow();
                                });
}

void WorkerSupervisor::Impl::readMessages(size_t index, Life& life) {
  for (int i = 0; i < messagesPerTurn && !life.over; ++i) {
    const auto text = life.channel.receive();
    if (!text) return;
    onMessage(index, life, *text);
  }
}

void WorkerSupervisor::Impl::flushLater(size_t index, const std::shared_ptr<Life>& life) {
  if (life->writing) return;
  life->writing = true;
  life->channelWatch.async_wait(stream_descriptor::wait_write,
                                [self = shared_from_this(), index, life](boost::system::error_code error) {
                                  life->writing = false;
                                  if (error || life->over || self->stopping) return;
                                  life->channel.flush();
                                  if (life->channel.wantsWrite() && !life->channel.isClosed())
                                    self->flushLater(index, life);
                                });
}

void WorkerSupervisor::Impl::watchOutput(size_t index, const std::shared_ptr<Life>& life) {
  life->output.async_wait(stream_descriptor::wait_read,
                          [self = shared_from_this(), index, life](boost::system::error_code error) {
                            if (error || life->over) return;
                            self->readOutput(index, *life);
                            if (life->output.is_open()) self->watchOutput(index, life);
                          });
}

void WorkerSupervisor::Impl::readOutput(size_t index, Life& life) {
  char bytes[4096];
  while (true) {
    const ssize_t size = ::read(life.output.native_handle(), bytes, sizeof bytes);
    if (size < 0) return;
    if (size == 0) return life.output.close();
    for (const char c : std::string_view(bytes, static_cast<size_t>(size))) {
      if (c != '\n') {
        if (life.outputLine.size() < maxOutputLine) life.outputLine += c;
        continue;
      }
      logWarning(fmt::format("worker {}: {}", index, life.outputLine));
      life.outputLine.clear();
    }
  }
}

void WorkerSupervisor::Impl::onMessage(size_t index, Life& life, const std::string& text) {
  auto message = control::decodeWorkerMessage(text);
  if (!message) return giveUp(life, "sent a message that cannot be read: " + message.error().message);
  if (const auto* reply = std::get_if<control::Reply>(&*message)) {
    auto node = workers[index]->open.extract(reply->id);
    if (!node.empty()) node.mapped().done(*reply);
    return;
  }
  const auto& event = std::get<control::Event>(*message);
  if (const auto* ready = std::get_if<control::WorkerReady>(&event)) {
    if (life.ready) return giveUp(life, "was ready twice");
    life.ready = *ready;
    listener->onWorkerReady(index, *ready);
  } else if (life.ready) {
    listener->onWorkerEvent(index, event);
  }
}

void WorkerSupervisor::Impl::giveUp(Life& life, std::string fault) {
  if (!life.givenUp) life.fault = std::move(fault);
  life.givenUp = true;
  kill(life.pid, SIGKILL);
}

void WorkerSupervisor::Impl::onEnd(size_t index, const std::shared_ptr<Life>& life) {
  Worker& worker = *workers[index];
  if (life->output.is_open()) readOutput(index, *life);
  life->over = true;
  const std::string ending = reapWorker(life->pid);
  const std::string reason = life->fault.empty() ? ending : life->fault + " and " + ending;
  life->channelWatch.close();
  life->processWatch.close();
  if (life->output.is_open()) life->output.close();
  life->channel.close();
  worker.life.reset();

  const std::string error = fmt::format("media worker {} {}", index, reason);
  FirstFault faults;
  if (stopping) {
    faults.run([&] { failOpen(worker, error); });
    finishIfStopped();
    return faults.rethrow();
  }
  const bool goodOne = life->ready && steady_clock::now() - life->began > goodLife;
  const milliseconds wait = backoff(goodOne ? 0 : worker.failures);
  worker.failures = goodOne ? 0 : worker.failures + 1;
  // Told first, so that whoever hears that its request failed finds out that the worker is gone.
  faults.run([&] {
    if (life->ready) {
      listener->onWorkerLost(index, reason);
    } else {
      listener->onWorkerFailed(index, reason);
    }
  });
  faults.run([&] { failOpen(worker, error); });
  startAgain(index, wait);
  faults.rethrow();
}

void WorkerSupervisor::Impl::startAgain(size_t index, milliseconds wait) {
  if (stopping) return;
  workers[index]->restart.expires_after(wait);
  workers[index]->restart.async_wait([self = shared_from_this(), index](boost::system::error_code error) {
    if (!error) self->startOne(index);
  });
}

void WorkerSupervisor::Impl::failOpen(Worker& worker, const std::string& error) {
  const auto open = std::exchange(worker.open, {});
  FirstFault faults;
  for (const auto& entry : open) {
    faults.run([&entry, &error] { entry.second.done({entry.first, error, {}}); });
  }
  faults.rethrow();
}

void WorkerSupervisor::Impl::checkAnswers() {
  check.expires_after(std::max(options.answerTimeout / 4, milliseconds(1)));
  check.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (error || self->stopping) return;
    const auto now = steady_clock::now();
    for (size_t i = 0; i < self->workers.size(); ++i) {
      Worker& worker = *self->workers[i];
      if (!worker.life) continue;
      const bool late = worker.open.empty()
                            ? !worker.life->ready && now - worker.life->began > self->options.answerTimeout
                            : now - worker.open.begin()->second.since > self->options.answerTimeout;
      if (late) self->giveUp(*worker.life, "did not answer");
      // A worker that nobody asks anything may hang all the same.
      if (worker.open.empty() && self->isReady(i)) self->request(i, control::GetStatistics{}, [](auto&) {});
    }
    self->checkAnswers();
  });
}

void WorkerSupervisor::Impl::finishIfStopped() {
  if (!stopping || !stopped) return;
  for (const auto& worker : workers) {
    if (worker->life) return;
  }
  deadline.cancel();
  std::exchange(stopped, nullptr)();
}

}  // namespace sotto::server
