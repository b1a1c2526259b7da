#include "World.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace sotto::signaling::test {

std::string readSdp(const std::string& name) {
  std::ifstream file(std::string(SOTTO_TEST_DATA) + "/sdp/" + name + ".sdp", std::ios::binary);
  if (!file) throw std::runtime_error("no such SDP: " + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void FakeMediaPlane::request(const std::string& room, control::RequestBody body, Done done) {
  if (std::exchange(throwNext, false)) throw std::logic_error("an error in the program");
  log.push_back(body);
  pending.push_back({room, std::move(body), std::move(done)});
}

std::optional<MediaAddress> FakeMediaPlane::address(const std::string& room) const {
  if (!placed.contains(room)) return std::nullopt;
  return MediaAddress{
      {*base::SocketAddress::parse("192.0.2.7", 40000), *base::SocketAddress::parse("2001:db8::7", 40000)},
      {"sha-256", "AA:BB:CC"}};
}

void FakeMediaPlane::answerOne(const std::string& error) {
  Pending request = std::move(pending.front());
  pending.pop_front();
  control::Reply reply;
  reply.error = error;
  const bool creates = std::holds_alternative<control::CreateRoom>(request.body);
  if (creates && !workers) reply.error = "no worker";
  if (creates && reply.error.empty()) placed.insert(request.room);
  if (std::holds_alternative<control::CloseRoom>(request.body)) placed.erase(request.room);
  if (!creates && reply.error.empty()) reply.error = std::exchange(nextError, "");
  if (request.done) request.done(reply);
}

void FakeMediaPlane::answerAll() {
  while (!pending.empty()) answerOne();
}

void FakeMediaPlane::loseRoom(const std::string& room) {
  placed.erase(room);
  auto lost = std::exchange(pending, {});
  for (auto& request : lost) {
    if (request.room != room) {
      pending.push_back(std::move(request));
    } else if (request.done) {
      request.done({0, "the worker went away", std::nullopt});
    }
  }
}

Client::Client(World& world_) : world(world_), id(world_.service.onOpen(connection, world_.now())) {}

uint64_t Client::send(json message) {
  message["id"] = ++lastRequest;
  sendText(message.dump());
  return lastRequest;
}

void Client::sendText(const std::string& text) {
  world.service.onMessage(id, text, world.now());
}

json Client::request(json message) {
  const uint64_t request = send(std::move(message));
  world.media.answerAll();
  return reply(request);
}

json Client::reply(uint64_t request) const {
  for (const auto& message : connection->messages) {
    if (message.value("reply", uint64_t{0}) == request) return message;
  }
  return nullptr;
}

std::string Client::code(const json& reply) {
  if (reply.is_null()) return "no reply";
  return reply.at("ok").get<bool>() ? "" : reply.at("error").at("code").get<std::string>();
}

json Client::join(const std::string& user, const std::string& room, json extra) {
  json message{{"type", "join"},
               {"version", 1},
               {"token", world.token(user, room)},
               {"e2ee", {{"suites", {"duo", "aes128gcm"}}}}};
  message.update(extra);
  joined = request(std::move(message));
  UNSCOPED_INFO(joined.dump());
  return joined;
}

json Client::offer(const std::string& sdpName, json extra) {
  json message = offerOf(sdpName);
  message.update(extra);
  return request(std::move(message));
}

std::vector<json> Client::events(const std::string& name) const {
  std::vector<json> found;
  for (const auto& message : connection->messages) {
    if (message.value("event", "") == name) found.push_back(message);
  }
  return found;
}

void Client::drop() {
  world.service.onClose(id, world.now());
}

World::World(Settings settings) : service(std::move(settings), media, random, storage) {}

Settings World::defaults() {
  Settings settings;
  settings.authSecret = secret;
  return settings;
}

Now World::now() const {
  return {monotonic, 1'800'000'000'000 + monotonic.ms()};
}

void World::advance(base::TimeDelta span) {
  monotonic = monotonic + span;
  service.onTime(now());
}

std::string World::token(const std::string& user, const std::string& room, bool publish,
                         bool subscribe) const {
  TokenClaims claims;
  claims.room = room;
  claims.user = user;
  claims.device = user + "-device";
  claims.name = user;
  claims.publish = publish;
  claims.subscribe = subscribe;
  claims.expiresAt = now().unixMs / 1000 + 60;
  return issueToken(secret, claims).value();
}

uint64_t World::counter(const std::string& name) const {
  for (const auto& counter : service.counters()) {
    if (counter.name == name) return counter.value;
  }
  throw std::runtime_error("no such counter: " + name);
}

json offerOf(const std::string& sdpName) {
  return {{"type", "offer"}, {"sdp", readSdp(sdpName)}, {"e2ee", {{"suite", "duo"}, {"salt", "00"}}}};
}

json cameraAndMicrophone() {
  return json::array(
      {{{"mid", "0"}, {"source", "microphone"}}, {{"mid", "1"}, {"source", "camera"}, {"muted", false}}});
}

}  // namespace sotto::signaling::test
