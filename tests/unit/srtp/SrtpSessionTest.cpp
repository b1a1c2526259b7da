// What must hold for every profile: replay, roll-over, tampering, many SSRCs, bad input.
#include <catch2/catch.hpp>

#include "SrtpTestSupport.hpp"
#include "media/srtp/ReplayWindow.hpp"

using namespace sotto::srtp;
using sotto::base::SeededRandom;

TEST_CASE("Random packets are opened as they were sealed, RTP and RTCP") {
  for (Profile profile : allProfiles) {
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      INFO("profile " << static_cast<int>(profile) << " seed " << seed);
      Pair pair(profile, seed);
      SeededRandom random(seed);
      for (uint16_t i = 0; i < 100; ++i) {
        const Bytes plain = randomRtp(random, 1 + i % 3, static_cast<uint16_t>(i / 3));
        const Bytes sealed = seal(*pair.sender, plain, random.u32() % 20);
        REQUIRE(sealed.size() == plain.size() + rtpOverhead(profile));
        REQUIRE(pair.open(sealed).value() == plain);
        const Bytes rtcp = randomRtcp(random, random.u32() % 3);
        const Bytes sealedRtcp = sealRtcp(*pair.sender, rtcp);
        REQUIRE(sealedRtcp.size() == rtcp.size() + rtcpOverhead(profile));
        REQUIRE(pair.openRtcp(sealedRtcp).value() == rtcp);
      }
    }
  }
}

TEST_CASE("A replayed packet is refused, a late one within the window is taken once") {
  for (Profile profile : allProfiles) {
    Pair pair(profile);
    std::vector<Bytes> sealed;
    for (uint16_t i = 0; i < 2000; ++i) sealed.push_back(seal(*pair.sender, simpleRtp(7, i, 20)));
    for (size_t i = 0; i < sealed.size(); i += 2) REQUIRE(pair.open(sealed[i]));
    CHECK(pair.open(sealed[1998]).error() == SrtpError::Replayed);
    CHECK(pair.open(sealed[1998 - 128]).error() == SrtpError::Replayed);
    CHECK(pair.open(sealed[1997 - 128]).has_value());
    CHECK(pair.open(sealed[1997 - 128]).error() == SrtpError::Replayed);
    CHECK(pair.open(sealed[1998 - ReplayWindow::size - 1]).error() == SrtpError::Replayed);

    const Bytes first = sealRtcp(*pair.sender, Bytes{0x80, 201, 0, 1, 0, 0, 0, 9});
    const Bytes second = sealRtcp(*pair.sender, Bytes{0x80, 201, 0, 1, 0, 0, 0, 9});
    CHECK(first != second);
    CHECK(pair.openRtcp(second));
    CHECK(pair.openRtcp(first));
    CHECK(pair.openRtcp(first).error() == SrtpError::Replayed);
    CHECK(pair.openRtcp(second).error() == SrtpError::Replayed);
  }
}

TEST_CASE("The roll-over counter survives loss and reordering around the wrap") {
  for (Profile profile : allProfiles) {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      INFO("profile " << static_cast<int>(profile) << " seed " << seed);
      Pair pair(profile, seed);
      SeededRandom random(seed);
      size_t delivered = 0;
      std::vector<std::pair<Bytes, Bytes>> held;  // (plain, sealed) to come late
      for (uint32_t index = 0xf000; index < 0x3'1000; index += 1 + random.u32() % 300) {
        const Bytes plain = simpleRtp(1, static_cast<uint16_t>(index), 10);
        Bytes sealed = seal(*pair.sender, plain);
        const uint32_t fate = random.u32() % 10;
        if (fate < 2) continue;
        if (fate < 4) {
          held.emplace_back(plain, std::move(sealed));
          continue;
        }
        REQUIRE(pair.open(sealed).value() == plain);
        ++delivered;
        // The last one held is close enough; older ones may lie behind the window.
        if (!held.empty()) {
          const auto late = pair.open(held.back().second);
          if (late) {
            REQUIRE(*late == held.back().first);
          } else {
            REQUIRE(late.error() == SrtpError::Replayed);
          }
          held.clear();
        }
      }
      CHECK(delivered > 300);
    }
  }
}

TEST_CASE("A retransmission of the very same packet is sealed identically") {
  for (Profile profile : allProfiles) {
    Pair pair(profile);
    const Bytes first = seal(*pair.sender, simpleRtp(5, 65530));
    for (uint32_t i = 65531; i < 65540; ++i) seal(*pair.sender, simpleRtp(5, static_cast<uint16_t>(i)));
    CHECK(seal(*pair.sender, simpleRtp(5, 65530)) == first);
    CHECK(pair.open(first).value() == simpleRtp(5, 65530));
    // Going back did not move the roll-over counter.
    CHECK(pair.open(seal(*pair.sender, simpleRtp(5, 10))).value() == simpleRtp(5, 10));
  }
}

