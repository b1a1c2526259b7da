#include <array>
#include <catch2/catch.hpp>
#include <vector>

#include "media/base/Random.hpp"
#include "media/rtp/RtcpBye.hpp"
#include "media/rtp/RtcpKeyFrameRequest.hpp"
#include "media/rtp/RtcpNack.hpp"
#include "media/rtp/RtcpRemb.hpp"
#include "media/rtp/RtcpReport.hpp"
#include "media/rtp/RtcpSdes.hpp"
#include "media/rtp/TransportFeedback.hpp"

namespace {

using namespace sotto;
using namespace sotto::rtp;

RtcpPacketView only(base::ByteView bytes) {
  RtcpReader reader(bytes);
  const auto packet = reader.next();
  REQUIRE(packet);
  CHECK_FALSE(reader.next());
  CHECK_FALSE(reader.error());
  return *packet;
}

}  // namespace

TEST_CASE("Sender and receiver reports come back as they were written", "[rtcp]") {
  const SenderReport report{7, {0x1122334455667788}, 99, 1'000, 500'000};
  const std::array<ReportBlock, 2> blocks{
      {{1, 25, -3, 0x10002, 17, 0xABCD, 0x1234}, {2, 0, 0x7FFFFF, 5, 6, 0, 0}}};
  std::array<uint8_t, 256> out{};
  size_t size = writeSenderReport(report, blocks, out);
  REQUIRE(size == 28 + 48);
  const auto sender = parseSenderReport(only(base::ByteView(out).first(size)));
  REQUIRE(sender);
  CHECK(sender->report == report);
  REQUIRE(sender->blocks.count == 2);
  CHECK(sender->blocks.blocks[0] == blocks[0]);
  CHECK(sender->blocks.blocks[1] == blocks[1]);

  size = writeReceiverReport(9, blocks, out);
  REQUIRE(size == 8 + 48);
  const auto receiver = parseReceiverReport(only(base::ByteView(out).first(size)));
  REQUIRE(receiver);
  CHECK(receiver->ssrc == 9);
  CHECK(receiver->blocks.blocks[0] == blocks[0]);
  CHECK(writeReceiverReport(9, blocks, base::MutableByteView(out).first(55)) == 0);
}

