#include "signaling/Mailboxes.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "Devices.hpp"
#include "signaling/KeyRecord.hpp"
#include "signaling/MailboxRecord.hpp"
#include "signaling/storage/MemoryStorage.hpp"

namespace sotto::signaling {
namespace {

using namespace test;
using nlohmann::json;

struct Socket final : Connection {
  void send(std::string text) override { events.push_back(json::parse(text)); }
  void close(uint16_t, std::string) override {}
  std::vector<uint64_t> seqs() const {
    std::vector<uint64_t> found;
    for (const json& event : events) {
      if (event.at("event") == "message") found.push_back(event.at("seq").get<uint64_t>());
    }
    return found;
  }
  std::vector<json> events;
};

struct Fixture {
  Fixture() { restart(); }
  /// A server that comes back: memory is gone, storage is not.
  void restart() { mailboxes = std::make_unique<Mailboxes>(storage, random, limits, now); }

  void enlist(const DeviceName& device) {
    storage.commit({{}, {{recordKey(device), "registered"}}}, [](CommitResult) {});
    mailboxes->onRegistered(device, true);
    storage.drain();
  }
  template <typename T, typename Call>
  Result<T> ask(Call call) {
    std::optional<Result<T>> answer;
    call([&answer](Result<T> result) {
      REQUIRE_FALSE(answer.has_value());
      answer = std::move(result);
    });
    storage.drain();
    REQUIRE(answer.has_value());
    return *std::move(answer);
  }
  Result<SendResult> send(const SendRequest& request) {
    return ask<SendResult>([&](auto done) { mailboxes->send(alice, request, done); });
  }
  bool acknowledge(uint64_t upTo) {
    return ask<Mailboxes::None>([&](auto done) { mailboxes->acknowledge(bob, upTo, done); }).has_value();
  }
  std::vector<json> waiting(const DeviceName& device, uint64_t after = 0) {
    const auto page = ask<Mailboxes::Page>([&](auto done) { mailboxes->list(device, after, done); });
    std::vector<json> messages;
    for (const std::string& text : page.value().messages) messages.push_back(json::parse(text));
    return messages;
  }
  std::shared_ptr<Socket> attach(uint64_t id, uint64_t after = 0) {
    auto socket = std::make_shared<Socket>();
    pending = ask<size_t>([&](auto done) { mailboxes->attach(bob, socket, id, after, done); }).value();
    return socket;
  }
  size_t stored(char prefix) {
    size_t count = 0;
    storage.scan(std::string(1, prefix), std::string(1, static_cast<char>(prefix + 1)), 10'000,
                 [&](auto entries) { count = entries.value().size(); });
    storage.drain();
    return count;
  }

  MemoryStorage storage;
  base::SeededRandom random{3};
  MessageLimits limits;
  Now now{base::Timestamp::millis(1000), 1'800'000'000'000};
  std::unique_ptr<Mailboxes> mailboxes;
  size_t pending = 0;
  const DeviceName alice{"alice", "phone"}, bob{"bob", "phone"}, carol{"carol", "phone"};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "A message is answered once it is stored, and waits in its order") {
  enlist(bob);
  bool answered = false;
  mailboxes->send(alice, messageTo({bob}, 1), [&](auto result) {
    answered = true;
    CHECK(result.value().accepted == 1);
  });
  CHECK_FALSE(answered);
  storage.drain();
  CHECK(answered);
  CHECK(stored('m') == 1);
  REQUIRE(send(messageTo({bob}, 2)));
  const auto messages = waiting(bob);
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].at("messageId") == messageTo({}, 1).messageId);
  CHECK(messages[0].at("seq") == 1);
  CHECK(messages[1].at("seq") == 2);
  CHECK(messages[0].at("from") == json{{"user", "alice"}, {"device", "phone"}});
  CHECK_FALSE(messages[0].contains("event"));
}

TEST_CASE_METHOD(Fixture, "Numbers go on after a restart, even of an empty mailbox") {
  enlist(bob);
  for (uint64_t i = 1; i <= 3; ++i) REQUIRE(send(messageTo({bob}, i)));
  REQUIRE(acknowledge(3));
  CHECK(stored('m') == 0);
  restart();
  REQUIRE(send(messageTo({bob}, 4)));
  CHECK(waiting(bob)[0].at("seq") == 4);
  REQUIRE(ask<size_t>([&](auto done) {
    mailboxes->emptyMailbox(bob, [done](bool emptied) { done(emptied ? size_t{1} : size_t{0}); });
  }));
  restart();
  REQUIRE(send(messageTo({bob}, 5)));
  CHECK(waiting(bob)[0].at("seq") == 5);
}

