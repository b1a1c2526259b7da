#include "media/rtp/HeaderExtensions.hpp"

#include <catch2/catch.hpp>
#include <vector>

using namespace sotto;
using namespace sotto::rtp;

TEST_CASE("An audio level carries its voice activity bit", "[rtp]") {
  CHECK(parseAudioLevel(encodeAudioLevel({30, true})) == AudioLevel{30, true});
  CHECK(parseAudioLevel(encodeAudioLevel({127, false})) == AudioLevel{127, false});
  CHECK(encodeAudioLevel({30, true})[0] == 0x9E);
  CHECK_FALSE(parseAudioLevel({}));
}

TEST_CASE("A transport-wide sequence number is two bytes", "[rtp]") {
  CHECK(parseTransportSequence(encodeTransportSequence(0xABCD)) == 0xABCD);
  CHECK_FALSE(parseTransportSequence(std::vector<uint8_t>{1}));
}

TEST_CASE("Absolute send time counts seconds with 18 fraction bits and wraps after 64 s", "[rtp]") {
  CHECK(parseAbsSendTime(encodeAbsSendTime(base::Timestamp::millis(1'500))) == (1U << 18) + (1U << 17));
  CHECK(parseAbsSendTime(encodeAbsSendTime(base::Timestamp::millis(65'000))) == 1U << 18);
  CHECK_FALSE(parseAbsSendTime(std::vector<uint8_t>{1, 2}));
}
