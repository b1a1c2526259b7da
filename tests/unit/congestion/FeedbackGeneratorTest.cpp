#include "media/congestion/FeedbackGenerator.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <set>
#include <vector>

#include "media/rtp/RtcpPacket.hpp"

using namespace sotto;
using base::TimeDelta;
using base::Timestamp;
using congestion::FeedbackGenerator;

namespace {

struct Run {
  std::vector<Timestamp> sent;
  std::set<uint16_t> reported;
};

/// Packets every `spacing`, feedback whenever it is due.
Run play(FeedbackGenerator& generator, TimeDelta duration, TimeDelta spacing, size_t size) {
  Run run;
  Timestamp now = Timestamp::millis(1'000);
  const Timestamp end = now + duration;
  Timestamp nextPacket = now;
  uint16_t sequence = 65'500;
  std::array<uint8_t, 1'200> buffer;
  for (; now < end; now = now + TimeDelta::millis(1)) {
    while (nextPacket <= now) {
      generator.onPacket(sequence++, 7, size, nextPacket, nextPacket);
      nextPacket = nextPacket + spacing;
    }
    if (generator.nextDeadline() > now) continue;
    while (const size_t written = generator.write(1, now, buffer)) {
      run.sent.push_back(now);
      rtp::RtcpReader reader(base::ByteView(buffer).first(written));
      const auto packet = reader.next();
      REQUIRE(packet);
      const auto view = rtp::TransportFeedbackView::parse(*packet);
      REQUIRE(view);
      CHECK(view->senderSsrc == 1);
      CHECK(view->mediaSsrc == 7);
      view->forEach([&](const auto& status) {
        if (status.received) run.reported.insert(status.sequence);
      });
    }
  }
  return run;
}

}  // namespace

TEST_CASE("Feedback comes every 50 to 100 ms and names every packet once") {
  FeedbackGenerator generator;
  const Run run = play(generator, TimeDelta::seconds(8), TimeDelta::millis(10), 100);
  REQUIRE(run.sent.size() > 60);
  for (size_t i = 1; i < run.sent.size(); ++i) {
    CHECK((run.sent[i] - run.sent[i - 1]).ms() >= 49);
    CHECK((run.sent[i] - run.sent[i - 1]).ms() <= 101);
  }
  CHECK(run.reported.size() >= 785);
}

TEST_CASE("The first feedback is out within 50 ms of the first packet") {
  FeedbackGenerator generator;
  const Run run = play(generator, TimeDelta::millis(60), TimeDelta::millis(5), 1'000);
  REQUIRE(!run.sent.empty());
  CHECK((run.sent.front() - Timestamp::millis(1'000)).ms() <= 50);
}

TEST_CASE("Feedback is faster at the start, and slower when the rate is small") {
  FeedbackGenerator generator;
  const Run run = play(generator, TimeDelta::seconds(10), TimeDelta::millis(20), 60);
  const auto early = std::count_if(run.sent.begin(), run.sent.end(),
                                   [](Timestamp at) { return at < Timestamp::millis(2'000); });
  const auto late = std::count_if(run.sent.begin(), run.sent.end(),
                                  [](Timestamp at) { return at >= Timestamp::millis(10'000); });
  CHECK(early >= 15);
  CHECK(late <= 11);
}

TEST_CASE("A burst of packets is reported at once") {
  FeedbackGenerator generator;
  std::array<uint8_t, 1'200> buffer;
  const Timestamp now = Timestamp::millis(1'000);
  generator.onPacket(1, 7, 100, now - TimeDelta::millis(500), now - TimeDelta::millis(500));
  while (generator.write(1, now, buffer) != 0) {
  }
  for (uint16_t i = 2; i < 2 + FeedbackGenerator::packetsAtOnce; ++i) generator.onPacket(i, 7, 100, now, now);
  CHECK(generator.nextDeadline() <= now);
  CHECK(generator.write(1, now, buffer) != 0);
}

TEST_CASE("Without packets there is nothing to report") {
  FeedbackGenerator generator;
  std::array<uint8_t, 1'200> buffer;
  CHECK(generator.nextDeadline() == Timestamp::plusInfinity());
  CHECK(generator.write(1, Timestamp::millis(5'000), buffer) == 0);
}

TEST_CASE("Feedback tells when packets arrived, not when they were read") {
  FeedbackGenerator generator;
  std::array<uint8_t, 1'200> buffer;
  const Timestamp read = Timestamp::millis(1'000);
  generator.onPacket(1, 7, 100, read - TimeDelta::millis(40), read);
  generator.onPacket(2, 7, 100, read - TimeDelta::millis(25), read);
  const Timestamp due = generator.nextDeadline();
  CHECK(due >= read);
  const size_t written = generator.write(1, due, buffer);
  rtp::RtcpReader reader(base::ByteView(buffer).first(written));
  const auto packet = reader.next();
  REQUIRE(packet);
  const auto view = rtp::TransportFeedbackView::parse(*packet);
  REQUIRE(view);
  std::vector<TimeDelta> arrivals;
  view->forEach([&](const auto& status) {
    if (status.arrival) arrivals.push_back(*status.arrival);
  });
  REQUIRE(arrivals.size() == 2);
  CHECK(arrivals[1] - arrivals[0] == TimeDelta::millis(15));
}