TEST_CASE("The round trip time is arrival minus LSR minus DLSR", "[rtcp]") {
  const NtpTime sent = NtpTime::fromUnixMicros(1'700'000'000'000'000);
  ReportBlock block;
  CHECK_FALSE(roundTripTime(block, sent));
  block.lastSenderReport = sent.compact();
  block.delaySinceSenderReport = deltaToCompact(base::TimeDelta::millis(500));
  const NtpTime arrival = NtpTime::fromUnixMicros(1'700'000'000'000'000 + 580'000);
  CHECK(std::abs(roundTripTime(block, arrival)->us() - 80'000) < 50);
  CHECK(roundTripTime(block, sent) == base::TimeDelta::zero());
}

TEST_CASE("NTP times subtract to the microsecond, also backwards", "[rtcp]") {
  const NtpTime early = NtpTime::fromUnixMicros(1'700'000'000'999'999);
  const NtpTime late = NtpTime::fromUnixMicros(1'700'000'003'000'001);
  CHECK(std::abs((late - early).us() - 2'000'002) <= 1);
  CHECK(std::abs((early - late).us() + 2'000'002) <= 1);
}

TEST_CASE("SDES, BYE, PLI, FIR and REMB come back as they were written", "[rtcp]") {
  std::array<uint8_t, 300> out{};
  for (const std::string cname : {"", "a", "ab", "abc", "abcd", "0123456789abcdef"}) {
    const size_t size = writeSdesCname(3, cname, out);
    REQUIRE(size % 4 == 0);
    const auto sdes = parseSdesCname(only(base::ByteView(out).first(size)));
    REQUIRE(sdes);
    CHECK(sdes->ssrc == 3);
    CHECK(sdes->text == cname);
  }
  const std::array<uint32_t, 3> leaving{1, 2, 0xFFFFFFFF};
  size_t size = writeBye(leaving, out);
  const auto bye = parseBye(only(base::ByteView(out).first(size)));
  REQUIRE(bye);
  CHECK(bye->count == 3);
  CHECK(bye->ssrcs[2] == 0xFFFFFFFF);

  size = writePli({1, 2}, out);
  auto packet = only(base::ByteView(out).first(size));
  CHECK(packet.isFeedback(RtcpType::PayloadFeedback, fmtPli));
  CHECK(*parsePli(packet) == Pli{1, 2});

  size = writeFir(1, 2, 77, out);
  packet = only(base::ByteView(out).first(size));
  CHECK(packet.isFeedback(RtcpType::PayloadFeedback, fmtFir));
  int entries = 0;
  FirView::parse(packet)->forEach([&](uint32_t ssrc, uint8_t sequence) {
    ++entries;
    CHECK(ssrc == 2);
    CHECK(sequence == 77);
  });
  CHECK(entries == 1);

  Remb remb;
  remb.senderSsrc = 5;
  remb.bitrate = base::DataRate::kilobitsPerSecond(2'500);
  remb.ssrcs = {8, 9};
  remb.ssrcCount = 2;
  size = writeRemb(remb, out);
  const auto read = parseRemb(only(base::ByteView(out).first(size)));
  REQUIRE(read);
  CHECK(read->ssrcCount == 2);
  CHECK(read->ssrcs[1] == 9);
  CHECK(read->bitrate <= remb.bitrate);
  CHECK(read->bitrate.bps() > 2'499'980);
}

TEST_CASE("A REMB of the largest exponent is a large rate, not an overflow", "[rtcp]") {
  std::vector<uint8_t> bytes{0x8F, 206, 0,   4,   0,   0,   0, 1,    0,    0,
                             0,    0,   'R', 'E', 'M', 'B', 0, 0xFF, 0xFF, 0xFF};
  const auto remb = parseRemb(only(bytes));
  REQUIRE(remb);
  CHECK(remb->bitrate == base::DataRate::infinite());
  bytes[16] = 1;  // one SSRC that is not there
  CHECK(parseRemb(only(bytes)).error() == ParseError::Truncated);
}

TEST_CASE("A NACK names exactly the packets that it was written for", "[rtcp]") {
  const uint64_t seed = GENERATE(1U, 2U, 3U, 4U);
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  for (int round = 0; round < 300; ++round) {
    std::vector<uint16_t> lost;
    uint16_t sequence = static_cast<uint16_t>(random.u32());
    const size_t count = 1 + random.u32() % 40;
    for (size_t i = 0; i < count; ++i) {
      lost.push_back(sequence);
      sequence = static_cast<uint16_t>(sequence + 1 + random.u32() % 20);
    }
    std::array<uint8_t, 512> out{};
    const size_t size = writeNack(1, 2, lost, out);
    REQUIRE(size > 0);
    const auto packet = only(base::ByteView(out).first(size));
    CHECK(packet.isFeedback(RtcpType::TransportFeedback, fmtNack));
    const auto nack = NackView::parse(packet);
    REQUIRE(nack);
    CHECK(nack->senderSsrc == 1);
    CHECK(nack->mediaSsrc == 2);
    std::vector<uint16_t> named;
    nack->forEach([&](uint16_t lostSequence) { named.push_back(lostSequence); });
    REQUIRE(named == lost);
  }
  std::array<uint8_t, 16> tooSmall{};
  CHECK(writeNack(1, 2, {}, tooSmall) == 0);
  CHECK(writeNack(1, 2, std::vector<uint16_t>{1, 100}, tooSmall) == 0);
}

TEST_CASE("A compound is walked to its end, or to the first malformed packet", "[rtcp]") {
  std::vector<uint8_t> compound(200);
  const size_t first = writeReceiverReport(1, {}, compound);
  const size_t second = writePli({1, 2}, base::MutableByteView(compound).subspan(first));
  compound.resize(first + second);
  RtcpReader good(compound);
  CHECK(good.next()->is(RtcpType::ReceiverReport));
  CHECK(good.next()->is(RtcpType::PayloadFeedback));
  CHECK_FALSE(good.next());
  CHECK_FALSE(good.error());

  compound.resize(compound.size() - 1);
  RtcpReader cut(compound);
  CHECK(cut.next());
  CHECK_FALSE(cut.next());
  CHECK(cut.error() == ParseError::BadLength);

  const std::vector<uint8_t> foreign{0x40, 200, 0, 0};
  RtcpReader version(foreign);
  CHECK_FALSE(version.next());
  CHECK(version.error() == ParseError::Version);

  const std::vector<uint8_t> padded{0xA0, 201, 0, 1, 0, 0, 0, 5};
  RtcpReader padding(padded);
  CHECK_FALSE(padding.next());
  CHECK(padding.error() == ParseError::BadPadding);
}

TEST_CASE("Reports that announce more blocks than they carry are refused", "[rtcp]") {
  std::array<uint8_t, 64> out{};
  const size_t size = writeReceiverReport(1, {}, out);
  out[0] |= 2;
  CHECK(parseReceiverReport(only(base::ByteView(out).first(size))).error() == ParseError::Truncated);
}

TEST_CASE("Random RTCP never reads out of bounds", "[rtcp]") {
  const uint64_t seed = GENERATE(21U, 22U);
  INFO("seed " << seed);
  base::SeededRandom random(seed);
  for (int round = 0; round < 30'000; ++round) {
    std::vector<uint8_t> bytes(4 * (1 + random.u32() % 16));
    random.fill(bytes);
    bytes[0] = static_cast<uint8_t>(0x80 | (bytes[0] & 0x3F));
    bytes[1] = static_cast<uint8_t>(200 + bytes[1] % 8);
    base::storeU16(&bytes[2], static_cast<uint16_t>(bytes.size() / 4 - 1));
    RtcpReader reader(bytes);
    const auto packet = reader.next();
    if (!packet) continue;
    parseSenderReport(*packet);
    parseReceiverReport(*packet);
    parseSdesCname(*packet);
    parseBye(*packet);
    parsePli(*packet);
    parseRemb(*packet);
    unsigned visits = 0;
    if (const auto nack = NackView::parse(*packet)) nack->forEach([&](uint16_t) { ++visits; });
    if (const auto fir = FirView::parse(*packet)) fir->forEach([&](uint32_t, uint8_t) { ++visits; });
    CHECK(visits <= 17 * bytes.size());
    if (const auto feedback = TransportFeedbackView::parse(*packet)) {
      unsigned statuses = 0;
      feedback->forEach([&](const TransportFeedbackView::Status&) { ++statuses; });
      CHECK(statuses == feedback->statusCount);
    }
  }
}
