// Progress on a terminal and elsewhere.
#include <catch2/catch.hpp>

#include "client/native/cli/Progress.hpp"

namespace sotto::client::cli {
namespace {

using base::TimeDelta;
using base::Timestamp;

/// What was written to a FILE in memory.
class Output {
 public:
  Output() : file_(open_memstream(&text_, &size_)) {}
  ~Output() {
    std::fclose(file_);
    std::free(text_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  std::FILE* file() { return file_; }
  std::string text() {
    std::fflush(file_);
    return {text_, size_};
  }

 private:
  char* text_ = nullptr;
  size_t size_ = 0;
  std::FILE* file_;
};

}  // namespace

TEST_CASE("On a terminal the table is replaced, and messages stay above it") {
  Output output;
  Progress progress(output.file(), 80);
  progress.update({"one", "two"}, Timestamp::millis(0));
  progress.update({"three"}, Timestamp::millis(500));
  progress.message("news");
  progress.update({"four"}, Timestamp::millis(1'000));
  CHECK(output.text() == "one\ntwo\n\r\x1b[2A\x1b[Jthree\n\r\x1b[1A\x1b[Jnews\nfour\n");
}

TEST_CASE("Lines are cut to the terminal's width between characters") {
  Output output;
  Progress progress(output.file(), 5);
  progress.update({"abcdefgh", "äöüßéè"}, Timestamp::millis(0));
  CHECK(output.text() == "abcde\näöüßé\n");
}

TEST_CASE("Elsewhere only the summary is printed, every five seconds") {
  Output output;
  Progress progress(output.file(), 0);
  for (int ms = 0; ms <= 10'000; ms += 500) {
    progress.update({std::to_string(ms), "detail"}, Timestamp::millis(ms));
  }
  progress.message("news");
  CHECK(output.text() == "0\n5000\n10000\nnews\n");
}

TEST_CASE("Names from others cannot steer the terminal") {
  CHECK(printable("a\x1b[2Jb\r\nc\x7f") == "a?[2Jb??c?");
  CHECK(printable("Zoë 🦊") == "Zoë 🦊");
}

TEST_CASE("The text gives rates between two looks, and failures by reason") {
  call::CallStatistics statistics;
  statistics.state = call::CallState::Connected;
  call::RemoteStreamStatistics stream;
  stream.participant = "p_1";
  stream.name = "alice";
  stream.framesOpened = 30;
  stream.bytes = 125'000;
  stream.layers.push_back({Timestamp::millis(0), 1280, 720});
  statistics.streams.push_back(stream);
  statistics.layers.push_back({call::TrackSource::Camera, "f", 60, 1, 0, 250'000, 0, 0});
  ProgressText text;
  auto lines = text.lines(statistics, TimeDelta::seconds(1), Timestamp::millis(1'000));
  REQUIRE(lines.size() == 3);
  CHECK_THAT(lines[0], Catch::StartsWith("connected 1 s") && Catch::Contains("in 1.00 Mb/s") &&
                           Catch::Contains("out 2.00 Mb/s"));
  CHECK_THAT(lines[1],
             Catch::Contains("alice camera") && Catch::Contains("30.0 fps") && Catch::Contains("1280x720"));
  CHECK_THAT(lines[2], Catch::Contains("camera f") && Catch::Contains("60.0 fps"));

  statistics.streams[0].framesOpened += 60;
  statistics.streams[0].failed["authentication"] = 4;
  lines = text.lines(statistics, TimeDelta::seconds(3), Timestamp::millis(3'000));
  CHECK_THAT(lines[1],
             Catch::Contains("30.0 fps") && Catch::Contains("0 kb/s") && Catch::Contains("authentication 4"));
  CHECK_THAT(lines[0], Catch::Contains("opened 90") && Catch::Contains("failed 4"));
}

}  // namespace sotto::client::cli
