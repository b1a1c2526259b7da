#include "client/native/call/CallSession.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/unit/rtc/ServerPeer.hpp"

namespace sotto::client::call {
namespace {

using base::TimeDelta;
using base::Timestamp;
using Json = nlohmann::json;

/// A session with a scripted server: the test answers each request by hand.
class Bench : public SignalingSocket, public CallObserver {
 public:
  explicit Bench(bool sealed = true) : session(options(sealed), *this, out, random, *this) {}

  static CallOptions options(bool sealed) {
    CallOptions options;
    options.token = "token";
    if (sealed) options.roomSecret.assign(32, 7);
    options.microphone = true;
    options.audioSlots = 1;
    options.videoSlots = 2;
    options.rateCapBitsPerSecond = 900'000;
    return options;
  }

  void open() override { ++opened; }
  void send(std::string text) override { sent.push_back(Json::parse(text)); }
  void close() override { ++closed; }
  void onState(CallState state, const std::string& reason) override {
    states.push_back(state);
    lastReason = reason;
  }
  void onWarning(const std::string& message) override { warnings.push_back(message); }

  /// The request sent last, which must be of this type.
  Json last(const std::string& type) {
    REQUIRE_FALSE(sent.empty());
    REQUIRE(sent.back()["type"] == type);
    return sent.back();
  }
  void say(const Json& message) { session.onSocketMessage(message.dump(), now); }
  void refuse(const std::string& type, const std::string& code) {
    say({{"reply", last(type)["id"]}, {"ok", false}, {"error", {{"code", code}, {"message", "it says no"}}}});
  }
  void acceptJoin(bool resumed = false, int sender = 3) {
    const Json join = last("join");
    say({{"reply", join["id"]},
         {"ok", true},
         {"resumed", resumed},
         {"session", {{"id", "s_1"}, {"secret", "hush"}}},
         {"self", {{"id", "p_me"}, {"name", "Me"}, {"sender", sender}}},
         {"roster",
          Json::array({{{"id", "p_a"},
                        {"name", "A"},
                        {"sender", 1},
                        {"tracks", {{{"source", "camera"}, {"kind", "video"}, {"muted", false}}}}}})},
         {"room", {{"e2ee", "required"}, {"suites", suites}}},
         {"limits", {{"audioSlots", 8}, {"videoSlots", 24}}}});
  }
  void acceptOffer(rtc::ServerPeer& peer) {
    const Json offer = last("offer");
    const std::string answer =
        peer.answer(offer["sdp"], {{offer["tracks"][0]["mid"], TrackSource::Microphone, false}});
    say({{"reply", offer["id"]}, {"ok", true}, {"sdp", answer}});
  }
  void start() {
    session.start(now);
    session.onSocketOpen(now);
  }
  void run(TimeDelta duration, rtc::ServerPeer* peer = nullptr) {
    for (const Timestamp end = now + duration; now < end; now = now + TimeDelta::millis(10)) {
      session.onTime(now);
      exchange(peer);
    }
  }
  void exchange(rtc::ServerPeer* peer) {
    const auto me = base::SocketAddress::v4(127, 0, 0, 1, 5'000);
    for (int rounds = 0; rounds < 30; ++rounds) {
      std::vector<std::vector<uint8_t>> up, down;
      out.forEachDatagram(
          [&](const auto&, base::ByteView bytes) { up.emplace_back(bytes.begin(), bytes.end()); });
      out.clear();
      if (peer == nullptr) return;
      for (const auto& datagram : up) peer->onDatagram(datagram, me, now);
      peer->out().forEachDatagram(
          [&](const auto&, base::ByteView bytes) { down.emplace_back(bytes.begin(), bytes.end()); });
      peer->out().clear();
      for (auto& datagram : down) session.onDatagram(datagram, rtc::ServerPeer::address(), now);
    }
  }
  void connect(rtc::ServerPeer& peer) {
    start();
    acceptJoin();
    acceptOffer(peer);
    run(TimeDelta::seconds(1), &peer);
    REQUIRE(session.state() == CallState::Connected);
  }

  Timestamp now = Timestamp::millis(100'000);
  base::SeededRandom random{5};
  base::DatagramBatch out{1 << 20};
  std::vector<Json> sent;
  std::vector<CallState> states;
  std::vector<std::string> warnings;
  std::string lastReason;
  Json suites = Json::array({"duo", "aes128gcm", "aes256gcm"});  ///< that the room takes
  int opened = 0, closed = 0;
  CallSession session;
};

}  // namespace

TEST_CASE("A call joins, offers its tracks and slots, and asks for what it wants") {
  Bench bench;
  rtc::ServerPeer peer;
  bench.start();
  const Json join = bench.last("join");
  CHECK(join["version"] == 1);
  CHECK(join["token"] == "token");
  CHECK_FALSE(join.contains("resume"));
  bench.acceptJoin();
  const Json offer = bench.last("offer");
  CHECK(offer["tracks"].size() == 1);
  CHECK(offer["tracks"][0]["source"] == "microphone");
  CHECK(offer["e2ee"]["suite"] == "duo");
  CHECK(offer["e2ee"]["salt"].get<std::string>().size() == 32);
  bench.acceptOffer(peer);
  const Json subscribe = bench.last("subscribe");
  CHECK(subscribe["slots"][0]["participant"] == "p_a");
  CHECK(subscribe["slots"][1]["mode"] == "none");
  CHECK(bench.sent[bench.sent.size() - 2]["bitsPerSecond"] == 900'000);
  bench.run(TimeDelta::seconds(1), &peer);
  CHECK(bench.session.state() == CallState::Connected);
  CHECK(bench.states ==
        std::vector{CallState::Connecting, CallState::Joining, CallState::Negotiating, CallState::Connected});
}

TEST_CASE("A call seals with a suite of the room's, and leaves before any media where there is none") {
  Bench bench;
  SECTION("the first of them") {
    bench.suites = {"aes256gcm", "duo"};
    bench.start();
    bench.acceptJoin();
    CHECK(bench.last("offer")["e2ee"]["suite"] == "aes256gcm");
    CHECK(bench.session.statistics().suite == frame::Suite::Aes256Gcm);
  }
  SECTION("none that we have") {
    bench.suites = {"aes512gcm"};
    bench.start();
    bench.acceptJoin();
    bench.last("leave");
    CHECK(bench.session.state() == CallState::Failed);
    CHECK_THAT(bench.lastReason, Catch::Contains("aes512gcm") && Catch::Contains("this client has duo"));
    CHECK(bench.closed == 1);
    CHECK_FALSE(bench.session.statistics().suite);
  }
}

TEST_CASE("A refused join fails the call with the server's words") {
  Bench bench;
  bench.start();
  bench.refuse("join", "unauthorized");
  CHECK(bench.session.state() == CallState::Failed);
  CHECK_THAT(bench.lastReason, Catch::Contains("it says no") && Catch::Contains("unauthorized"));
  CHECK(bench.closed == 1);
}

TEST_CASE("A server that cannot be reached at first fails the call at once") {
  Bench bench;
  bench.session.start(bench.now);
  bench.session.onSocketClosed("connection refused", bench.now);
  CHECK(bench.session.state() == CallState::Failed);
  CHECK(bench.lastReason == "connection refused");
}

TEST_CASE("An offer that is refused for the moment is made again, one that is wrong ends the call") {
  Bench bench;
  bench.start();
  bench.acceptJoin();
  SECTION("for the moment") {
    bench.refuse("offer", "media_unavailable");
    CHECK(bench.session.state() == CallState::Reconnecting);
    const size_t before = bench.sent.size();
    bench.run(TimeDelta::seconds(1));
    REQUIRE(bench.sent.size() == before + 1);
    bench.last("offer");
  }
  SECTION("for good") {
    bench.refuse("offer", "bad_sdp");
    CHECK(bench.session.state() == CallState::Failed);
  }
  SECTION("until the call gives up") {
    bench.refuse("offer", "media_unavailable");
    for (int i = 0; i < 40 && bench.session.state() != CallState::Failed; ++i) {
      bench.run(TimeDelta::seconds(1));
      if (bench.sent.back()["type"] == "offer") bench.refuse("offer", "media_unavailable");
    }
    CHECK(bench.session.state() == CallState::Failed);
    CHECK_THAT(bench.lastReason, Catch::Contains("media_unavailable"));
  }
}

TEST_CASE("A lost socket is opened again and the session resumed, with media untouched") {
  Bench bench;
  rtc::ServerPeer peer;
  bench.connect(peer);
  bench.session.onSocketClosed("gone", bench.now);
  CHECK(bench.session.state() == CallState::Reconnecting);
  bench.run(TimeDelta::seconds(1), &peer);
  REQUIRE(bench.opened == 2);
  bench.session.onSocketOpen(bench.now);
  const Json join = bench.last("join");
  CHECK(join["resume"]["session"] == "s_1");
  CHECK(join["resume"]["secret"] == "hush");
  bench.acceptJoin(/*resumed=*/true);
  bench.last("subscribe");
  CHECK(bench.session.state() == CallState::Connected);
  CHECK(bench.session.statistics().mediaConnections == 1);
}

TEST_CASE("A device that has joined elsewhere gives way, and does not come back") {
  Bench bench;
  rtc::ServerPeer peer;
  bench.connect(peer);
  SECTION("told by the event") {
    bench.say({{"event", "participant-left"}, {"participant", "p_me"}, {"reason", "removed"}});
    bench.say({{"event", "removed"}, {"reason", "replaced"}});
    CHECK(bench.closed == 1);
    bench.session.onSocketClosed("closed", bench.now, 4001);
  }
  SECTION("told by the close code alone") {
    bench.session.onSocketClosed("the server closed the connection (4001)", bench.now, 4001);
  }
  CHECK(bench.session.state() == CallState::Failed);
  CHECK_THAT(bench.lastReason, Catch::Contains("somewhere else"));
  bench.run(TimeDelta::seconds(5), &peer);
  CHECK(bench.opened == 1);
  CHECK(bench.session.nextDeadline() == Timestamp::plusInfinity());
}

TEST_CASE("A session that is gone is followed by a fresh one, under a fresh salt") {
  Bench bench;
  rtc::ServerPeer peer, next;
  bench.start();
  bench.acceptJoin();
  const std::string salt = bench.last("offer")["e2ee"]["salt"];
  bench.acceptOffer(peer);
  bench.run(TimeDelta::seconds(1), &peer);
  bench.session.onSocketClosed("gone", bench.now);
  bench.run(TimeDelta::seconds(1), &peer);
  bench.session.onSocketOpen(bench.now);
  bench.acceptJoin(/*resumed=*/false, 4);
  CHECK(bench.last("offer")["e2ee"]["salt"] != salt);
  bench.acceptOffer(next);
  bench.run(TimeDelta::seconds(1), &next);
  CHECK(bench.session.state() == CallState::Connected);
  CHECK(bench.session.statistics().mediaConnections == 2);
}

TEST_CASE("A media restart brings a new connection under the same key") {
  Bench bench;
  rtc::ServerPeer peer, next;
  bench.start();
  bench.acceptJoin();
  const Json before = bench.last("offer");
  bench.acceptOffer(peer);
  bench.run(TimeDelta::seconds(1), &peer);
  bench.say({{"event", "media-restart"}, {"reason", "the worker died"}});
  const Json after = bench.last("offer");
  CHECK(after["e2ee"] == before["e2ee"]);
  const auto fingerprint = [](const Json& offer) {
    const std::string sdp = offer["sdp"];
    return sdp.substr(sdp.find("a=fingerprint:"), 110);
  };
  CHECK(fingerprint(after) != fingerprint(before));
  bench.acceptOffer(next);
  bench.run(TimeDelta::seconds(1), &next);
  CHECK(bench.session.state() == CallState::Connected);
}

TEST_CASE("Leaving says so, and does not wait for ever for the answer") {
  Bench bench;
  rtc::ServerPeer peer;
  bench.connect(peer);
  bench.session.leave(bench.now);
  const Json leave = bench.last("leave");
  SECTION("answered") {
    bench.say({{"reply", leave["id"]}, {"ok", true}});
  }
  SECTION("silence") {
    bench.run(TimeDelta::seconds(3), &peer);
  }
  SECTION("the socket breaks") {
    bench.session.onSocketClosed("gone", bench.now);
  }
  CHECK(bench.session.state() == CallState::Left);
}

TEST_CASE("A server that stays away fails the call in the end") {
  Bench bench;
  rtc::ServerPeer peer;
  bench.connect(peer);
  bench.session.onSocketClosed("gone", bench.now);
  int tries = bench.opened;
  for (int i = 0; i < 40 && bench.session.state() != CallState::Failed; ++i) {
    bench.run(TimeDelta::seconds(1), &peer);
    if (bench.opened == tries) continue;
    tries = bench.opened;
    bench.session.onSocketClosed("refused", bench.now);
  }
  CHECK(bench.session.state() == CallState::Failed);
  CHECK(bench.lastReason == "refused");
  CHECK(bench.opened > 8);
  CHECK(bench.opened < 30);
}

TEST_CASE("Nothing is sent without a connection, unmuted track and key") {
  Bench bench;
  rtc::ServerPeer peer;
  const std::vector<uint8_t> opus{0x78, 1, 2, 3};
  OutgoingFrame frame;
  frame.source = TrackSource::Microphone;
  frame.data = opus;
  CHECK(bench.session.sendFrame(frame, bench.now) == SendResult::NotConnected);
  bench.connect(peer);
  CHECK(bench.session.sendFrame(frame, bench.now) == SendResult::Sent);
  bench.exchange(&peer);
  REQUIRE(peer.rtp.size() == 1);
  const auto packet = rtp::RtpPacketView::parse(peer.rtp[0]);
  CHECK(packet->payload().size() > opus.size() + 32);
  CHECK(frame::parseFrameMetadata(packet->payload())->metadata.sender() == 3);
  frame.source = TrackSource::Camera;
  CHECK(bench.session.sendFrame(frame, bench.now) == SendResult::NoTrack);
  frame.source = TrackSource::Microphone;
  bench.session.setMuted(TrackSource::Microphone, true);
  CHECK(bench.session.sendFrame(frame, bench.now) == SendResult::Muted);
  CHECK(bench.last("mute")["muted"] == true);
}

TEST_CASE("What a server must not say is warned of and changes nothing") {
  Bench bench;
  rtc::ServerPeer peer;
  bench.connect(peer);
  for (const char* text : {"", "x", "[1]", R"({"reply":99,"ok":true,"sdp":"v=0"})",
                           R"({"reply":1,"ok":true,"sdp":"v=0"})", R"({"event":"participant-left"})",
                           R"({"event":"slots","slots":[{"mid":"nowhere","participant":"p_zzz"}]})",
                           R"({"event":"participant-updated","participant":{"id":"x","sender":70000}})"}) {
    bench.session.onSocketMessage(text, bench.now);
  }
  CHECK(bench.session.state() == CallState::Connected);
  CHECK(bench.warnings.size() == 4);
}

}  // namespace sotto::client::call
