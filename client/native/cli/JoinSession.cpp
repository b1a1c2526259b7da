// One call of the join command; see the header. Everything happens in the thread of the event loop.
#include "client/native/cli/JoinSession.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>

#include "client/native/call/Call.hpp"
#include "client/native/cli/SourceNames.hpp"
#include "client/native/cli/SourcePlayer.hpp"

namespace sotto::client::cli {
namespace {

namespace asio = boost::asio;
using base::TimeDelta;
using base::Timestamp;
using call::CallState;

constexpr auto progressInterval = std::chrono::milliseconds(500);

/// Width of the terminal behind standard error, 0 when it is none.
size_t terminalColumns() {
  if (isatty(STDERR_FILENO) == 0) return 0;
  winsize size{};
  constexpr size_t usual = 80;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : usual;
}

int64_t wallClockUs() {
  const auto sinceEpoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(sinceEpoch).count();
}

std::chrono::steady_clock::time_point toSteady(Timestamp time) {
  return std::chrono::steady_clock::time_point(std::chrono::microseconds(time.us()));
}

class JoinSession final : private call::CallObserver {
 public:
  explicit JoinSession(JoinPlan plan)
      : recorder_(std::move(plan.recorder)),
        duration_(plan.duration),
        progress_(stderr, terminalColumns()),
        playTimer_(loop_),
        progressTimer_(loop_),
        durationTimer_(loop_),
        signals_(loop_, SIGINT, SIGTERM),
        call_(loop_, std::move(plan.call), *this),
        player_([this](const call::OutgoingFrame& frame) { return call_.sendFrame(frame); }) {
    for (auto& [source, media] : plan.sources) player_.add(source, std::move(media));
  }

  CallOutcome run() {
    waitForSignals();
    call_.start();
    loop_.run();
    return outcome();
  }

 private:
  // ---- what the call says

  void onState(CallState state, const std::string& reason) override {
    const bool over = state == CallState::Left || state == CallState::Failed;
    // The last table stays, and what became of the call stands below it.
    if (over) progress_.finish();
    progress_.message(std::string(toString(state)) + (reason.empty() ? "" : ": " + reason));
    if (state == CallState::Connected) onConnected();
    if (over) {
      outcome_.failed = state == CallState::Failed;
      outcome_.reason = reason.empty() ? toString(state) : reason;
      loop_.stop();
    }
  }

  void onConnected() {
    player_.onConnected();
    if (outcome_.everConnected) return;
    outcome_.everConnected = true;
    outcome_.started = call::Call::now();
    player_.start(outcome_.started);
    armPlayer();
    armProgress();
    if (duration_ > TimeDelta::zero()) {
      durationTimer_.expires_at(toSteady(outcome_.started + duration_));
      durationTimer_.async_wait([this](boost::system::error_code error) {
        if (!error) call_.leave();
      });
    }
  }

  void onRemoteFrame(const call::RemoteFrame& frame) override {
    outcome_.content[{frame.participant, frame.source}].onFrame(frame, wallClockUs());
    if (!recorder_) return;
    if (auto done = recorder_->write(frame); !done) recordingFailed(done.error().message);
  }

  void recordingFailed(const std::string& message) {
    progress_.message("recording failed: " + message);
    recordingError_ = message;
  }

  void onKeyFrameWanted(call::TrackSource source, size_t layer) override {
    player_.onKeyFrameWanted(source, layer);
  }

  void onOpenFailure(const std::string& participant, const std::string& reason) override {
    std::string name = participant;
    for (const auto& other : call_.roster()) {
      if (other.id == participant) name = other.name;
    }
    progress_.message("a frame of " + name + " could not be opened: " + reason);
  }

  void onWarning(const std::string& message) override { progress_.message("warning: " + message); }

  // ---- timers and signals

  void armPlayer() {
    const Timestamp due = player_.nextDue();
    if (due == Timestamp::plusInfinity()) return;
    playTimer_.expires_at(toSteady(due));
    playTimer_.async_wait([this](boost::system::error_code error) {
      if (error) return;
      player_.play(call::Call::now(), wallClockUs());
      armPlayer();
    });
  }

  void armProgress() {
    progressTimer_.expires_after(progressInterval);
    progressTimer_.async_wait([this](boost::system::error_code error) {
      if (error) return;
      const Timestamp now = call::Call::now();
      progress_.update(text_.lines(call_.statistics(), now - outcome_.started, now), now);
      armProgress();
    });
  }

  void waitForSignals() {
    signals_.async_wait([this](boost::system::error_code error, int /*signal*/) {
      if (error) return;
      if (interrupted_) {
        outcome_.reason = "interrupted";
        return loop_.stop();
      }
      interrupted_ = true;
      call_.leave();
      waitForSignals();
    });
  }

  CallOutcome outcome() {
    progress_.finish();
    outcome_.statistics = call_.statistics();
    if (outcome_.everConnected) outcome_.duration = call::Call::now() - outcome_.started;
    outcome_.unsent = player_.unsent();
    if (recorder_) {
      if (auto done = recorder_->close(); !done) recordingFailed(done.error().message);
      for (const auto& stream : outcome_.statistics.streams) {
        const std::string path = recorder_->pathOf(stream.participant, stream.source);
        if (!path.empty()) outcome_.recordings[{stream.participant, stream.source}] = path;
      }
    }
    if (!recordingError_.empty() && !outcome_.failed) {
      outcome_.failed = true;
      outcome_.reason = "recording failed: " + recordingError_;
    }
    return std::move(outcome_);
  }

  asio::io_context loop_;
  CallOutcome outcome_;
  std::optional<Recorder> recorder_;
  std::string recordingError_;
  TimeDelta duration_;
  Progress progress_;
  ProgressText text_;
  asio::steady_timer playTimer_, progressTimer_, durationTimer_;
  asio::signal_set signals_;
  bool interrupted_ = false;
  call::Call call_;
  SourcePlayer player_;
};

}  // namespace

CallOutcome runSession(JoinPlan plan) {
  return JoinSession(std::move(plan)).run();
}

}  // namespace sotto::client::cli
