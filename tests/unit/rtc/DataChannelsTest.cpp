#include "client/native/rtc/DataChannels.hpp"

#include <catch2/catch.hpp>
#include <deque>

#include "client/native/rtc/Negotiation.hpp"
#include "signaling/Sdp.hpp"

namespace sotto::client::rtc {
namespace {

using base::TimeDelta;
using base::Timestamp;
using Bytes = std::vector<uint8_t>;

/// The server's end, scripted by the test.
class Server final : public sctp::AssociationListener {
 public:
  std::map<std::string, uint16_t> channels;  ///< by label
  std::vector<sctp::ChannelParameters> opened;
  std::vector<Bytes> messages;
  std::unique_ptr<sctp::SctpAssociation> association;

  void onChannelOpen(uint16_t stream, const sctp::ChannelParameters& channel) override {
    channels[channel.label] = stream;
    opened.push_back(channel);
  }
  void onChannelClosed(uint16_t /*stream*/) override {}
  void onChannelMessage(uint16_t /*stream*/, base::ByteView data, bool binary) override {
    CHECK(binary);
    messages.emplace_back(data.begin(), data.end());
  }
  void onAssociationLost(const std::string& /*reason*/) override {}
};

struct Link final : DataChannelsObserver {
  Link() {
    server.association = std::make_unique<sctp::SctpAssociation>(
        sctp::AssociationParameters{}, [this](base::ByteView p) { down.emplace_back(p.begin(), p.end()); },
        server, now);
    client = std::make_unique<DataChannels>(
        control::DataTransport{}, [this](base::ByteView p) { up.emplace_back(p.begin(), p.end()); }, *this,
        now);
  }
  void onDataChannel(bool open) override { states.push_back(open); }
  void onData(const ReceivedData& data) override {
    received.push_back({data.origin, data.kind, data.lossy, {}});
    payloads.emplace_back(data.payload.begin(), data.payload.end());
  }
  void run(TimeDelta duration) {
    for (const Timestamp end = now + duration; now < end; now = now + TimeDelta::millis(1)) {
      for (const Bytes& packet : std::exchange(up, {})) server.association->onPacket(packet, now);
      for (const Bytes& packet : std::exchange(down, {})) client->onPacket(packet, now);
      server.association->onTime(now);
      client->onTime(now);
    }
  }
  void fromServer(const std::string& label, const Bytes& message) {
    REQUIRE(server.association->send(server.channels.at(label), message, true, now) ==
            sctp::SendOutcome::Sent);
  }

