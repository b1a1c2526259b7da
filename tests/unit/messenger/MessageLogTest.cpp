// What a messenger keeps with the device's state.
#include "client/native/e2ee/messenger/MessageLog.hpp"

#include <catch2/catch.hpp>

#include "media/base/Random.hpp"

namespace sotto::client::e2ee {
namespace {

const DeviceId bob{"bob", "phone"}, carol{"carol", "laptop"};
using State = MessageLog::State;

signal::DeviceStore makeStore() {
  base::SeededRandom random(1);
  return signal::DeviceStore::create({"alice", "phone"}, random, 0);
}

/// As it would be read by the next process, after a save.
signal::DeviceStore reopened(const signal::DeviceStore& store, MessageLog& log) {
  log.write();
  return signal::DeviceStore::deserialize(store.serialize().view()).value();
}

MessageId idOf(uint8_t number) {
  MessageId id{};
  id[15] = number;
  return id;
}

JobPointer jobOf(const std::string& text, uint32_t purpose = 3) {
  auto job = std::make_shared<Job>();
  job->purpose = purpose;
  job->group = "direct";
  job->body = SecretBytes(base::ByteView(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  return job;
}

std::string textOf(const JobPointer& job) {
  return {job->body.view().begin(), job->body.view().end()};
}

IncomingMessage sealed(uint8_t number, const DeviceId& from, uint32_t purpose = 3) {
  IncomingMessage message;
  message.seq = number;
  message.from = from;
  message.id = idOf(number);
  message.purpose = purpose;
  message.group = "direct";
  message.type = EnvelopeType::PreKey;
  message.body = {1, 2, number};
  message.shared = {9};
  message.timeMs = number;
  return message;
}

}  // namespace

TEST_CASE(
    "What was sent is there for the next process until it is acknowledged by the device that it went to") {
  auto store = makeStore();
  MessageLog log(store);
  const JobPointer job = jobOf("hello");
  log.sent(bob, idOf(1), job, false);
  log.sent(carol, idOf(1), job, false);
  log.receipted(carol, idOf(2));
  log.receipted(carol, idOf(1));
  auto later = reopened(store, log);
  MessageLog next(later);
  REQUIRE(next.entries().size() == 1);
  CHECK(next.entries()[0].to == bob);
  CHECK(next.entries()[0].id == idOf(1));
  CHECK(next.entries()[0].state == State::Sent);
  CHECK(textOf(next.entries()[0].job) == "hello");
  CHECK(next.takeWaiting().empty());
  next.receipted(bob, idOf(1));
  CHECK(next.changed());
  next.write();
  CHECK_FALSE(next.changed());
  CHECK(later.section("sent").empty());
}

TEST_CASE("What has to go out again is seen to once, by this process or the next, until it has gone") {
  auto store = makeStore();
  MessageLog log(store);
  log.sent(bob, idOf(1), jobOf("hello"), false);
  log.sendAgain(bob, idOf(1));
  CHECK(log.takeWaiting().empty());
  auto later = reopened(store, log);
  MessageLog next(later);
  auto waiting = next.takeWaiting();
  REQUIRE(waiting.size() == 1);
  CHECK(waiting[0].first == bob);
  CHECK(next.takeWaiting().empty());
  next.failed(bob, waiting[0].second);
  CHECK(next.takeWaiting().size() == 1);
  next.sent(bob, idOf(2), waiting[0].second, true);
  REQUIRE(next.entries().size() == 1);
  CHECK(next.entries()[0].state == State::SentAgain);
  auto last = reopened(later, next);
  CHECK(MessageLog(last).takeWaiting().empty());
  next.failed(bob, waiting[0].second);
  INFO("the server has not taken it: once more");
  CHECK(next.takeWaiting().size() == 1);
  next.giveUp(bob, waiting[0].second);
  CHECK(next.entries().empty());
}

TEST_CASE("A first try that failed is its sender's affair, and no media key is ever kept") {
  auto store = makeStore();
  MessageLog log(store);
  const JobPointer job = jobOf("hello");
  log.sent(bob, idOf(1), job, false);
  log.failed(bob, job);
  for (const uint32_t purpose : {0u, 1u, 2u}) log.sent(bob, idOf(2), jobOf("key", purpose), false);
  CHECK(log.entries().empty());
  log.hold(sealed(3, bob, 1));
  CHECK(log.heldCount() == 1);
  log.write();
  CHECK(store.section("held").empty());
  CHECK(store.section("sent").empty());
}

TEST_CASE("Neither list grows without bound: the oldest go first") {
  auto store = makeStore();
  MessageLog log(store);
  for (size_t i = 0; i < MessageLog::maxSent + 2; ++i)
    log.sent(bob, idOf(static_cast<uint8_t>(i)), jobOf("x"), false);
  for (size_t i = 0; i < MessageLog::maxHeld + 2; ++i)
    log.hold(sealed(static_cast<uint8_t>(i), i < 4 ? carol : bob));
  auto later = reopened(store, log);
  MessageLog next(later);
  REQUIRE(next.entries().size() == MessageLog::maxSent);
  CHECK(next.entries()[0].id == idOf(2));
  REQUIRE(next.heldCount() == MessageLog::maxHeld);
  const auto of = next.takeHeld(carol);
  REQUIRE(of.size() == 2);
  CHECK(of[0].timeMs == 2);
  CHECK(of[0].seq == 0);  // the server has no say in it any more
  CHECK(of[0].type == EnvelopeType::PreKey);
  CHECK(of[0].group == "direct");
  CHECK(of[0].body == std::vector<uint8_t>{1, 2, 2});
  CHECK(of[0].shared == std::vector<uint8_t>{9});
  next.write();
  CHECK(MessageLog(later).heldCount() == MessageLog::maxHeld - 2);
  CHECK(next.takeHeld().size() == MessageLog::maxHeld - 2);
  next.write();
  CHECK(later.section("held").empty());
}

TEST_CASE("A log of another version or a damaged one is empty, not a crash") {
  for (const std::vector<uint8_t>& bytes :
       {std::vector<uint8_t>{9}, std::vector<uint8_t>{1}, std::vector<uint8_t>{2},
        std::vector<uint8_t>{1, 0xFF, 0xFF, 0xFF, 0xFF}, std::vector<uint8_t>{2, 0xFF, 0xFF, 0xFF, 0xFF},
        std::vector<uint8_t>{1, 0, 0, 0, 1, 0, 0, 0, 99}, std::vector<uint8_t>{2, 0, 0, 0, 1, 0, 0, 0, 99}}) {
    auto store = makeStore();
    for (const char* section : {"held", "sent"}) store.setSection(section, bytes);
    const MessageLog log(store);
    CHECK(log.entries().empty());
    CHECK(log.heldCount() == 0);
  }
}

}  // namespace sotto::client::e2ee
