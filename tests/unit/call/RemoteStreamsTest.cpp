#include "client/native/call/RemoteStreams.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "client/native/e2ee/ExternalKeyProvider.hpp"
#include "media/frame/FramePool.hpp"

namespace sotto::client::call {
namespace {

using base::TimeDelta;
using base::Timestamp;

/// A sender whose frames the tests put into slots by hand.
struct Sender {
  Sender(uint16_t number, const std::string& name, base::Random& random)
      : keys(e2ee::SecretBytes(base::ByteView(secret)), frame::Suite::Duo, random) {
    member.participant.id = "p_" + name;
    member.participant.name = name;
    member.participant.sender = number;
    member.participant.tracks = {{TrackSource::Camera, false}};
    member.keys = keys.joined(number, {}, Timestamp::millis(0));
  }
  std::vector<uint8_t> seal(const std::vector<uint8_t>& plain, bool keyFrame = true) {
    frame::FrameMetadata fields;
    fields.video = true;
    fields.keyFrame = keyFrame;
    if (keyFrame) fields.width = 640, fields.height = 360;
    std::vector<uint8_t> sealed;
    REQUIRE(keys.sealer().seal(plain, fields, sealed));
    return sealed;
  }
  std::vector<uint8_t> secret = std::vector<uint8_t>(32, 9);
  e2ee::ExternalKeyProvider keys;
  Member member;
};

class Bench : public CallObserver {
 public:
  Bench() { streams.setRoster({alice.member, bob.member}, now); }

