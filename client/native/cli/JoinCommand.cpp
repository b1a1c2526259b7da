// The join command: turns options into a call, and its outcome into a report; see the header.
#include "client/native/cli/JoinCommand.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "client/native/cli/JoinSession.hpp"
#include "client/native/cli/Report.hpp"
#include "client/native/cli/RotationTable.hpp"
#include "client/native/cli/Say.hpp"
#include "client/native/cli/TokenRequest.hpp"
#include "client/native/e2ee/KeyProvider.hpp"
#include "client/native/mediafile/FileSources.hpp"
#include "client/native/mediafile/SyntheticSource.hpp"

namespace sotto::client::cli {
namespace {

using call::TrackSource;

/// rids of the layers, lowest first, as browsers call them.
std::vector<std::string> layerNames(size_t count) {
  static constexpr const char* names[] = {"q", "h", "f"};
  if (count == 1) return {"f"};
  return {names, names + count};
}

call::VideoTrack trackOf(const mediafile::MediaSource& source) {
  call::VideoTrack track;
  track.codec = source.codec();
  const auto names = layerNames(source.layers().size());
  for (size_t i = 0; i < names.size(); ++i) {
    track.layers.push_back({names[i], source.layers()[i].width, source.layers()[i].height});
  }
  return track;
}

/// Opens the files, or makes the synthetic sources, and publishes what there is.
base::Expected<void> prepareSources(const JoinOptions& options, JoinPlan& plan) {
  if (!options.videoFiles.empty()) {
    auto video = mediafile::openVideoFiles(options.videoFiles);
    if (!video) return tl::make_unexpected(video.error());
    plan.sources[TrackSource::Camera] = std::move(*video);
  }
  if (!options.audioFile.empty()) {
    auto audio = mediafile::openAudioFile(options.audioFile);
    if (!audio) return tl::make_unexpected(audio.error());
    plan.sources[TrackSource::Microphone] = std::move(*audio);
  }
  if (!options.synthetic.empty()) {
    auto synthetic = mediafile::parseSyntheticName(options.synthetic);
    if (!synthetic) return tl::make_unexpected(synthetic.error());
    synthetic->temporalLayers = options.temporalLayers;
    plan.sources[TrackSource::Camera] = mediafile::makeSyntheticVideo(*synthetic);
    if (options.audioFile.empty()) {
      plan.sources[TrackSource::Microphone] = mediafile::makeSyntheticAudio(synthetic->seed);
    }
  }
  const auto camera = plan.sources.find(TrackSource::Camera);
  if (camera != plan.sources.end()) plan.call.camera = trackOf(*camera->second);
  plan.call.microphone = plan.sources.count(TrackSource::Microphone) != 0;
  return {};
}

base::Expected<void> prepareCall(const JoinOptions& options, JoinPlan& plan) {
  plan.call.url = options.server;
  plan.call.tlsTrust = {!options.insecure, options.caFile};
  if (auto trusted = call::checkTrust(plan.call.tlsTrust); !trusted) {
    return base::fail("--ca-file: " + trusted.error().message);
  }
  plan.call.rateCapBitsPerSecond = options.rateCap;
  plan.call.suite = e2ee::suiteFromName(options.suite);
  if (!plan.call.suite && !options.suite.empty()) {
    return base::fail("--suite " + options.suite + ": expected duo, aes128gcm or aes256gcm");
  }
  for (const std::string& text : options.wants) {
    auto want = parseWant(text);
    if (!want) return tl::make_unexpected(want.error());
    // Named first is wanted most.
    const size_t rank = plan.call.wants.size();
    want->priority = static_cast<uint32_t>(rank < 100 ? 100 - rank : 0);
    plan.call.wants.push_back(std::move(*want));
  }
  plan.call.wantEveryone = options.wants.empty();
  if (plan.call.wants.size() > plan.call.videoSlots) {
    plan.call.videoSlots = static_cast<uint32_t>(plan.call.wants.size());
  }
  auto secret = roomSecret(options);
  if (!secret) return tl::make_unexpected(secret.error());
  plan.call.roomSecret = std::move(*secret);
  if (const auto claims = claimsOfToken(options.token);
      claims && !claims->room.empty() && claims->room != options.room) {
    return base::fail("--token is for the room \"" + claims->room + "\", not for \"" + options.room + "\"");
  }
  return {};
}

base::Expected<void> prepareCompanions(const JoinOptions& options, JoinPlan& plan) {
  std::vector<Stay> stays;
  for (const std::string& text : options.rotate) {
    auto stay = parseStay(text);
    if (!stay) return tl::make_unexpected(stay.error());
    stays.push_back(std::move(*stay));
  }
  if (stays.empty()) return {};
  auto companions = Companions::create(
      {options.server, options.room, options.suite, options.insecure, options.caFile}, std::move(stays));
  if (!companions) return tl::make_unexpected(companions.error());
  plan.companions.emplace(std::move(*companions));
  return {};
}

/// All that can be found wrong before the server is asked for anything.
base::Expected<JoinPlan> prepare(const JoinOptions& options) {
  JoinPlan plan;
  if (auto done = prepareCall(options, plan); !done) return tl::make_unexpected(done.error());
  if (auto done = prepareSources(options, plan); !done) return tl::make_unexpected(done.error());
  if (!options.recordDirectory.empty()) {
    auto recorder = Recorder::open(options.recordDirectory);
    if (!recorder) return tl::make_unexpected(recorder.error());
    plan.recorder = std::move(*recorder);
  }
  if (!options.reportFile.empty() && options.reportFile != "-") {
    if (!std::ofstream(options.reportFile, std::ios::app)) {
      return base::fail(options.reportFile + ": cannot be written: " + std::strerror(errno));
    }
  }
  if (auto companions = prepareCompanions(options, plan); !companions) {
    return tl::make_unexpected(companions.error());
  }
  plan.duration = base::TimeDelta::micros(static_cast<int64_t>(options.durationSeconds * 1e6));
  return plan;
}

bool writeReport(const std::string& path, const std::string& json) {
  if (path.empty() || path == "-") return std::fputs(json.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  std::ofstream file(path, std::ios::trunc);
  file << json;
  return static_cast<bool>(file.flush());
}

CallOutcome notBegun(std::string reason) {
  CallOutcome outcome;
  outcome.failed = true;
  outcome.reason = std::move(reason);
  return outcome;
}

/// The device that the options name, made where there is none yet, with a token for the room and registered.
DeviceResult<std::unique_ptr<LocalDevice>> deviceFor(const JoinOptions& options) {
  DeviceOptions own = options.device;
  own.server = options.server;
  own.token = options.token;
  own.insecure = options.insecure;
  own.caFile = options.caFile;
  // A store that is there says itself whose it is.
  if (own.user.empty() && (own.storeFile.empty() || !LocalDevice::exists(own))) {
    const auto claims = claimsOfToken(options.token);
    own.user = claims ? claims->user : options.name;
  }
  const bool fresh = !LocalDevice::exists(own);
  auto device = fresh ? LocalDevice::create(own) : LocalDevice::open(own);
  if (!device) return device;
  if (fresh) say("made a device for " + (*device)->self().user + " in " + (*device)->path());
  if (auto token = (*device)->authorize(own, options.room, options.name); !token) {
    return tl::make_unexpected(token.error());
  }
  if (auto registered = (*device)->keepRegistered(false); !registered) {
    return tl::make_unexpected(registered.error());
  }
  return device;
}

/// Joins with the token given or asked for. A call that gets no token has failed as one that gets no media.
CallOutcome runCall(const JoinOptions& options, JoinPlan plan) {
  plan.call.token = plan.device ? plan.device->token() : options.token;
  if (plan.call.token.empty()) {
    auto token = requestToken(options.server, {options.room, options.name, "", ""}, plan.call.tlsTrust);
    if (!token) return notBegun(token.error().message);
    plan.call.token = std::move(*token);
  }
  return runSession(std::move(plan));
}

}  // namespace

ExitCode runJoin(const JoinOptions& options) {
  auto plan = prepare(options);
  if (!plan) {
    say(plan.error().message);
    return ExitCode::BadInput;
  }
  const bool sealed = !options.unsealed;
  std::optional<CallOutcome> failure;
  if (automaticKeys(options)) {
    auto device = deviceFor(options);
    if (!device && device.error().code == ExitCode::BadInput) {
      say(device.error().message);
      return ExitCode::BadInput;
    }
    if (device) plan->device = std::move(*device);
    if (!device) failure = notBegun(device.error().message);
    plan->invited = options.invited;
  }
  for (size_t i = 0; i < options.chat.size(); ++i) {
    plan->messages.push_back({CallMessage::Type::Chat, options.chat[i], std::to_string(i + 1)});
  }
  for (const std::string& emoji : options.reactions) {
    plan->messages.push_back({CallMessage::Type::Reaction, emoji, ""});
  }
  CallOutcome outcome = failure ? std::move(*failure) : runCall(options, std::move(*plan));
  outcome.server = options.server;
  outcome.room = options.room;
  outcome.name = options.name;
  // A room whose encryption is off lets nothing be sealed, whatever was asked for.
  if (outcome.statistics.suite) outcome.suite = e2ee::suiteName(*outcome.statistics.suite);
  const Verdict verdict = judge(outcome);
  if (outcome.failed) say("the call failed: " + outcome.reason);
  if (outcome.failed && !outcome.everConnected && !sealed) {
    say("--unsealed neither seals nor opens frames: is the room's encryption off?");
  }
  for (const std::string& complaint : verdict.complaints) say(complaint);
  const std::string report = reportJson(outcome, verdict);
  if (!outcome.companionReports.empty()) {
    std::vector<std::string> all{report};
    all.insert(all.end(), outcome.companionReports.begin(), outcome.companionReports.end());
    std::fprintf(stderr, "\n%s\n", rotationTable(all).c_str());
  }
  if (!writeReport(options.reportFile, report)) {
    say("the report cannot be written: " + std::string(std::strerror(errno)));
    return verdict.code == ExitCode::Ok ? ExitCode::BadInput : verdict.code;
  }
  return verdict.code;
}

}  // namespace sotto::client::cli
