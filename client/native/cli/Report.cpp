// The report of a call; see the header. Its fields are described in docs/sotto-client.md.
#include "client/native/cli/Report.hpp"

#include <nlohmann/json.hpp>

#include "client/native/cli/SourceNames.hpp"

namespace sotto::client::cli {
namespace {

using nlohmann::json;

uint64_t failedFrames(const call::RemoteStreamStatistics& stream) {
  uint64_t total = 0;
  for (const auto& [reason, count] : stream.failed) total += count;
  return total;
}

std::string reasonsOf(const call::RemoteStreamStatistics& stream) {
  std::string text;
  for (const auto& [reason, count] : stream.failed) {
    if (!text.empty()) text += ", ";
    text += reason + " " + std::to_string(count);
  }
  return text;
}

double milliseconds(base::TimeDelta delta) {
  return static_cast<double>(delta.us()) / 1e3;
}

json latencyOf(const LatencyHistogram& latency) {
  if (!latency.clocksShared()) return nullptr;
  return {{"p50", latency.percentileMs(0.5)},
          {"p95", latency.percentileMs(0.95)},
          {"max", latency.maxMs()},
          {"samples", latency.count()}};
}

json streamJson(const CallOutcome& outcome, const call::RemoteStreamStatistics& stream) {
  json layers = json::array();
  for (const auto& layer : stream.layers) {
    layers.push_back({{"t", (layer.since - outcome.started).secondsAsDouble()},
                      {"width", layer.width},
                      {"height", layer.height}});
  }
  json out = {{"participant", stream.name},
              {"participantId", stream.participant},
              {"source", sourceName(stream.source)},
              {"codec", codecName(stream.codec)},
              {"received", stream.framesReceived},
              {"opened", stream.framesOpened},
              {"failed", failedFrames(stream)},
              {"failures", stream.failed},
              {"duplicates", stream.duplicates},
              {"keyFrames", stream.keyFrames},
              {"bytes", stream.bytes},
              {"layers", std::move(layers)},
              {"longestGapMs", milliseconds(stream.longestGap)},
              {"latencyMs", nullptr},
              {"recording", nullptr}};
  const StreamKey key{stream.participant, stream.source};
  if (const auto found = outcome.content.find(key); found != outcome.content.end()) {
    const ContentCheck& check = found->second;
    out["latencyMs"] = latencyOf(check.latency());
    if (check.verified() + check.damaged() > 0) {
      out["synthetic"] = {{"verified", check.verified()}, {"damaged", check.damaged()}};
    }
  }
  if (const auto found = outcome.recordings.find(key); found != outcome.recordings.end()) {
    out["recording"] = found->second;
  }
  return out;
}

json sentJson(const call::LocalLayerStatistics& layer) {
  return {{"source", sourceName(layer.source)},
          {"rid", layer.rid},
          {"frames", layer.frames},
          {"keyFrames", layer.keyFrames},
          {"packets", layer.packets},
          {"bytes", layer.bytes},
          {"retransmitted", layer.retransmitted},
          {"keyFrameRequests", layer.keyFrameRequests}};
}

json unsentJson(const CallOutcome& outcome) {
  json out = json::object();
  for (const auto& [source, reasons] : outcome.unsent) out[std::string(sourceName(source))] = reasons;
  return out;
}

json unixMs(const CallOutcome& outcome, base::Timestamp time) {
  return (time.us() + outcome.wallClockOffsetUs) / 1'000;
}

json deviceJson(const e2ee::DeviceId& device) {
  return {{"user", device.user}, {"device", device.device}};
}

/// One change of our own key. Times in milliseconds after it was drawn, but for `drawnAt`.
json rotationJson(const CallOutcome& outcome, const e2ee::RotationReport& rotation) {
  json receipts = json::array(), removed = json::array();
  for (const auto& [device, at] : rotation.receipts) {
    json entry = deviceJson(device);
    entry["afterMs"] = at ? json(milliseconds(*at - rotation.drawnAt)) : json();
    receipts.push_back(std::move(entry));
  }
  for (const auto& gone : rotation.removed) {
    json entry = deviceJson(gone.device);
    // How long what it knew went on being used.
    entry["honouredAfterMs"] = rotation.liveAt ? json(milliseconds(*rotation.liveAt - gone.knownAt)) : json();
    removed.push_back(std::move(entry));
  }
  return {{"number", rotation.number},
          {"reason", toString(rotation.reason)},
          {"keyId", rotation.key.value()},
          {"generation", rotation.key.generation},
          {"step", rotation.key.step},
          {"drawnAt", unixMs(outcome, rotation.drawnAt)},
          {"dueAfterMs", milliseconds(rotation.dueAt - rotation.drawnAt)},
          {"liveAfterMs", rotation.liveAt ? json(milliseconds(*rotation.liveAt - rotation.drawnAt)) : json()},
          {"receipts", std::move(receipts)},
          {"removed", std::move(removed)}};
}

json codeJson(const sotto::e2ee::signal::CallCode& code) {
  return {{"digits", code.digits}, {"emoji", code.emoji()}};
}

json heardJson(const CallOutcome& outcome) {
  json out = json::array();
  for (const auto& heard : outcome.heard) {
    const bool chat = heard.message.type == CallMessage::Type::Chat;
    json entry{{"participant", heard.name},
               {"participantId", heard.participant},
               {"type", chat ? "chat" : "reaction"},
               {chat ? "text" : "emoji", heard.message.text},
               {"t", (heard.at - outcome.started).secondsAsDouble()}};
    if (chat) entry["id"] = heard.message.id;
    out.push_back(std::move(entry));
  }
  return out;
}

json keysJson(const CallOutcome& outcome) {
  json rotations = json::array(), codes = json::array(), changed = json::array(), arrivals = json::array();
  for (const auto& [number, rotation] : outcome.rotations)
    rotations.push_back(rotationJson(outcome, rotation));
  for (const auto& code : outcome.callCodes) codes.push_back(codeJson(code));
  for (const auto& device : outcome.changedIdentities) changed.push_back(deviceJson(device));
  for (const auto& [key, arrival] : outcome.arrivals) {
    arrivals.push_back({{"participantId", key.first},
                        {"keyId", key.second},
                        {"firstOpenedAt", unixMs(outcome, arrival.firstOpened)},
                        {"opened", arrival.opened}});
  }
  json unopened = json::array();
  for (const auto& stream : outcome.statistics.streams) {
    for (const auto& [keyId, frames] : stream.unopenedByKey) {
      unopened.push_back({{"participantId", stream.participant},
                          {"source", sourceName(stream.source)},
                          {"keyId", keyId},
                          {"frames", frames}});
    }
  }
  const call::KeyMessageStatistics& messages = outcome.statistics.keyMessages;
  return {{"unopened", std::move(unopened)},
          {"messages",
           {{"sentDirect", messages.sentDirect},
            {"sentBySocket", messages.sentBySocket},
            {"fellBack", messages.fellBack},
            {"receiptsRepeated", messages.receiptsRepeated},
            {"openedDirect", messages.openedDirect},
            {"openedBySocket", messages.openedBySocket},
            {"repeated", messages.repeated},
            {"refusedDirect", messages.refusedDirect}}},
          {"rotations", std::move(rotations)},
          {"callCode", codes.empty() ? json() : codes.back()},
          {"callCodes", std::move(codes)},
          {"changedIdentities", std::move(changed)},
          {"arrivals", std::move(arrivals)}};
}

}  // namespace

std::string callCodeLine(const sotto::e2ee::signal::CallCode& code) {
  std::string line = "call code";
  for (size_t i = 0; i < code.digits.size(); i += 5) line += " " + code.digits.substr(i, 5);
  return line + "  " + code.emoji();
}

Verdict judge(const CallOutcome& outcome) {
  Verdict verdict;
  for (const auto& stream : outcome.statistics.streams) {
    const std::string who = stream.name + "'s " + std::string(sourceName(stream.source));
    if (stream.framesOpened == 0 && failedFrames(stream) > 0) {
      verdict.complaints.push_back("none of the " + std::to_string(failedFrames(stream)) + " frames of " +
                                   who + " could be opened (" + reasonsOf(stream) + "): is the key right?");
    }
    const auto check = outcome.content.find({stream.participant, stream.source});
    if (check != outcome.content.end() && check->second.damaged() > 0) {
      verdict.complaints.push_back(std::to_string(check->second.damaged()) + " frames of " + who +
                                   " are not what was sent");
    }
  }
  if (!verdict.complaints.empty()) verdict.code = ExitCode::FramesUnopened;
  if (outcome.failed) verdict.code = ExitCode::CallFailed;
  return verdict;
}

std::string reportJson(const CallOutcome& outcome, const Verdict& verdict) {
  const call::CallStatistics& statistics = outcome.statistics;
  json streams = json::array(), sent = json::array();
  for (const auto& stream : statistics.streams) streams.push_back(streamJson(outcome, stream));
  for (const auto& layer : statistics.layers) sent.push_back(sentJson(layer));
  json companions = json::array();
  for (const std::string& text : outcome.companionReports) {
    companions.push_back(json::parse(text, nullptr, false));
    if (companions.back().is_discarded()) companions.back() = nullptr;
  }
  const json report = {
      {"version", 1},
      {"server", outcome.server},
      {"room", outcome.room},
      {"name", outcome.name},
      {"suite", outcome.suite.empty() ? json(nullptr) : json(outcome.suite)},
      {"exitCode", static_cast<int>(verdict.code)},
      {"reason", outcome.reason},
      {"complaints", verdict.complaints},
      {"connected", outcome.everConnected},
      {"durationSeconds", outcome.duration.secondsAsDouble()},
      {"mediaConnections", statistics.mediaConnections},
      {"reconnects", statistics.reconnects},
      {"roundTripMs", milliseconds(statistics.roundTrip)},
      {"uplinkLoss", statistics.uplinkLoss},
      {"packetsReceived", statistics.packetsReceived},
      {"packetsLost", statistics.packetsLost},
      {"nacksSent", statistics.nacksSent},
      {"keyFramesAsked", statistics.keyFramesAsked},
      {"framesOfUnknownSenders", statistics.framesUnknownSender},
      {"streams", std::move(streams)},
      {"sent", std::move(sent)},
      {"unsent", unsentJson(outcome)},
      {"keys", keysJson(outcome)},
      {"messages", heardJson(outcome)},
      {"messagesSent", outcome.said},
      {"companions", std::move(companions)},
  };
  // Names come from other people: what is no UTF-8 must not spoil the report.
  return report.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace sotto::client::cli
