#include "client/native/call/SignalingMessages.hpp"

#include <catch2/catch.hpp>

namespace sotto::client::call {
namespace {

template <typename Message>
Message parseAs(std::string_view text) {
  const auto message = parseServerMessage(text);
  if (!message) FAIL(message.error().message);
  REQUIRE(std::holds_alternative<Message>(*message));
  return std::get<Message>(*message);
}

}  // namespace

TEST_CASE("A reply to join brings session, self, roster and limits") {
  const auto reply = parseAs<ReplyMessage>(R"({"reply":1,"ok":true,"resumed":true,
      "session":{"id":"s_1","secret":"x"},
      "self":{"id":"p_1","user":"a","device":"d","name":"A","sender":1,"tracks":[],"connected":true},
      "roster":[{"id":"p_2","user":"b","device":"d","name":"B","sender":2,"connected":false,
        "tracks":[{"source":"camera","kind":"video","muted":true},{"source":"smell","kind":"odour"}],
        "e2ee":{"suite":"duo","salt":"00112233445566778899aabbccddeeff"}}],
      "room":{"name":"demo","e2ee":"optional"},"limits":{"audioSlots":8,"videoSlots":24,"messageBytes":262144}})");
  CHECK(reply.id == 1);
  CHECK_FALSE(reply.error);
  REQUIRE(reply.join);
  CHECK(reply.join->resumed);
  CHECK(reply.join->sessionSecret == "x");
  CHECK(reply.join->self.participant.sender == 1);
  CHECK(reply.join->e2ee == control::E2eePolicy::Optional);
  CHECK(reply.join->videoSlots == 24);
  REQUIRE(reply.join->roster.size() == 1);
  const Member& other = reply.join->roster[0];
  CHECK_FALSE(other.participant.connected);
  REQUIRE(other.participant.tracks.size() == 1);
  CHECK(other.participant.tracks[0].muted);
  REQUIRE(other.keys);
  CHECK(other.keys->salt->at(1) == 0x11);
}

TEST_CASE("An error reply carries its code and message") {
  const auto reply = parseAs<ReplyMessage>(
      R"({"reply":4,"ok":false,"error":{"code":"bad_sdp","message":"no","details":{}}})");
  REQUIRE(reply.error);
  CHECK(reply.error->code == "bad_sdp");
  CHECK(parseAs<ReplyMessage>(R"({"reply":4,"ok":false})").error->code == "internal");
}

TEST_CASE("Events are told apart, and unknown ones are let pass") {
  CHECK(parseAs<ParticipantLeft>(R"({"event":"participant-left","participant":"p_1","reason":"left"})")
            .participant == "p_1");
  const auto slots = parseAs<SlotsChanged>(
      R"({"event":"slots","slots":[{"mid":"5","participant":null,"source":"camera"},
          {"mid":"6","participant":"p_2","source":"screen"}]})");
  REQUIRE(slots.slots.size() == 2);
  CHECK(slots.slots[0].participant.empty());
  CHECK(slots.slots[1].source == TrackSource::Screen);
  CHECK(parseAs<Speakers>(R"({"event":"speakers","speakers":[{"participant":"p_2","level":30}]})")
            .participants == std::vector<std::string>{"p_2"});
  CHECK(parseAs<MediaRestart>(R"({"event":"media-restart","reason":"worker"})").reason == "worker");
  CHECK(parseAs<OtherEvent>(R"({"event":"weather"})").name == "weather");
}

TEST_CASE("What a server must not say is an error, never a crash") {
  const char* bad[] = {"",
                       "nonsense",
                       "[]",
                       "{}",
                       "7",
                       R"({"event":"participant-joined"})",
                       R"({"event":"participant-joined","participant":7})",
                       R"({"event":"participant-joined","participant":{"id":"p","sender":0}})",
                       R"({"event":"participant-joined","participant":{"id":"p","sender":65536}})",
                       R"({"event":"participant-joined","participant":{"id":"","sender":1}})",
                       R"({"reply":1,"ok":true,"session":{"id":"s"}})",
                       R"({"reply":1,"ok":true,"session":7,"self":[]})"};
  for (const char* text : bad) {
    INFO(text);
    CHECK_FALSE(parseServerMessage(text));
  }
  CHECK(parseServerMessage(R"({"reply":"x","ok":"y"})"));
  CHECK(parseServerMessage(R"({"event":"slots","slots":[7,null,{}]})"));
}

TEST_CASE("A salt that cannot be read counts as absent") {
  const auto joined = parseAs<ParticipantJoined>(
      R"({"event":"participant-joined","participant":{"id":"p","sender":1,"e2ee":{"suite":"duo","salt":"zz"}}})");
  CHECK_FALSE(joined.member.keys);
  CHECK_FALSE(joined.member.participant.publishesKey);
}

