#include "media/forward/KeyFrameRequests.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "media/base/Random.hpp"

using namespace sotto;
using base::TimeDelta;
using base::Timestamp;
using forward::KeyFrameRequests;

TEST_CASE("A wish goes out at once, and again every half second until the key frame comes") {
  KeyFrameRequests requests;
  const Timestamp start = Timestamp::millis(10'000);
  std::vector<int64_t> sent;
  for (int ms = 0; ms < 3'000; ms += 10) {
    const Timestamp now = start + TimeDelta::millis(ms);
    if (ms == 1'700) requests.onKeyFrame(5);
    if (ms <= 1'600 && ms % 100 == 0) requests.want(5, now);
    while (requests.next(now) == 5) sent.push_back(ms);
  }
  CHECK(sent == std::vector<int64_t>{0, 500, 1'000, 1'500});
}

TEST_CASE("A hundred who wish at once make one request") {
  KeyFrameRequests requests;
  const Timestamp now = Timestamp::millis(10'000);
  for (int i = 0; i < 100; ++i) requests.want(5, now);
  CHECK(requests.next(now) == 5);
  CHECK(requests.next(now) == 0);
}

TEST_CASE("Whatever is wished for, a source gets two requests a second, and no layer starves") {
  const uint64_t seed = GENERATE(1u, 2u, 3u);
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  KeyFrameRequests requests;
  std::vector<Timestamp> sent;
  std::vector<int> counts(4);
  for (int ms = 0; ms < 20'000; ++ms) {
    const Timestamp now = Timestamp::millis(50'000 + ms);
    for (uint32_t ssrc = 1; ssrc <= 3; ++ssrc) {
      if (random.u32() % 50 == 0) requests.want(ssrc, now);
    }
    if (random.u32() % 100 == 0) requests.onKeyFrame(1 + random.u32() % 3);
    while (const uint32_t ssrc = requests.next(now)) {
      sent.push_back(now);
      ++counts[ssrc];
    }
  }
  REQUIRE(sent.size() > 30);
  for (size_t i = 0; i + 2 < sent.size(); ++i) CHECK((sent[i + 2] - sent[i]).ms() >= 1'000);
  for (uint32_t ssrc = 1; ssrc <= 3; ++ssrc) CHECK(counts[ssrc] >= 8);
}

TEST_CASE("A wish to know a layer's size leaves the last request to a picture that is waited for") {
  KeyFrameRequests requests;
  const Timestamp start = Timestamp::millis(10'000);
  const auto at = [&](int ms) { return start + TimeDelta::millis(ms); };
  requests.want(1, at(0));
  CHECK(requests.next(at(0)) == 1);
  requests.onKeyFrame(1);
  requests.want(2, at(100), KeyFrameRequests::Need::Knowledge);
  CHECK(requests.next(at(100)) == 0);
  requests.want(3, at(400));
  CHECK(requests.next(at(400)) == 3);
  requests.onKeyFrame(3);
  SECTION("it goes out when a second has passed without another") {
    requests.want(2, at(1'000), KeyFrameRequests::Need::Knowledge);
    CHECK(requests.next(at(1'399)) == 0);
    CHECK(requests.nextDeadline() == at(1'400));
    CHECK(requests.next(at(1'400)) == 2);
  }
  SECTION("it is not put off for ever") {
    int asked = -1;
    for (int ms = 410; ms < 6'000 && asked < 0; ms += 10) {
      requests.want(2, at(ms), KeyFrameRequests::Need::Knowledge);
      if (ms % 700 == 0) requests.want(1, at(ms));
      while (const uint32_t ssrc = requests.next(at(ms))) {
        if (ssrc == 2) asked = ms;
        requests.onKeyFrame(ssrc);
      }
    }
    CHECK(asked >= 2'000);
    CHECK(asked <= 4'100);
  }
  SECTION("who waits for the picture makes it one of his own") {
    requests.want(2, at(410));
    CHECK(requests.next(at(999)) == 0);
    CHECK(requests.next(at(1'000)) == 2);
  }
}

TEST_CASE("A request that was lost is repeated as soon as its key frame should have begun to come") {
  KeyFrameRequests requests;
  requests.setRoundTrip(TimeDelta::millis(60));
  const Timestamp start = Timestamp::millis(10'000);
  const auto at = [&](int ms) { return start + TimeDelta::millis(ms); };
  requests.want(5, at(0));
  CHECK(requests.next(at(0)) == 5);
  SECTION("nothing comes") {
    CHECK(requests.nextDeadline() == at(190));
    CHECK(requests.next(at(189)) == 0);
    CHECK(requests.next(at(190)) == 5);
    // Two within a second, whatever is lost.
    CHECK(requests.next(at(999)) == 0);
    CHECK(requests.next(at(1'000)) == 5);
  }
  SECTION("its first packets come: the others are repaired") {
    requests.onKeyFrameBegun(5, at(80));
    CHECK(requests.next(at(499)) == 0);
    CHECK(requests.next(at(500)) == 5);
  }
  SECTION("that of another layer comes") {
    requests.want(6, at(0));
    CHECK(requests.next(at(0)) == 6);
    requests.onKeyFrameBegun(6, at(80));
    requests.onKeyFrame(6);
    CHECK(requests.next(at(999)) == 0);
    CHECK(requests.next(at(1'000)) == 5);
  }
}

TEST_CASE("A wish that nobody repeats lapses") {
  KeyFrameRequests requests;
  const Timestamp start = Timestamp::millis(10'000);
  requests.want(5, start);
  CHECK(requests.next(start) == 5);
  CHECK(requests.next(start + TimeDelta::millis(600)) == 5);
  CHECK(requests.next(start + TimeDelta::millis(2'000)) == 0);
  CHECK(requests.nextDeadline() == Timestamp::plusInfinity());
}

TEST_CASE("More streams than places take the place of the one asked for longest ago") {
  KeyFrameRequests requests;
  Timestamp now = Timestamp::millis(10'000);
  for (uint32_t ssrc = 1; ssrc <= KeyFrameRequests::maxStreams + 5; ++ssrc) {
    requests.want(ssrc, now);
    now = now + TimeDelta::millis(1);
  }
  CHECK(requests.next(now) != 0);
}

TEST_CASE("A wish joins the request for another layer of a publisher that makes key frames of all at once") {
  KeyFrameRequests requests;
  const Timestamp start = Timestamp::millis(10'000);
  const auto at = [&](int ms) { return start + TimeDelta::millis(ms); };
  // At first nobody knows.
  requests.want(5, at(0));
  CHECK(requests.next(at(0)) == 5);
  requests.onKeyFrame(4);
  requests.onKeyFrame(5);
  requests.onKeyFrame(6);

  requests.want(5, at(2'000));
  CHECK(requests.next(at(2'000)) == 5);
  requests.want(6, at(2'010));
  CHECK(requests.next(at(2'010)) == 0);
  SECTION("the key frames come, and the second request of this second is still to be had") {
    requests.onKeyFrame(5);
    requests.onKeyFrame(6);
    CHECK(requests.next(at(2'300)) == 0);
    requests.want(4, at(2'400));
    CHECK(requests.next(at(2'400)) == 4);
  }
  SECTION("that of the layer does not come: it is asked for by itself, and others no longer join") {
    requests.onKeyFrame(5);
    CHECK(requests.nextDeadline() == at(2'250));
    CHECK(requests.next(at(2'249)) == 0);
    CHECK(requests.next(at(2'250)) == 6);
    requests.onKeyFrame(6);
    requests.want(4, at(4'000));
    CHECK(requests.next(at(4'000)) == 4);
    requests.want(5, at(4'010));
    CHECK(requests.next(at(4'010)) == 5);
  }
}
