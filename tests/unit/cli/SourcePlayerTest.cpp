// Playing sources: each frame when it is due, and nothing that builds upon a frame that was lost.
#include <catch2/catch.hpp>

#include "client/native/cli/SourcePlayer.hpp"
#include "client/native/mediafile/SyntheticSource.hpp"

namespace sotto::client::cli {
namespace {

using base::TimeDelta;
using base::Timestamp;
using call::SendResult;
using call::TrackSource;

struct Sent {
  TrackSource source;
  size_t layer;
  bool keyFrame;
  Timestamp captured;
};

struct Harness {
  Harness()
      : player([this](const call::OutgoingFrame& frame) {
          if (result == SendResult::Sent) {
            sent.push_back({frame.source, frame.layer, frame.keyFrame, frame.captureTime});
          }
          return result;
        }) {
    player.add(TrackSource::Camera, mediafile::makeSyntheticVideo({}));
    player.add(TrackSource::Microphone, mediafile::makeSyntheticAudio(1));
  }
  void playUntil(Timestamp end) {
    while (player.nextDue() <= end) {
      now = player.nextDue();
      player.play(now, now.us());
    }
  }
  SendResult result = SendResult::Sent;
  std::vector<Sent> sent;
  SourcePlayer player;
  Timestamp now;
};

}  // namespace

TEST_CASE("Nothing is due before the start; then every frame goes out at its time") {
  Harness harness;
  CHECK(harness.player.nextDue() == Timestamp::plusInfinity());
  harness.player.start(Timestamp::millis(1'000));
  CHECK(harness.player.nextDue() == Timestamp::millis(1'000));
  harness.playUntil(Timestamp::millis(1'999));
  size_t video = 0, audio = 0;
  for (const Sent& frame : harness.sent) {
    (frame.source == TrackSource::Camera ? video : audio) += 1;
    CHECK(frame.captured >= Timestamp::millis(1'000));
    CHECK(frame.captured < Timestamp::millis(2'000));
  }
  CHECK(video == 90);
  CHECK(audio == 50);
}

TEST_CASE("After frames were lost nothing follows until a key frame, which is asked for on connecting") {
  Harness harness;
  harness.player.start(Timestamp::millis(0));
  harness.playUntil(Timestamp::millis(500));
  harness.sent.clear();
  harness.result = SendResult::NotConnected;
  harness.playUntil(Timestamp::millis(1'000));
  harness.result = SendResult::Sent;
  harness.playUntil(Timestamp::millis(1'200));
  for (const Sent& frame : harness.sent) CHECK(frame.source == TrackSource::Microphone);
  harness.player.onConnected();
  harness.sent.clear();
  harness.playUntil(Timestamp::millis(1'300));
  std::vector<bool> seen(3, false);
  for (const Sent& frame : harness.sent) {
    if (frame.source != TrackSource::Camera) continue;
    if (!seen[frame.layer]) CHECK(frame.keyFrame);
    seen[frame.layer] = true;
  }
  CHECK(seen == std::vector<bool>(3, true));
  const auto& unsent = harness.player.unsent().at(TrackSource::Camera);
  CHECK(unsent.at("not connected") == 3);
  CHECK(unsent.at("waiting for a key frame") > 30);
}

TEST_CASE("A receiver's wish for a key frame reaches the source") {
  Harness harness;
  harness.player.start(Timestamp::millis(0));
  harness.playUntil(Timestamp::millis(300));
  harness.sent.clear();
  harness.player.onKeyFrameWanted(TrackSource::Camera, 2);
  harness.playUntil(Timestamp::millis(334));
  size_t keyFrames = 0;
  for (const Sent& frame : harness.sent) {
    if (!frame.keyFrame) continue;
    ++keyFrames;
    CHECK(frame.layer == 2);
  }
  CHECK(keyFrames == 1);
}

TEST_CASE("A machine that slept does not send all that it missed at once") {
  Harness harness;
  harness.player.start(Timestamp::millis(0));
  harness.playUntil(Timestamp::millis(100));
  harness.sent.clear();
  harness.player.play(Timestamp::millis(60'000), 0);
  CHECK(harness.sent.size() < 10);
  CHECK(harness.player.nextDue() > Timestamp::millis(60'000));
}

}  // namespace sotto::client::cli