  Timestamp now = Timestamp::millis(1'000);
  std::vector<Bytes> up, down;
  Server server;
  std::vector<bool> states;
  std::vector<ReceivedData> received;
  std::vector<Bytes> payloads;
  std::unique_ptr<DataChannels> client;
};

}  // namespace

TEST_CASE("The client opens a reliable and a lossy channel", "[data]") {
  Link link;
  CHECK(link.client->send(0, DataKind::Data, false, Bytes{1}, link.now) == DataSendResult::NotConnected);
  link.run(TimeDelta::millis(100));
  REQUIRE(link.server.opened.size() == 2);
  CHECK(link.states == std::vector<bool>{true});
  CHECK(link.server.channels.at("sotto") % 2 == 0);
  CHECK(link.server.channels.at("sotto-lossy") % 2 == 0);
  const auto& reliable =
      link.server.opened[0].label == "sotto" ? link.server.opened[0] : link.server.opened[1];
  const auto& lossy = link.server.opened[0].label == "sotto" ? link.server.opened[1] : link.server.opened[0];
  CHECK((reliable.ordered && reliable.reliable()));
  CHECK((!lossy.ordered && lossy.maxRetransmits == uint16_t{0}));
}

TEST_CASE("Messages carry their header in both directions", "[data]") {
  Link link;
  link.run(TimeDelta::millis(100));
  CHECK(link.client->send(7, DataKind::Key, false, Bytes{1, 2}, link.now) == DataSendResult::Sent);
  CHECK(link.client->send(0, DataKind::Data, true, Bytes{3}, link.now) == DataSendResult::Sent);
  link.run(TimeDelta::millis(50));
  CHECK(link.server.messages == std::vector<Bytes>{{1, 1, 0, 7, 1, 2}, {1, 0, 0, 0, 3}});
  link.fromServer("sotto", {1, 1, 0, 9, 0xAA});
  link.fromServer("sotto-lossy", {1, 0, 1, 2});
  link.fromServer("sotto", {1, 0, 0, 0, 0xBB});  // an origin that cannot be
  link.fromServer("sotto", {3, 0, 0, 9, 0xBB});  // of another version
  link.run(TimeDelta::millis(50));
  REQUIRE(link.received.size() == 2);
  CHECK(link.received[0].origin == 9);
  CHECK(link.received[0].kind == DataKind::Key);
  CHECK_FALSE(link.received[0].lossy);
  CHECK(link.payloads[0] == Bytes{0xAA});
  CHECK(link.received[1].origin == 0x0102);
  CHECK(link.received[1].lossy);
  CHECK(link.payloads[1].empty());
}

TEST_CASE("The longest messages pass and longer ones are refused", "[data]") {
  Link link;
  link.run(TimeDelta::millis(100));
  CHECK(link.client->send(0, DataKind::Data, false, Bytes(65'532), link.now) == DataSendResult::Sent);
  CHECK(link.client->send(0, DataKind::Data, false, Bytes(65'533), link.now) == DataSendResult::TooLarge);
  CHECK(link.client->send(0, DataKind::Data, true, Bytes(1'196), link.now) == DataSendResult::Sent);
  CHECK(link.client->send(0, DataKind::Data, true, Bytes(1'197), link.now) == DataSendResult::TooLarge);
  link.run(TimeDelta::seconds(1));
  CHECK(link.server.messages.size() == 2);
}

TEST_CASE("A client that cannot get rid of its messages is told so", "[data]") {
  Link link;
  link.run(TimeDelta::millis(100));
  link.server.association->pauseReading();
  int sent = 0;
  while (link.client->send(0, DataKind::Data, false, Bytes(60'000), link.now) == DataSendResult::Sent) ++sent;
  CHECK(sent > 15);
  CHECK(sent < 25);
  CHECK(link.client->waitingBytes() > 900'000);
}

TEST_CASE("A channel that the server resets opens again by itself", "[data]") {
  Link link;
  link.run(TimeDelta::millis(100));
  link.server.association->close(link.server.channels.at("sotto"), link.now);
  link.run(TimeDelta::seconds(2));
  CHECK(link.states == std::vector<bool>{true, false, true});
  CHECK(link.client->send(0, DataKind::Data, false, Bytes{5}, link.now) == DataSendResult::Sent);
  link.run(TimeDelta::millis(50));
  CHECK(link.server.messages == std::vector<Bytes>{{1, 0, 0, 0, 5}});
}

TEST_CASE("A lost association is told once", "[data]") {
  Link link;
  link.run(TimeDelta::millis(100));
  link.server.association->abort(link.now);
  link.run(TimeDelta::millis(50));
  CHECK(link.states == std::vector<bool>{true, false});
  CHECK(link.client->send(0, DataKind::Data, false, Bytes{5}, link.now) == DataSendResult::NotConnected);
  CHECK(link.client->send(0, DataKind::Data, true, Bytes{5}, link.now) == DataSendResult::NotConnected);
}

TEST_CASE("The offer of data channels is as browsers write it, and the answer to it is read", "[data]") {
  OfferSettings settings{"123", 1, "ufrag", "password-of-24-characters", "AB:CD"};
  MediaLine line;
  line.mid = "0";
  line.role = MediaLine::Role::Data;
  const std::vector<MediaLine> lines{line};
  const std::string offer = writeOffer(settings, lines);
  CHECK(offer.find("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n") != std::string::npos);
  CHECK(offer.find("a=sctp-port:5000\r\n") != std::string::npos);
  CHECK(offer.find("a=max-message-size:65536\r\n") != std::string::npos);
  CHECK(offer.find("rtcp-mux") == std::string::npos);

  auto answer = *signaling::sdp::parse(offer);
  answer.media[0].setup = "passive";
  answer.media[0].candidates = {"1 1 udp 1 127.0.0.1 4000 typ host"};
  answer.media[0].sctpPort = 5002;
  answer.media[0].maxMessageSize = 1'000;
  const auto read = readAnswer(signaling::sdp::write(answer), lines);
  REQUIRE(read);
  CHECK(read->lines[0].data == control::DataTransport{5002, 1'000});
  answer.media[0].sctpPort.reset();
  CHECK_FALSE(readAnswer(signaling::sdp::write(answer), lines));
}

}  // namespace sotto::client::rtc
