#include "media/forward/SpeakerRanking.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <vector>

using namespace sotto;
using base::TimeDelta;
using base::Timestamp;
using forward::SourceId;
using forward::SpeakerRanking;

namespace {

bool has(std::span<const SourceId> list, SourceId id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

struct Talk {
  SpeakerRanking ranking;
  Timestamp now = Timestamp::millis(100'000);
  explicit Talk(size_t capacity, SourceId sources) : ranking(capacity) {
    for (SourceId id = 1; id <= sources; ++id) ranking.add(id, now);
  }
  /// Packets of 20 ms from each source, with the level that `level(id)` gives.
  void run(TimeDelta duration, const std::function<uint8_t(SourceId)>& level, SourceId sources) {
    const Timestamp end = now + duration;
    for (; now < end; now = now + TimeDelta::millis(20)) {
      for (SourceId id = 1; id <= sources; ++id) ranking.onAudio(id, level(id), false, now);
      ranking.onTime(now);
    }
  }
};

}  // namespace

TEST_CASE("While there is room everyone is chosen, loud or not") {
  Talk talk(3, 3);
  CHECK(talk.ranking.chosen().size() == 3);
}

TEST_CASE("Who starts to speak takes the place of the silent with the very first loud packet") {
  Talk talk(2, 4);
  talk.run(
      TimeDelta::seconds(2), [](SourceId id) { return id == 1 ? uint8_t{30} : uint8_t{127}; }, 4);
  REQUIRE(has(talk.ranking.chosen(), 1));
  REQUIRE(!has(talk.ranking.chosen(), 4));
  talk.ranking.onAudio(4, 35, false, talk.now);
  CHECK(has(talk.ranking.chosen(), 4));
  CHECK(has(talk.ranking.chosen(), 1));
}

TEST_CASE("Among those who speak, only a clearly louder voice gets in") {
  Talk talk(2, 3);
  auto levels = [](SourceId id) { return static_cast<uint8_t>(id == 3 ? 27 : 30); };
  talk.run(
      TimeDelta::seconds(1), [](SourceId id) { return id == 3 ? uint8_t{127} : uint8_t{30}; }, 3);
  const uint64_t revision = talk.ranking.chosenRevision();
  talk.run(TimeDelta::seconds(3), levels, 3);
  CHECK(!has(talk.ranking.chosen(), 3));
  CHECK(talk.ranking.chosenRevision() == revision);
  talk.run(
      TimeDelta::seconds(1), [](SourceId id) { return id == 3 ? uint8_t{10} : uint8_t{30}; }, 3);
  CHECK(has(talk.ranking.chosen(), 3));
}

TEST_CASE("Three loud packets make a speaker, and pauses between words do not end it") {
  Talk talk(2, 1);
  talk.ranking.onAudio(1, 30, false, talk.now);
  CHECK(talk.ranking.speaking().empty());
  talk.run(
      TimeDelta::millis(100), [](SourceId) { return uint8_t{30}; }, 1);
  REQUIRE(talk.ranking.speaking().size() == 1);
  talk.run(
      TimeDelta::millis(600), [](SourceId) { return uint8_t{127}; }, 1);
  CHECK(talk.ranking.speaking().size() == 1);
  talk.run(
      TimeDelta::millis(400), [](SourceId) { return uint8_t{127}; }, 1);
  CHECK(talk.ranking.speaking().empty());
}

TEST_CASE("Room noise is no speech, and the voice activity flag lowers the bar") {
  Talk talk(2, 1);
  talk.run(
      TimeDelta::seconds(1), [](SourceId) { return uint8_t{55}; }, 1);
  CHECK(talk.ranking.speaking().empty());
  for (int i = 0; i < 5; ++i) {
    talk.ranking.onAudio(1, 55, true, talk.now);
    talk.now = talk.now + TimeDelta::millis(20);
  }
  CHECK(talk.ranking.speaking().size() == 1);
}

TEST_CASE("Speakers are named loudest first") {
  Talk talk(3, 3);
  talk.run(
      TimeDelta::seconds(1), [](SourceId id) { return static_cast<uint8_t>(45 - 10 * id); }, 3);
  const auto speaking = talk.ranking.speaking();
  REQUIRE(speaking.size() == 3);
  CHECK(speaking[0].source == 3);
  CHECK(speaking[1].source == 2);
  CHECK(speaking[2].source == 1);
  CHECK(speaking[0].level == Approx(15).margin(2));
}

TEST_CASE("The latest speaker comes first, but an interjection moves nobody") {
  Talk talk(5, 3);
  talk.run(
      TimeDelta::seconds(1), [](SourceId id) { return id == 2 ? uint8_t{30} : uint8_t{127}; }, 3);
  CHECK(talk.ranking.latest()[0] == 2);
  talk.run(
      TimeDelta::seconds(1), [](SourceId) { return uint8_t{127}; }, 3);
  talk.run(
      TimeDelta::millis(200), [](SourceId id) { return id == 3 ? uint8_t{30} : uint8_t{127}; }, 3);
  CHECK(talk.ranking.latest()[0] == 2);
  talk.run(
      TimeDelta::millis(400), [](SourceId id) { return id == 3 ? uint8_t{30} : uint8_t{127}; }, 3);
  const auto latest = talk.ranking.latest();
  CHECK(std::vector<SourceId>(latest.begin(), latest.end()) == std::vector<SourceId>{3, 2, 1});
}

TEST_CASE("A muted source gives up its place and gets none until it is unmuted") {
  Talk talk(2, 3);
  talk.ranking.setMuted(1, true);
  CHECK(!has(talk.ranking.chosen(), 1));
  CHECK(talk.ranking.chosen().size() == 2);
  talk.ranking.onAudio(1, 10, true, talk.now);
  CHECK(!has(talk.ranking.chosen(), 1));
  talk.ranking.remove(2);
  talk.ranking.setMuted(1, false);
  CHECK(has(talk.ranking.chosen(), 1));
}

TEST_CASE("A source that leaves makes room") {
  Talk talk(2, 4);
  const SourceId first = talk.ranking.chosen()[0];
  talk.ranking.remove(first);
  CHECK(talk.ranking.chosen().size() == 2);
  CHECK(!has(talk.ranking.chosen(), first));
}