TEST_CASE_METHOD(Fixture,
                 "An attached device gets what waits, then what comes, then nothing it has acknowledged") {
  enlist(bob);
  for (uint64_t i = 1; i <= 3; ++i) REQUIRE(send(messageTo({bob}, i)));
  restart();
  const auto socket = attach(1);
  CHECK(pending == 3);
  CHECK(socket->seqs() == std::vector<uint64_t>{1, 2, 3});
  REQUIRE(send(messageTo({bob}, 4)));
  CHECK(socket->seqs() == std::vector<uint64_t>{1, 2, 3, 4});
  REQUIRE(acknowledge(2));
  const auto again = attach(2);
  CHECK(pending == 2);
  CHECK(again->seqs() == std::vector<uint64_t>{3, 4});
  CHECK(socket->events.back().at("event") == "detached");
  mailboxes->detach(bob, 1);
  REQUIRE(send(messageTo({bob}, 5)));
  CHECK(again->seqs() == std::vector<uint64_t>{3, 4, 5});
  mailboxes->detach(bob, 2);
  CHECK(mailboxes->attached() == 0);
  CHECK(attach(3, 4)->seqs() == std::vector<uint64_t>{5});
  // A number that was never given is of another life of the storage.
  CHECK(attach(4, 1000)->seqs() == std::vector<uint64_t>{3, 4, 5});
}

TEST_CASE_METHOD(Fixture, "What was acknowledged is not delivered again while its deletion is under way") {
  enlist(bob);
  REQUIRE(send(messageTo({bob}, 1)));
  mailboxes->acknowledge(bob, 1, [](auto) {});
  const auto socket = std::make_shared<Socket>();
  mailboxes->attach(bob, socket, 1, 0, [](auto result) { CHECK(result.value() == 0); });
  storage.drain();
  CHECK(socket->seqs().empty());
}

TEST_CASE_METHOD(Fixture, "A deletion that fails leaves the message where it was") {
  enlist(bob);
  REQUIRE(send(messageTo({bob}, 1)));
  storage.failCommits = 1;
  CHECK_FALSE(acknowledge(1));
  CHECK(waiting(bob).size() == 1);
  CHECK(acknowledge(1));
  CHECK(waiting(bob).empty());
}

TEST_CASE_METHOD(Fixture, "A send that the storage fails at is refused, and may be repeated") {
  enlist(bob);
  REQUIRE(send(messageTo({bob}, 1)));
  storage.failCommits = 1;
  CHECK(send(messageTo({bob}, 2)).error().code == ErrorCode::StorageFailed);
  CHECK(waiting(bob).size() == 1);
  REQUIRE(send(messageTo({bob}, 2)));
  CHECK(waiting(bob).size() == 2);
  storage.failReads = 1;
  restart();
  storage.drain();
  storage.failReads = 1;
  CHECK(send(messageTo({bob}, 3)).error().code == ErrorCode::StorageFailed);
  CHECK(send(messageTo({bob}, 3)).value().accepted == 1);
}

TEST_CASE_METHOD(Fixture,
                 "A repeated send is answered as before and stored once, also when both are under way") {
  enlist(bob);
  std::vector<size_t> accepted;
  for (int i = 0; i < 3; ++i) {
    mailboxes->send(alice, messageTo({bob, carol}, 1), [&](auto result) {
      accepted.push_back(result.value().accepted);
      CHECK(result.value().unknown.size() == 1);
    });
  }
  storage.drain();
  CHECK(accepted == std::vector<size_t>{1, 1, 1});
  CHECK(waiting(bob).size() == 1);
  restart();
  CHECK(send(messageTo({bob, carol}, 1)).value().accepted == 1);
  CHECK(waiting(bob).size() == 1);
}

