#include "media/rtp/TransportFeedback.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "media/base/Random.hpp"
#include "media/base/Sequence.hpp"

namespace {

using namespace sotto;
using namespace sotto::rtp;
using nlohmann::json;

std::vector<uint8_t> fromHex(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

tl::expected<TransportFeedbackView, ParseError> parse(base::ByteView bytes) {
  RtcpReader reader(bytes);
  const auto packet = reader.next();
  REQUIRE(packet);
  return TransportFeedbackView::parse(*packet);
}

}  // namespace

TEST_CASE("Every transport-wide feedback of the known answers is read as they say", "[rtcp]") {
  std::ifstream in(std::string(SOTTO_TEST_DATA) + "/twcc-rtcp.json");
  REQUIRE(in);
  const json file = json::parse(in);
  int entries = 0;
  for (const json& entry : file.at("vectors")) {
    ++entries;
    INFO(entry.at("name"));
    const auto bytes = fromHex(entry.at("packet"));
    const auto view = parse(bytes);
    if (!entry.at("error").is_null()) {
      CHECK_FALSE(view);
      continue;
    }
    REQUIRE(view);
    CHECK(view->senderSsrc == entry.at("sender_ssrc"));
    CHECK(view->mediaSsrc == entry.at("media_ssrc"));
    CHECK(view->baseSequence == entry.at("base_sequence"));
    CHECK(view->statusCount == entry.at("packet_status_count"));
    CHECK((view->referenceTime & 0xFFFFFF) == entry.at("reference_time_64ms"));
    CHECK(view->feedbackCount == entry.at("feedback_packet_count"));
    std::vector<bool> received;
    std::vector<int64_t> deltas;
    base::TimeDelta last = base::TimeDelta::millis(64 * view->referenceTime);
    uint16_t expected = view->baseSequence;
    view->forEach([&](const TransportFeedbackView::Status& status) {
      CHECK(status.sequence == expected++);
      received.push_back(status.received);
      if (!status.arrival) return;
      deltas.push_back((*status.arrival - last).us());
      last = *status.arrival;
    });
    const auto statuses = entry.at("statuses").get<std::vector<int>>();
    REQUIRE(received.size() == statuses.size());
    for (size_t i = 0; i < statuses.size(); ++i) CHECK(received[i] == (statuses[i] != 0));
    CHECK(deltas == entry.at("deltas_us").get<std::vector<int64_t>>());
  }
  CHECK(entries == 9);
}

TEST_CASE("Arrivals with loss, reordering and jumps come through feedback to a quarter of a millisecond",
          "[rtcp]") {
  const uint64_t seed = GENERATE(1U, 2U, 3U, 4U, 5U, 6U);
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  TransportFeedbackBuilder builder;
  std::map<int64_t, base::Timestamp> arrived;
  base::SequenceUnwrapper unwrapper;
  std::map<int64_t, base::TimeDelta> reported;
  int64_t sequence = 65'536 + 65'000;  // wraps soon
  base::Timestamp now = base::Timestamp::millis(1'000'000);
  unwrapper.unwrap(static_cast<uint16_t>(sequence - 1));
  int packets = 0;
  for (int interval = 0; interval < 200; ++interval) {
    const size_t burst = random.u32() % 60;
    for (size_t i = 0; i < burst; ++i) {
      now = now + base::TimeDelta::micros(random.u32() % (random.u32() % 50 == 0 ? 400'000 : 3'000));
      if (random.u32() % 10 != 0) {
        const base::Timestamp late = now + base::TimeDelta::micros(random.u32() % 20 == 0 ? 30'000 : 0);
        arrived[sequence] = late;
        builder.onPacket(sequence, late);
        if (random.u32() % 10 == 0) builder.onPacket(sequence, late);  // a duplicate
      }
      ++sequence;
    }
    while (!builder.empty()) {
      std::array<uint8_t, 1'200> out{};
      const size_t size = builder.write(1, 2, out);
      REQUIRE(size > 0);
      REQUIRE(size % 4 == 0);
      const auto view = parse(base::ByteView(out).first(size));
      REQUIRE(view);
      CHECK(view->feedbackCount == static_cast<uint8_t>(packets++));
      view->forEach([&](const TransportFeedbackView::Status& status) {
        const int64_t full = unwrapper.unwrap(status.sequence);
        if (!status.received) return;
        REQUIRE(status.arrival);
        CHECK(reported.emplace(full, *status.arrival).second);
      });
    }
  }
  REQUIRE(reported.size() == arrived.size());
  const base::TimeDelta wrap = base::TimeDelta::millis(int64_t{64} << 24);
  for (const auto& [number, time] : arrived) {
    const int64_t error = (time.us() - reported.at(number).us()) % wrap.us();
    CHECK(error >= 0);
    CHECK(error < 250);
  }
}

TEST_CASE("Packets between two feedbacks that never came are reported lost once", "[rtcp]") {
  TransportFeedbackBuilder builder;
  std::array<uint8_t, 1'200> out{};
  builder.onPacket(100, base::Timestamp::millis(10));
  REQUIRE(builder.write(1, 2, out) > 0);
  builder.onPacket(103, base::Timestamp::millis(20));
  size_t size = builder.write(1, 2, out);
  auto view = parse(base::ByteView(out).first(size));
  REQUIRE(view);
  CHECK(view->baseSequence == 101);
  CHECK(view->statusCount == 3);
  // One that was reported lost comes after all: alone, so that nothing else is said twice.
  builder.onPacket(102, base::Timestamp::millis(30));
  builder.onPacket(104, base::Timestamp::millis(31));
  size = builder.write(1, 2, out);
  view = parse(base::ByteView(out).first(size));
  REQUIRE(view);
  CHECK(view->baseSequence == 102);
  CHECK(view->statusCount == 1);
  size = builder.write(1, 2, out);
  view = parse(base::ByteView(out).first(size));
  REQUIRE(view);
  CHECK(view->baseSequence == 104);
  CHECK(builder.empty());
  CHECK(builder.write(1, 2, out) == 0);
}

TEST_CASE("A jump of the sequence does not make a feedback of a million losses", "[rtcp]") {
  TransportFeedbackBuilder builder;
  std::array<uint8_t, 1'200> out{};
  builder.onPacket(100, base::Timestamp::millis(10));
  REQUIRE(builder.write(1, 2, out) > 0);
  builder.onPacket(30'000, base::Timestamp::millis(20));
  const size_t size = builder.write(1, 2, out);
  const auto view = parse(base::ByteView(out).first(size));
  REQUIRE(view);
  CHECK(view->baseSequence == 30'000);
  CHECK(view->statusCount == 1);
}
