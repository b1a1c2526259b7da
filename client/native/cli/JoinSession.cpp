// One call of the join command; see the header. Everything happens in the thread of the event loop.
#include "client/native/cli/JoinSession.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>

#include "client/native/call/Call.hpp"
#include "client/native/cli/Inbox.hpp"
#include "client/native/cli/SourceNames.hpp"
#include "client/native/cli/SourcePlayer.hpp"
#include "client/native/directory/HttpDirectory.hpp"

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
  // What is due at once may be due at minus infinity, which no time_point can hold.
  return std::chrono::steady_clock::time_point(std::chrono::microseconds(std::max<int64_t>(time.us(), 0)));
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
        companionTimer_(loop_),
        signals_(loop_, SIGINT, SIGTERM),
        invited_(std::move(plan.invited)),
        messages_(std::move(plan.messages)),
        companions_(std::move(plan.companions)),
        device_(std::move(plan.device)),
        directory_(directoryOf(loop_, device_.get())),
        inbox_(device_ ? std::make_unique<Inbox>(device_->store()) : nullptr),
        call_(loop_, withDevice(std::move(plan.call)), *this),
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
    outcome_.wallClockOffsetUs = wallClockUs() - outcome_.started.us();
    player_.start(outcome_.started);
    armPlayer();
    armProgress();
    startCompanions();
    if (duration_ > TimeDelta::zero()) {
      durationTimer_.expires_at(toSteady(outcome_.started + duration_));
      durationTimer_.async_wait([this](boost::system::error_code error) {
        if (!error) call_.leave();
      });
    }
  }

  void onRemoteFrame(const call::RemoteFrame& frame) override {
    outcome_.content[{frame.participant, frame.source}].onFrame(frame, wallClockUs());
    if (frame.sealed && device_) {
      auto& arrival = outcome_.arrivals[{frame.participant, frame.metadata.keyId}];
      if (arrival.opened++ == 0) arrival.firstOpened = frame.received;
    }
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
    progress_.message("a frame of " + nameOf(participant) + " could not be opened: " + reason);
  }

  void onWarning(const std::string& message) override { progress_.message("warning: " + message); }

  // ---- keys

  call::CallOptions withDevice(call::CallOptions options) {
    if (device_) options.device = {&device_->store(), &device_->storage(), directory_.get()};
    return options;
  }
  static std::unique_ptr<directory::HttpDirectory> directoryOf(asio::io_context& loop, LocalDevice* device) {
    return device == nullptr ? nullptr : std::make_unique<directory::HttpDirectory>(loop, device->http());
  }

  void onRotation(const e2ee::RotationReport& report) override {
    outcome_.rotations[report.number] = report;
    noteCallCode();
  }
  void onRoster(std::span<const call::Participant> /*roster*/) override {
    noteCallCode();
    if (!std::exchange(inviteSent_, true) && !invited_.empty()) call_.invite(invited_);
    say();
  }
  void onWaitingForKeys(const std::string& participant, bool waiting) override {
    if (waiting) progress_.message("waiting for keys of " + nameOf(participant));
  }
  void onIdentityChanged(const call::DeviceName& device) override {
    outcome_.changedIdentities.push_back(device);
    progress_.message("*** THE IDENTITY OF " + device.user + "'s DEVICE " + device.device +
                      " HAS CHANGED *** It gets no keys of ours and we take none of its. Compare numbers "
                      "with sotto-client verify, then accept it there");
  }
  void onDeviceMessage(const call::DeviceName& from, const e2ee::MessageId& id, e2ee::Body& body) override {
    inbox_->add({from, id, static_cast<uint64_t>(wallClockUs() / 1'000), std::move(body)});
    progress_.message("a message of " + from.user + " waits for sotto-client receive");
  }

  // ---- chat and reactions

  void onDataChannel(bool open) override {
    dataOpen_ = open;
    say();
  }
  void onSealedData(const call::SealedData& data) override {
    const auto message = readCallMessage(data.plain);
    if (!message) return;
    outcome_.heard.push_back({data.participant, data.name, *message, call::Call::now()});
    progress_.message(data.name + (message->type == CallMessage::Type::Chat ? ": " : " reacts with ") +
                      message->text);
  }
  /// Once there is somebody, and everybody there can hear it.
  void say() {
    const auto roster = call_.roster();
    const bool heard =
        std::all_of(roster.begin(), roster.end(), [](const auto& other) { return other.data; });
    if (!dataOpen_ || roster.empty() || !heard) return;
    while (outcome_.said < messages_.size()) {
      const std::string text = writeCallMessage(messages_[outcome_.said]);
      const auto sent = call_.sendSealed(call::toEveryone, /*lossy=*/false,
                                         {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
      if (sent != call::DataSendResult::Sent) return;
      ++outcome_.said;
    }
  }

  /// The code changes with who is there; the report has the last of each.
  void noteCallCode() {
    const auto code = call_.callCode();
    if (code && (outcome_.callCodes.empty() || outcome_.callCodes.back().digits != code->digits)) {
      outcome_.callCodes.push_back(*code);
    }
  }
  std::string nameOf(const std::string& participant) const {
    for (const auto& other : call_.roster()) {
      if (other.id == participant) return other.name;
    }
    return participant;
  }

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
      noteCallCode();
      auto lines = text_.lines(call_.statistics(), now - outcome_.started, now);
      if (!outcome_.callCodes.empty()) lines.push_back(callCodeLine(outcome_.callCodes.back()));
      progress_.update(lines, now);
      armProgress();
    });
  }

  void startCompanions() {
    if (!companions_) return;
    const TimeDelta elapsed = call::Call::now() - outcome_.started;
    if (auto started = companions_->startDue(elapsed); !started) {
      return progress_.message("warning: " + started.error().message);
    }
    const TimeDelta next = companions_->nextStart();
    if (next == TimeDelta::infinite()) return;
    companionTimer_.expires_at(toSteady(outcome_.started + next));
    companionTimer_.async_wait([this](boost::system::error_code error) {
      if (!error) startCompanions();
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
    if (companions_) outcome_.companionReports = companions_->finish();
    for (const e2ee::RotationReport& report : call_.rotations()) outcome_.rotations[report.number] = report;
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
  asio::steady_timer playTimer_, progressTimer_, durationTimer_, companionTimer_;
  asio::signal_set signals_;
  bool interrupted_ = false;
  std::vector<std::string> invited_;
  std::vector<CallMessage> messages_;
  bool inviteSent_ = false, dataOpen_ = false;
  std::optional<Companions> companions_;
  std::unique_ptr<LocalDevice> device_;
  std::unique_ptr<directory::HttpDirectory> directory_;
  std::unique_ptr<Inbox> inbox_;  ///< texts that come while we are in the call wait for `receive`
  call::Call call_;
  SourcePlayer player_;
};

}  // namespace

CallOutcome runSession(JoinPlan plan) {
  return JoinSession(std::move(plan)).run();
}

}  // namespace sotto::client::cli
