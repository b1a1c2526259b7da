// Everything around a Service, faked: a media plane that answers when told to, clients whose sockets are
// vectors, and a clock that moves when told to.
#pragma once

#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "signaling/Service.hpp"
#include "signaling/Tokens.hpp"
#include "signaling/storage/MemoryStorage.hpp"

namespace sotto::signaling::test {

using nlohmann::json;

inline const std::string secret = "an hmac key of thirty-two bytes!";

/// A description from tests/vectors/sdp, by name without ".sdp".
std::string readSdp(const std::string& name);

class FakeMediaPlane final : public MediaPlane {
 public:
  struct Pending {
    std::string room;
    control::RequestBody body;
    Done done;
  };

  void request(const std::string& room, control::RequestBody body, Done done) override;
  std::optional<MediaAddress> address(const std::string& room) const override;

  /// Answers everything that waits, and what that brings about.
  void answerAll();
  /// Answers the oldest request.
  void answerOne(const std::string& error = "");
  /// The room's worker dies: what waits for it fails, its address is gone. Call Service::onRoomLost yourself.
  void loseRoom(const std::string& room);

  /// All requests of one type, oldest first.
  template <typename T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const auto& body : log) {
      if (const T* request = std::get_if<T>(&body)) found.push_back(*request);
    }
    return found;
  }
  template <typename T>
  T last() const {
    const auto found = all<T>();
    return found.empty() ? T{} : found.back();
  }

  bool workers = true;     ///< false: CreateRoom fails
  std::string nextError;   ///< for the next request that is no CreateRoom
  bool throwNext = false;  ///< the next request throws
  std::vector<control::RequestBody> log;
  std::deque<Pending> pending;
  std::set<std::string> placed;
};

class FakeConnection final : public Connection {
 public:
  void send(std::string text) override {
    if (std::exchange(throwNext, false)) throw std::logic_error("an error in the program");
    messages.push_back(json::parse(text));
  }
  void close(uint16_t code, std::string reason) override {
    closeCode = code;
    closeReason = std::move(reason);
  }
  bool throwNext = false;  ///< the next message sent throws
  std::vector<json> messages;
  std::optional<uint16_t> closeCode;
  std::string closeReason;
};

class World;

/// One socket and what has come out of it.
class Client {
 public:
  explicit Client(World& world);

  /// Sends with a fresh id and returns that id; answers nothing by itself.
  uint64_t send(json message);
  void sendText(const std::string& text);
  /// Sends, lets the media plane answer, and returns the reply (null when there is none).
  json request(json message);
  json reply(uint64_t id) const;
  /// The code of the error in a reply; "" when it was ok.
  static std::string code(const json& reply);
  /// Joins `room` as `user`; returns the reply.
  json join(const std::string& user, const std::string& room = "demo", json extra = json::object());
  json offer(const std::string& sdpName, json extra = json::object());
  /// Events of one name, oldest first.
  std::vector<json> events(const std::string& name) const;
  /// What a later join must add to take this session up again.
  json resumption() const {
    const json& session = joined.at("session");
    return {{"resume", {{"session", session.at("id")}, {"secret", session.at("secret")}}}};
  }
  void forget() { connection->messages.clear(); }
  void drop();

  World& world;
  std::shared_ptr<FakeConnection> connection = std::make_shared<FakeConnection>();
  ConnectionId id = 0;
  uint64_t lastRequest = 0;
  json joined;
  std::string self() const { return joined["self"]["id"]; }
};

class World {
 public:
  explicit World(Settings settings = defaults());
  static Settings defaults();

  Now now() const;
  void advance(base::TimeDelta span);
  std::string token(const std::string& user, const std::string& room = "demo", bool publish = true,
                    bool subscribe = true) const;
  uint64_t counter(const std::string& name) const;

  FakeMediaPlane media;
  base::SeededRandom random{42};
  base::Timestamp monotonic = base::Timestamp::millis(1'000'000);
  MemoryStorage storage;
  Service service;
};

/// An offer of a client that seals.
json offerOf(const std::string& sdpName);
/// tracks for the mids of the simulcast offers.
json cameraAndMicrophone();

}  // namespace sotto::signaling::test