TEST_CASE("A change of any byte is noticed and changes no state") {
  for (Profile profile : allProfiles) {
    SeededRandom random(11);
    Pair pair(profile);
    REQUIRE(pair.open(seal(*pair.sender, simpleRtp(1, 100))));
    Bytes plain = randomRtp(random, 1, 101);
    while (plain.size() < 200 || (plain[0] & 0x1f) < 0x11) plain = randomRtp(random, 1, 101);
    const Bytes sealed = seal(*pair.sender, plain);
    for (size_t at = 0; at < sealed.size(); ++at) {
      Bytes tampered = sealed;
      tampered[at] ^= static_cast<uint8_t>(1u << at % 8);
      if (pair.open(tampered)) FAIL("byte " << at << " profile " << static_cast<int>(profile));
    }
    CHECK(pair.open(sealed).value() == plain);

    const Bytes rtcp = randomRtcp(random, 1);
    const Bytes sealedRtcp = sealRtcp(*pair.sender, rtcp);
    for (size_t at = 0; at < sealedRtcp.size(); ++at) {
      Bytes tampered = sealedRtcp;
      tampered[at] ^= static_cast<uint8_t>(1u << at % 8);
      if (pair.openRtcp(tampered)) FAIL("RTCP byte " << at << " profile " << static_cast<int>(profile));
    }
    CHECK(pair.openRtcp(sealedRtcp).value() == rtcp);
  }
}

TEST_CASE("Truncated packets and other rubbish are refused") {
  for (Profile profile : allProfiles) {
    Pair pair(profile);
    SeededRandom random(12);
    const Bytes sealed = seal(*pair.sender, randomRtp(random, 1, 1));
    const Bytes sealedRtcp = sealRtcp(*pair.sender, randomRtcp(random, 1));
    for (size_t size = 0; size < sealed.size(); ++size) {
      CHECK_FALSE(pair.open(Bytes(sealed.begin(), sealed.begin() + static_cast<long>(size))));
    }
    for (size_t size = 0; size < sealedRtcp.size(); ++size) {
      CHECK_FALSE(pair.openRtcp(Bytes(sealedRtcp.begin(), sealedRtcp.begin() + static_cast<long>(size))));
    }
    for (int i = 0; i < 2000; ++i) {
      CHECK_FALSE(pair.open(randomBytes(random, random.u32() % 200)));
      CHECK_FALSE(pair.openRtcp(randomBytes(random, random.u32() % 200)));
    }
    CHECK(pair.open(sealed));
    CHECK(pair.openRtcp(sealedRtcp));
  }
}

TEST_CASE("Forgeries of many SSRCs leave room for authentic ones, and authentic ones are bounded") {
  for (Profile profile : allProfiles) {
    Pair pair(profile);
    for (uint32_t ssrc = 1000; ssrc < 2000; ++ssrc) {
      Bytes forged = simpleRtp(ssrc, 1);
      forged.resize(forged.size() + 16);
      CHECK(pair.open(forged).error() == SrtpError::Authentication);
    }
    for (uint32_t ssrc = 0; ssrc < maxReceivedSsrcs; ++ssrc) {
      REQUIRE(pair.open(seal(*pair.sender, simpleRtp(ssrc, 1))));
    }
    CHECK(pair.open(seal(*pair.sender, simpleRtp(5000, 1))).error() == SrtpError::TooManySsrcs);
    CHECK(pair.open(seal(*pair.sender, simpleRtp(0, 2))));
    CHECK(pair.open(seal(*pair.sender, simpleRtp(maxReceivedSsrcs - 1, 2))));
  }
}

TEST_CASE("A sender refuses what is no RTP header and buffers that are too small") {
  for (Profile profile : allProfiles) {
    Pair pair(profile);
    const Bytes header = simpleRtp(1, 1, 0), payload(50);
    Bytes out(12 + 50 + rtpOverhead(profile));
    CHECK(
        pair.sender->protectRtp(header, {}, payload, sotto::base::MutableByteView(out).first(out.size() - 1))
            .error() == SrtpError::NoRoom);
    CHECK(pair.sender->protectRtp(header, {}, payload, out).value() == out.size());
    CHECK(pair.sender->protectRtp(Bytes(11), {}, payload, out).error() == SrtpError::Malformed);
    Bytes lying = header;
    lying[0] |= 0x10;  // an extension that is not there
    CHECK(pair.sender->protectRtp(lying, {}, payload, out).error() == SrtpError::Malformed);
    CHECK(pair.sender->protectRtcp(Bytes(7), out).error() == SrtpError::Malformed);
    CHECK(pair.sender->protectRtcp(Bytes(64), out).error() == SrtpError::NoRoom);
  }
}

TEST_CASE("Packets under another key are refused") {
  for (Profile profile : allProfiles) {
    Pair ours(profile, 1), theirs(profile, 2);
    CHECK(ours.open(seal(*theirs.sender, simpleRtp(1, 1))).error() == SrtpError::Authentication);
    CHECK(ours.openRtcp(sealRtcp(*theirs.sender, Bytes{0x80, 201, 0, 1, 0, 0, 0, 9})).error() ==
          SrtpError::Authentication);
  }
}