TEST_CASE_METHOD(Fixture, "A large shared body is stored once and goes with the last message that needs it") {
  enlist(bob);
  enlist(carol);
  const SendRequest request = messageTo({bob, carol}, 1, 10'000);
  REQUIRE(send(request));
  CHECK(stored('o') == 1);
  CHECK(stored('r') == 2);
  CHECK(waiting(bob)[0].at("shared") == request.shared);
  restart();
  CHECK(attach(1)->events[0].at("shared") == request.shared);
  REQUIRE(acknowledge(1));
  CHECK(stored('o') == 1);
  CHECK(waiting(carol)[0].at("shared") == request.shared);
  REQUIRE(ask<Mailboxes::None>([&](auto done) { mailboxes->acknowledge(carol, 1, done); }));
  CHECK(stored('o') == 0);
  CHECK(stored('r') == 0);
}

TEST_CASE_METHOD(Fixture,
                 "Full mailboxes refuse, by number and by bytes, and take again after an acknowledgement") {
  limits.mailboxMessages = 2;
  restart();
  enlist(bob);
  REQUIRE(send(messageTo({bob}, 1)));
  REQUIRE(send(messageTo({bob}, 2)));
  const auto full = send(messageTo({bob, carol}, 3)).value();
  CHECK(full.accepted == 0);
  REQUIRE(full.unknown.size() == 2);
  CHECK(full.unknown[0].full);
  CHECK_FALSE(full.unknown[1].full);
  REQUIRE(acknowledge(1));
  CHECK(send(messageTo({bob}, 3)).value().accepted == 1);
  limits.mailboxMessages = 100;
  limits.mailboxBytes = 10'000;
  restart();
  CHECK(send(messageTo({bob}, 4, 5'000)).value().accepted == 1);
  CHECK(send(messageTo({bob}, 5, 5'000)).value().unknown.at(0).full);
  restart();
  CHECK(send(messageTo({bob}, 6, 5'000)).value().unknown.at(0).full);
}

TEST_CASE_METHOD(Fixture, "A sender is bounded in messages and in bytes") {
  limits.sends = {1, 3};
  limits.senderBytes = {1000, 100'000};
  restart();
  enlist(bob);
  for (uint64_t i = 1; i <= 3; ++i) CHECK(send(messageTo({bob}, i)));
  CHECK(send(messageTo({bob}, 4)).error().code == ErrorCode::RateLimited);
  now.monotonic = now.monotonic + base::TimeDelta::seconds(3);
  CHECK(send(messageTo({bob}, 4, 60'000)));
  const auto refused = send(messageTo({bob}, 5, 60'000));
  CHECK(refused.error().code == ErrorCode::RateLimited);
  CHECK(refused.error().retryAfter > 10);
  CHECK(mailboxes->counters().limited == 2);
}

TEST_CASE_METHOD(Fixture, "The window holds back what follows until the device acknowledges") {
  limits.windowMessages = 3;
  restart();
  enlist(bob);
  for (uint64_t i = 1; i <= 8; ++i) REQUIRE(send(messageTo({bob}, i)));
  const auto socket = attach(1);
  CHECK(socket->seqs() == std::vector<uint64_t>{1, 2, 3});
  REQUIRE(send(messageTo({bob}, 9)));
  CHECK(socket->seqs().size() == 3);
  REQUIRE(acknowledge(2));
  CHECK(socket->seqs() == std::vector<uint64_t>{1, 2, 3, 4, 5});
  REQUIRE(acknowledge(5));
  REQUIRE(acknowledge(8));
  CHECK(socket->seqs() == std::vector<uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9});
  REQUIRE(acknowledge(9));
  REQUIRE(send(messageTo({bob}, 10)));
  CHECK(socket->seqs().back() == 10);
}

TEST_CASE_METHOD(Fixture, "Pages are bounded in bytes, and one message always fits") {
  limits.mailboxBytes = 64 << 20;
  restart();
  enlist(bob);
  for (uint64_t i = 1; i <= 30; ++i) REQUIRE(send(messageTo({bob}, i, 60'000)));
  uint64_t after = 0;
  size_t pages = 0, messages = 0;
  bool more = true;
  while (more) {
    const auto page = ask<Mailboxes::Page>([&](auto done) { mailboxes->list(bob, after, done); }).value();
    more = page.more;
    ++pages;
    messages += page.messages.size();
    REQUIRE_FALSE(page.messages.empty());
    after = json::parse(page.messages.back()).at("seq").get<uint64_t>();
  }
  CHECK(messages == 30);
  CHECK(pages == 3);
}

TEST_CASE_METHOD(
    Fixture,
    "Messages grow too old: nobody gets them, and they go from storage with all that belongs to them") {
  limits.keep = base::TimeDelta::seconds(100);
  restart();
  enlist(bob);
  enlist(carol);
  REQUIRE(send(messageTo({bob, carol}, 1, 10'000)));
  CHECK(mailboxes->nextDeadline() == now.monotonic + limits.keep);
  now.monotonic = now.monotonic + base::TimeDelta::seconds(100);
  now.unixMs += 100'000;
  CHECK(waiting(bob).empty());
  CHECK(attach(1)->seqs().empty());
  mailboxes->onTime();
  storage.drain();
  for (const char prefix : {'m', 'o', 'r', 's', 'x'}) {
    INFO(prefix);
    CHECK(stored(prefix) == 0);
  }
  CHECK(mailboxes->nextDeadline() == base::Timestamp::plusInfinity());
  REQUIRE(send(messageTo({bob}, 2)));
  CHECK(waiting(bob)[0].at("seq") == 2);
  // After a restart too: the sweep at the start finds what is there.
  restart();
  storage.drain();
  CHECK(mailboxes->nextDeadline() == now.monotonic + limits.keep);
}

TEST_CASE_METHOD(Fixture,
                 "Messages that are not stored reach attached devices once and leave nothing behind") {
  enlist(bob);
  const auto socket = attach(1);
  SendRequest request = messageTo({bob, carol}, 1, 100);
  request.store = false;
  const size_t before = storage.entries();
  for (int i = 0; i < 2; ++i) {
    const auto result = send(request).value();
    CHECK(result.accepted == 1);
    CHECK(result.unknown.at(0).device == carol);
  }
  CHECK(storage.entries() == before);
  CHECK(socket->seqs() == std::vector<uint64_t>{0});
  CHECK(socket->events[0].at("shared") == request.shared);
  // The same message may be stored for those who were not there.
  enlist(carol);
  request.store = true;
  request.recipients.erase(request.recipients.begin());
  CHECK(send(request).value().accepted == 1);
}

TEST_CASE_METHOD(Fixture, "Two messages to one device never change places, whatever else is loaded first") {
  enlist(bob);
  enlist(carol);
  for (int i = 0; i < 20; ++i) enlist({"user", std::to_string(i)});
  restart();
  std::vector<DeviceName> many{bob};
  for (int i = 0; i < 20; ++i) many.push_back({"user", std::to_string(i)});
  mailboxes->send(alice, messageTo(many, 1), [](auto) {});
  mailboxes->send(alice, messageTo({bob}, 2), [](auto) {});
  storage.drain();
  const auto messages = waiting(bob);
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].at("messageId") == messageTo({}, 1).messageId);
}

TEST_CASE_METHOD(Fixture,
                 "What the directory says while a mailbox is loaded counts more than what is loaded") {
  bool answered = false;
  mailboxes->send(alice, messageTo({bob}, 1), [&](auto result) {
    answered = true;
    CHECK(result.value().accepted == 1);
  });
  storage.drainOne();  // the sweep
  storage.drainOne();  // the record: not there
  mailboxes->onRegistered(bob, true);
  storage.drain();
  CHECK(answered);
}

TEST_CASE_METHOD(Fixture, "Idle mailboxes are forgotten, attached ones are not") {
  enlist(bob);
  const auto socket = attach(1);
  limits.sends = {1e6, 1e6};
  for (int i = 0; i < 9000; ++i) {
    mailboxes->acknowledge({"user", std::to_string(i)}, 1, [](auto) {});
    storage.drain();
  }
  CHECK(mailboxes->loaded() < 9000);
  REQUIRE(send(messageTo({bob}, 1)));
  CHECK(socket->seqs() == std::vector<uint64_t>{1});
}

TEST_CASE("A stored message gives its facts back, and becomes JSON whatever is in it") {
  SendRequest request = messageTo({{"b", "1"}}, 1);
  request.group = "a \"group\" of \xc3\xbc";
  request.shared = "AAAA";
  const DeviceName from{"al\"ice\\", "d\xff"};
  for (const bool apart : {false, true}) {
    const MessageFacts facts{1'800'000'000'000, 12345, apart ? "0123" : ""};
    const std::string record =
        writeMessage(messageHead(from, request, 77, !apart), request.recipients[0], facts);
    const MessageFacts read = readMessageFacts(record);
    CHECK(read.expiresMs == facts.expiresMs);
    CHECK(read.bytes == facts.bytes);
    CHECK(read.sharedId == facts.sharedId);
    const json event = json::parse(messageEvent(record, 9, apart ? request.shared : "", true));
    CHECK(event.at("event") == "message");
    CHECK(event.at("seq") == 9);
    CHECK(event.at("time") == 77);
    CHECK(event.at("group") == request.group);
    CHECK(event.at("shared") == request.shared);
    CHECK(event.at("body") == request.recipients[0].body);
    CHECK(event.at("from").at("user") == from.user);
  }
  for (const char* broken : {"", "x", "\n", "1 2 3", "1 2 3\n{", "5"}) {
    INFO(broken);
    CHECK(json::parse(messageEvent(broken, 1, "", false)).at("seq") == 1);
    readMessageFacts(broken);
  }
}

TEST_CASE("Keys of messages come apart as they were put together") {
  const DeviceName device{"böb", "1"};
  const auto parsed = parseMessageKey(messageKey(device, 0x0102030405060708));
  REQUIRE(parsed.has_value());
  CHECK(parsed->first == device);
  CHECK(parsed->second == 0x0102030405060708);
  CHECK(parseMessageKey(messageKey(device, 0))->second == 0);
  for (const std::string& key :
       {std::string("m"), std::string(), device.key('m'), nextSeqKey(device), std::string("mabcdefghijk")}) {
    CHECK_FALSE(parseMessageKey(key).has_value());
  }
  const std::vector<std::string> keys{"", "a", std::string(300, 'x')};
  CHECK(unpackKeys(packKeys(keys)) == keys);
  CHECK(unpackKeys("\x01").empty());
}

}  // namespace sotto::signaling
