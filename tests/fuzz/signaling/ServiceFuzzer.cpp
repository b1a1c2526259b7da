// Two clients that send what the input says, line by line, while sockets are lost, time passes and workers
// die: a whole service in any order of events. The first byte of each line chooses what happens.
#include <cstdlib>
#include <deque>
#include <nlohmann/json.hpp>
#include <string>

#include "signaling/KeyRecord.hpp"
#include "signaling/Service.hpp"
#include "signaling/Tokens.hpp"
#include "signaling/storage/MemoryStorage.hpp"

using namespace sotto;
using namespace sotto::signaling;
using nlohmann::json;

namespace {

const std::string secret = "an hmac key of thirty-two bytes!";
constexpr int64_t startMs = 1'800'000'000'000;

class Plane final : public MediaPlane {
 public:
  void request(const std::string&, control::RequestBody body, Done done) override {
    pending.emplace_back(std::move(body), std::move(done));
  }
  std::optional<MediaAddress> address(const std::string&) const override {
    if (!placed) return std::nullopt;
    return MediaAddress{{*base::SocketAddress::parse("192.0.2.7", 40000)}, {"sha-256", "AA:BB"}};
  }
  void answer(bool well) {
    if (pending.empty()) return;
    auto [body, done] = std::move(pending.front());
    pending.pop_front();
    if (well && std::holds_alternative<control::CreateRoom>(body)) placed = true;
    done({0, well ? "" : "no", std::nullopt});
  }
  std::deque<std::pair<control::RequestBody, Done>> pending;
  bool placed = false;
};

/// Checks that everything that is sent is JSON, and keeps what resuming and subscribing need.
class Socket final : public Connection {
 public:
  void send(std::string text) override {
    const json message = json::parse(text);
    if (message.contains("session")) joined = message;
  }
  void close(uint16_t, std::string) override { closed = true; }
  json joined;
  bool closed = false;
};

class World {
 public:
  World() : service_(settings(), plane_, random_, storage_) {
    for (const char* user : {"alice", "bob"}) {
      storage_.commit({{}, {{recordKey({user, user}), "registered"}}}, [](CommitResult) {});
    }
    for (size_t i = 0; i < 2; ++i) reopen(i);
  }

  void act(std::string_view line) {
    const auto choice = static_cast<uint8_t>(line[0]);
    const size_t who = choice & 1;
    const std::string_view rest = line.substr(1);
    switch (choice >> 1 & 15) {
      case 0:
        service_.onClose(ids_[who], now_);
        return reopen(who);
      case 1:
        return join(who, false);
      case 2:
        return join(who, true);
      case 3:
        return offer(who, rest);
      case 4:
        return plane_.answer(true);
      case 5:
        return plane_.answer(false);
      case 6:
        plane_.placed = false;
        return service_.onRoomLost("demo", "gone");
      case 7:
        now_.monotonic = now_.monotonic + base::TimeDelta::millis(static_cast<int64_t>(rest.size()) * 500);
        return service_.onTime(now_);
      case 8:
        return service_.onMediaEvent(control::EndpointStateChanged{
            "demo", self(who), static_cast<control::EndpointState>(rest.size() & 3), std::string(rest)});
      case 9:
        return service_.onMediaEvent(control::SlotsBound{"demo", self(who), {{"2", self(1 - who), {}}}});
      case 10:
        return service_.onMediaEvent(control::SpeakersChanged{"demo", {{self(who), 5}}});
      case 12:
        storage_.drainOne();
        return;
      case 13:
        storage_.failCommits = rest.size() & 1;
        storage_.failReads = rest.size() >> 1 & 1;
        return storage_.drain();
      case 14:
        return attach(who, rest.size());
      default:
        return service_.onMessage(ids_[who], rest, now_);
    }
  }

  ~World() {
    service_.stop("end");
    storage_.drain();
    while (!plane_.pending.empty()) plane_.answer(false);
  }

 private:
  static Settings settings() {
    Settings settings;
    settings.authSecret = secret;
    settings.limits.messageBurst = 1e9;
    return settings;
  }

  void reopen(size_t who) {
    sockets_[who] = std::make_shared<Socket>();
    ids_[who] = service_.onOpen(sockets_[who], now_);
  }

  std::string self(size_t who) const {
    return last_[who].is_null() ? "p" : last_[who]["self"]["id"].get<std::string>();
  }

  void join(size_t who, bool resume) {
    if (sockets_[who]->closed) reopen(who);
    TokenClaims claims;
    claims.room = "demo";
    claims.user = claims.device = claims.name = who == 0 ? "alice" : "bob";
    claims.expiresAt = startMs / 1000 + 1'000'000;
    json message{{"id", 1},
                 {"type", "join"},
                 {"version", 1},
                 {"token", issueToken(secret, claims).value()},
                 {"e2ee", {{"suites", {"duo"}}}}};
    if (resume && !last_[who].is_null()) {
      message["resume"] = {{"session", last_[who]["session"]["id"]},
                           {"secret", last_[who]["session"]["secret"]}};
    }
    service_.onMessage(ids_[who], message.dump(), now_);
    if (!sockets_[who]->joined.is_null()) last_[who] = sockets_[who]->joined;
  }

  void attach(size_t who, size_t after) {
    if (sockets_[who]->closed) reopen(who);
    TokenClaims claims;
    claims.user = claims.device = claims.name = who == 0 ? "alice" : "bob";
    claims.expiresAt = startMs / 1000 + 1'000'000;
    const json message{
        {"id", 1}, {"type", "attach"}, {"token", issueToken(secret, claims).value()}, {"after", after}};
    service_.onMessage(ids_[who], message.dump(), now_);
  }

  void offer(size_t who, std::string_view variant) {
    const std::string session = std::to_string(variant.size() % 3 + 1);
    const std::string sdp =
        "v=0\no=- " + session +
        " 1 IN IP4 0.0.0.0\ns=-\na=group:BUNDLE 0 1 2\n"
        "a=fingerprint:sha-256 AA:BB\na=setup:actpass\na=ice-ufrag:abcd\n"
        "a=ice-pwd:0123456789012345678901\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 96\na=mid:0\na=sendonly\na=rtcp-mux\na=rtpmap:96 opus/48000/2\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 96\na=mid:1\na=recvonly\na=rtcp-mux\na=rtpmap:96 opus/48000/2\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 97\na=mid:2\na=recvonly\na=rtcp-mux\na=rtpmap:97 VP8/90000\n";
    const json message{{"id", 2}, {"type", "offer"}, {"sdp", sdp}, {"e2ee", {{"suite", "duo"}}}};
    service_.onMessage(ids_[who], message.dump(), now_);
  }

  Plane plane_;
  base::SeededRandom random_{1};
  MemoryStorage storage_;
  Service service_;
  Now now_{base::Timestamp::millis(1000), startMs};
  std::shared_ptr<Socket> sockets_[2];
  ConnectionId ids_[2] = {};
  json last_[2];
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  World world;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (int lines = 0; lines < 60 && !text.empty(); ++lines) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) world.act(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return 0;
}