TEST_CASE("A message for this device is read with all that belongs to it") {
  const auto event = parseAs<DeviceMessage>(
      R"({"event":"message","seq":7,"from":{"user":"bob","device":"phone"},)"
      R"("messageId":"000102030405060708090a0b0c0d0e0f","purpose":1,"group":"g","time":1700000000123,)"
      R"("type":"prekey","body":"AQID","shared":"/w=="})");
  const e2ee::IncomingMessage& message = event.message;
  CHECK(message.seq == 7);
  CHECK(message.from == e2ee::DeviceId{"bob", "phone"});
  CHECK(message.id[15] == 15);
  CHECK(message.purpose == 1);
  CHECK(message.group == "g");
  CHECK(message.timeMs == 1'700'000'000'123);
  CHECK(message.type == e2ee::EnvelopeType::PreKey);
  CHECK(message.body == std::vector<uint8_t>{1, 2, 3});
  CHECK(message.shared == std::vector<uint8_t>{255});
}

TEST_CASE("A message without a proper id, type or body is refused") {
  const std::string good =
      R"({"event":"message","seq":0,"from":{"user":"b","device":"p"},"messageId":"000102030405060708090a0b0c0d0e0f",)"
      R"("purpose":0,"group":"receipt","type":"error","body":"AQID"})";
  CHECK(parseAs<DeviceMessage>(good).message.shared.empty());
  const std::pair<const char*, const char*> changes[] = {
      {"000102030405060708090a0b0c0d0e0f", "0001"}, {"error", "plain"}, {"AQID", "A"}};
  for (const auto& [from, to] : changes) {
    std::string bad = good;
    bad.replace(bad.find(from), std::string(from).size(), to);
    INFO(bad);
    CHECK_FALSE(parseServerMessage(bad));
  }
}

TEST_CASE("What the server says about keys and the invited is read") {
  CHECK(parseAs<PreKeysLow>(R"({"event":"prekeys-low","remaining":12})").remaining == 12);
  CHECK(parseAs<Invited>(R"({"event":"invited","users":["a","b",7]})").users ==
        std::vector<std::string>{"a", "b"});
  CHECK(std::holds_alternative<Detached>(*parseServerMessage(R"({"event":"detached"})")));
  const auto reply = parseAs<ReplyMessage>(
      R"({"reply":4,"ok":true,"accepted":1,"unknown":[{"user":"a","device":"x"},{"user":"b","device":"y","full":true}]})");
  CHECK(reply.unknown == std::vector<e2ee::DeviceId>{{"a", "x"}});
  CHECK(reply.full == std::vector<e2ee::DeviceId>{{"b", "y"}});
}

TEST_CASE("Messages are attached to, sent and acknowledged in the form of the protocol") {
  CHECK(makeAttach(1, "tok") == R"({"id":1,"token":"tok","type":"attach"})");
  CHECK(makeAck(2, 9) == R"({"id":2,"type":"ack","upTo":9})");
  e2ee::OutgoingMessage message;
  message.id[0] = 0xAB;
  message.purpose = 1;
  message.group = "g";
  message.store = false;
  message.recipients.push_back({{"bob", "phone"}, e2ee::EnvelopeType::Signal, {1, 2, 3}});
  const std::string text = makeSend(3, message);
  CHECK(text == R"({"group":"g","id":3,"messageId":"ab000000000000000000000000000000","purpose":1,)"
                R"("recipients":[{"body":"AQID","device":"phone","type":"signal","user":"bob"}],)"
                R"("store":false,"type":"send"})");
  message.shared = {255};
  CHECK_THAT(makeSend(3, message), Catch::Contains(R"("shared":"/w==")"));
}

TEST_CASE("Requests have the form of the protocol") {
  CHECK(makeLeave(6) == R"({"id":6,"type":"leave"})");
  CHECK(makeRateCap(5, 800'000) == R"({"bitsPerSecond":800000,"id":5,"type":"rate-cap"})");
  CHECK(makeRateCap(5, std::nullopt) == R"({"bitsPerSecond":null,"id":5,"type":"rate-cap"})");
  CHECK(makeMute(4, TrackSource::Screen, true) == R"({"id":4,"muted":true,"source":"screen","type":"mute"})");
  control::SlotWish wish;
  wish.mid = "5";
  wish.mode = control::SlotWish::Mode::Participant;
  wish.participant = "p_1";
  wish.maxHeight = 720;
  CHECK(makeSubscribe(3, {wish}) ==
        R"({"id":3,"slots":[{"maxHeight":720,"mid":"5","mode":"participant","participant":"p_1",)"
        R"("priority":0,"source":"camera"}],"type":"subscribe"})");
  const std::string join = makeJoin(1, {"tok", "me", true, "s_1", "sec"});
  CHECK_THAT(join, Catch::Contains(R"("resume":{"secret":"sec","session":"s_1"})"));
  CHECK_THAT(join, Catch::Contains(R"("suites":["duo","aes128gcm","aes256gcm"])"));
  CHECK_THAT(makeJoin(1, {"tok", "me", false, "", ""}), Catch::Contains(R"("suites":[])"));
}

}  // namespace sotto::client::call
