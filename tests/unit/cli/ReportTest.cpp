// The report's fields and the exit codes that follow from an outcome.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "client/native/cli/Report.hpp"

namespace sotto::client::cli {
namespace {

using base::TimeDelta;
using base::Timestamp;

CallOutcome sampleOutcome() {
  CallOutcome outcome;
  outcome.room = "demo";
  outcome.suite = "duo";
  outcome.everConnected = true;
  outcome.started = Timestamp::millis(5'000);
  outcome.duration = TimeDelta::seconds(10);
  call::RemoteStreamStatistics stream;
  stream.participant = "p_1";
  stream.name = "alice";
  stream.codec = frame::CodecType::Vp8;
  stream.framesReceived = 304;
  stream.framesOpened = 300;
  stream.failed = {{"unknown-key", 4}};
  stream.longestGap = TimeDelta::micros(41'500);
  stream.layers = {{Timestamp::millis(5'500), 320, 180}, {Timestamp::millis(7'000), 1280, 720}};
  outcome.statistics.streams.push_back(stream);
  outcome.statistics.layers.push_back({call::TrackSource::Camera, "f", 300, 2, 900, 1'000'000, 7, 3});
  outcome.statistics.nacksSent = 11;
  return outcome;
}

}  // namespace

TEST_CASE("The report has for each remote stream what a test wants to know") {
  const CallOutcome outcome = sampleOutcome();
  const auto report = nlohmann::json::parse(reportJson(outcome, judge(outcome)));
  CHECK(report["exitCode"] == 0);
  CHECK(report["durationSeconds"] == 10.0);
  CHECK(report["nacksSent"] == 11);
  const auto& stream = report["streams"][0];
  CHECK(stream["participant"] == "alice");
  CHECK(stream["participantId"] == "p_1");
  CHECK(stream["source"] == "camera");
  CHECK(stream["codec"] == "vp8");
  CHECK(stream["received"] == 304);
  CHECK(stream["opened"] == 300);
  CHECK(stream["failed"] == 4);
  CHECK(stream["failures"]["unknown-key"] == 4);
  CHECK(stream["longestGapMs"] == 41.5);
  CHECK(stream["layers"][1]["t"] == 2.0);
  CHECK(stream["layers"][1]["height"] == 720);
  CHECK(stream["latencyMs"].is_null());
  CHECK(report["sent"][0]["rid"] == "f");
  CHECK(report["sent"][0]["retransmitted"] == 7);
}

TEST_CASE("Late keys are no failure, a stream of which nothing opened is") {
  CallOutcome outcome = sampleOutcome();
  CHECK(judge(outcome).code == ExitCode::Ok);
  outcome.statistics.streams[0].framesOpened = 0;
  outcome.statistics.streams[0].failed = {{"authentication", 300}};
  const Verdict verdict = judge(outcome);
  CHECK(verdict.code == ExitCode::FramesUnopened);
  REQUIRE(verdict.complaints.size() == 1);
  CHECK_THAT(verdict.complaints[0], Catch::Contains("alice's camera") &&
                                        Catch::Contains("authentication 300") && Catch::Contains("key"));
  outcome.failed = true;
  CHECK(judge(outcome).code == ExitCode::CallFailed);
}

TEST_CASE("Damaged content is a failure of its own") {
  CallOutcome outcome = sampleOutcome();
  call::RemoteFrame frame;
  frame.codec = frame::CodecType::Vp8;
  std::vector<uint8_t> data(200, 1);
  const std::string magic = "SottoSyn";
  std::copy(magic.begin(), magic.end(), data.begin() + 3);
  frame.data = data;
  outcome.content[{"p_1", call::TrackSource::Camera}].onFrame(frame, 0);
  CHECK(judge(outcome).code == ExitCode::FramesUnopened);
  const auto report = nlohmann::json::parse(reportJson(outcome, judge(outcome)));
  CHECK(report["streams"][0]["synthetic"]["damaged"] == 1);
}

TEST_CASE("A name that is no UTF-8 does not spoil the report") {
  CallOutcome outcome = sampleOutcome();
  outcome.statistics.streams[0].name = "\xff\xfe";
  CHECK_NOTHROW(nlohmann::json::parse(reportJson(outcome, judge(outcome))));
}

}  // namespace sotto::client::cli