  void onRemoteFrame(const RemoteFrame& frame) override {
    opened.push_back(frame.name + "/" + std::to_string(frame.data.size()));
    sources.push_back(frame.source);
  }
  void onOpenFailure(const std::string& participant, const std::string& reason) override {
    failures.push_back(participant + ": " + reason);
  }
  void put(const std::string& mid, const std::vector<uint8_t>& bytes) {
    const frame::FrameRef frame = pool.acquire(bytes.size());
    std::copy(bytes.begin(), bytes.end(), frame->writablePayload().begin());
    frame->codec = frame::CodecType::Vp8;
    frame->received = now;
    if (const auto parsed = frame::parseFrameMetadata(bytes)) {
      frame->sealed = true;
      frame->metadata = parsed->metadata;
    }
    streams.onFrame({mid, *frame, 0, 90'000});
  }
  RemoteStreamStatistics of(const std::string& name) const {
    for (const RemoteStreamStatistics& each : streams.statistics()) {
      if (each.name == name) return each;
    }
    return {};
  }

  base::SeededRandom random{3};
  Sender alice{1, "Alice", random}, bob{2, "Bob", random};
  frame::FramePool pool;
  Timestamp now = Timestamp::millis(1'000);
  std::vector<std::string> opened, failures;
  std::vector<TrackSource> sources;
  e2ee::ExternalKeyProvider keys{e2ee::SecretBytes(base::ByteView(alice.secret)), frame::Suite::Duo, random};
  RemoteStreams streams{&keys, *this};
};

const std::vector<uint8_t> plain(100, 5);

}  // namespace

TEST_CASE("Whose a frame is follows from its key, whatever the server says of the slot") {
  Bench bench;
  bench.streams.bind({"5", "p_Bob", TrackSource::Camera});
  bench.put("5", bench.alice.seal(plain));
  CHECK(bench.opened == std::vector<std::string>{"Alice/100"});
}

TEST_CASE("A frame that is not sealed is not taken for one, nor is a tampered or a foreign one") {
  Bench bench;
  bench.streams.bind({"5", "p_Alice", TrackSource::Camera});
  SECTION("plain") {
    bench.put("5", plain);
    CHECK(bench.failures.size() == 1);
  }
  SECTION("tampered") {
    std::vector<uint8_t> sealed = bench.alice.seal(plain);
    sealed[3] ^= 1;
    bench.put("5", sealed);
    CHECK(bench.of("Alice").failed.size() == 1);
  }
  SECTION("of nobody in the room") {
    Sender mallory(9, "Mallory", bench.random);
    bench.put("5", mallory.seal(plain));
    CHECK(bench.streams.unknownSender() == 1);
  }
  SECTION("under another's number") {
    Sender mallory(1, "Mallory", bench.random);  // another salt, so another key
    bench.put("5", mallory.seal(plain));
    CHECK(bench.of("Alice").failed.size() == 1);
  }
  CHECK(bench.opened.empty());
}

TEST_CASE("A failure is told once until the stream is well again") {
  Bench bench;
  std::vector<uint8_t> bad = bench.alice.seal(plain);
  bad[3] ^= 1;
  bench.put("5", bad);
  bench.put("5", bad);
  CHECK(bench.failures.size() == 1);
  bench.put("5", bench.alice.seal(plain));
  bench.put("5", bad);
  CHECK(bench.failures.size() == 2);
}

TEST_CASE("A duplicate is dropped without a word") {
  Bench bench;
  const std::vector<uint8_t> sealed = bench.alice.seal(plain);
  bench.put("5", sealed);
  bench.put("5", sealed);
  CHECK(bench.opened.size() == 1);
  CHECK(bench.of("Alice").duplicates == 1);
  CHECK(bench.failures.empty());
}

TEST_CASE("Who has left is forgotten with his key") {
  Bench bench;
  const std::vector<uint8_t> sealed = bench.alice.seal(plain);
  bench.streams.remove("p_Alice", bench.now);
  bench.put("5", sealed);
  CHECK(bench.opened.empty());
  CHECK(bench.streams.unknownSender() == 1);
  CHECK(bench.streams.roster().size() == 1);
}

TEST_CASE("What was asked for in a slot tells the source until the server says") {
  Bench bench;
  control::SlotWish wish;
  wish.mid = "5";
  wish.mode = control::SlotWish::Mode::Participant;
  wish.participant = "p_Alice";
  wish.source = TrackSource::Screen;
  bench.streams.setWishes(std::vector{wish});
  bench.put("5", bench.alice.seal(plain));
  bench.streams.bind({"5", "p_Alice", TrackSource::Camera});
  bench.put("5", bench.alice.seal(plain));
  CHECK(bench.sources == std::vector{TrackSource::Screen, TrackSource::Camera});
}

TEST_CASE("Gaps count while a stream plays, over a media restart too, and not while nobody wants it") {
  Bench bench;
  const auto frameAfter = [&](TimeDelta gap) {
    bench.now = bench.now + gap;
    bench.put("5", bench.alice.seal(plain));
  };
  bench.streams.bind({"5", "p_Alice", TrackSource::Camera});
  frameAfter(TimeDelta::millis(50));
  frameAfter(TimeDelta::millis(70));
  CHECK(bench.of("Alice").longestGap.ms() == 70);
  SECTION("another plays in the slot meanwhile") {
    bench.streams.bind({"5", "p_Bob", TrackSource::Camera});
    bench.streams.bind({"5", "p_Alice", TrackSource::Camera});
    frameAfter(TimeDelta::seconds(5));
    CHECK(bench.of("Alice").longestGap.ms() == 70);
  }
  SECTION("the media connection is replaced") {
    bench.streams.clearSlots();
    bench.streams.bind({"5", "p_Alice", TrackSource::Camera});
    frameAfter(TimeDelta::seconds(2));
    CHECK(bench.of("Alice").longestGap.ms() == 2'000);
  }
  SECTION("the track is muted meanwhile") {
    Member muted = bench.alice.member;
    muted.participant.tracks[0].muted = true;
    bench.streams.upsert(muted, bench.now);
    frameAfter(TimeDelta::seconds(5));
    CHECK(bench.of("Alice").longestGap.ms() == 70);
  }
}

TEST_CASE("The layer over time is kept") {
  Bench bench;
  bench.put("5", bench.alice.seal(plain));
  bench.put("5", bench.alice.seal(plain, false));
  bench.put("5", bench.alice.seal(plain));
  REQUIRE(bench.of("Alice").layers.size() == 1);
  CHECK(bench.of("Alice").layers[0].height == 360);
  CHECK(bench.of("Alice").keyFrames == 2);
}

}  // namespace sotto::client::call
