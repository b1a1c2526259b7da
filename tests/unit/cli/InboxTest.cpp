// Opened messages that wait in the device's store.
#include "client/native/cli/Inbox.hpp"

#include <catch2/catch.hpp>

#include "media/base/Random.hpp"

namespace sotto::client::cli {
namespace {

using sotto::e2ee::signal::DeviceStore;

const e2ee::DeviceId bob{"bob", "phone"}, carol{"carol", "laptop"};

DeviceStore makeStore() {
  base::SeededRandom random(1);
  return DeviceStore::create({"alice", "phone"}, random, 0);
}

/// As it would be read by the next process.
DeviceStore reopened(const DeviceStore& store) {
  return DeviceStore::deserialize(store.serialize().view()).value();
}

e2ee::MessageId idOf(uint8_t number) {
  e2ee::MessageId id{};
  id[15] = number;
  return id;
}

InboxMessage textMessage(uint8_t number, const std::string& text, const e2ee::DeviceId& from = bob) {
  InboxMessage message;
  message.from = from;
  message.id = idOf(number);
  message.receivedMs = 1'000 + number;
  message.body.group = "direct";
  message.body.what = e2ee::TextMessage{text};
  return message;
}

const std::string& textOf(const InboxMessage& message) {
  return std::get<e2ee::TextMessage>(message.body.what).text;
}

}  // namespace

TEST_CASE("Messages wait in the store in their order until each was shown") {
  DeviceStore store = makeStore();
  Inbox inbox(store);
  inbox.add(textMessage(1, "one"));
  inbox.add(textMessage(2, "two", carol));
  DeviceStore later = reopened(store);
  Inbox next(later);
  REQUIRE(next.messages().size() == 2);
  CHECK(textOf(next.messages()[0]) == "one");
  CHECK(next.messages()[0].receivedMs == 1'001);
  CHECK(next.messages()[1].from == carol);
  next.removeFirst();
  DeviceStore last = reopened(later);
  Inbox rest(last);
  REQUIRE(rest.messages().size() == 1);
  CHECK(textOf(rest.messages()[0]) == "two");
  rest.removeFirst();
  CHECK(last.section("inbox").empty());
}

TEST_CASE("A file's key survives in the inbox") {
  DeviceStore store = makeStore();
  Inbox inbox(store);
  InboxMessage message = textMessage(3, "");
  e2ee::MediaMessage file;
  file.blob = "abc";
  file.km = e2ee::SecretBytes(e2ee::MediaMessage::kmSize);
  file.km.writable()[0] = 7;
  file.size = 5;
  file.name = "letter.txt";
  message.body.what = std::move(file);
  inbox.add(std::move(message));
  DeviceStore later = reopened(store);
  Inbox next(later);
  REQUIRE(next.messages().size() == 1);
  const auto& kept = std::get<e2ee::MediaMessage>(next.messages()[0].body.what);
  CHECK(kept.km.view()[0] == 7);
  CHECK(kept.name == "letter.txt");
}

TEST_CASE("The same message of one device is kept once, and media keys not at all") {
  DeviceStore store = makeStore();
  Inbox inbox(store);
  inbox.add(textMessage(1, "one"));
  inbox.add(textMessage(1, "one"));
  inbox.add(textMessage(1, "another device's", carol));
  InboxMessage key = textMessage(2, "");
  key.body.what = e2ee::KeyRequest{3, std::nullopt, std::nullopt};
  inbox.add(std::move(key));
  CHECK(inbox.messages().size() == 2);
}

TEST_CASE("An inbox of another version or a damaged one is empty, not a crash") {
  for (const std::vector<uint8_t>& bytes :
       {std::vector<uint8_t>{9}, std::vector<uint8_t>{1}, std::vector<uint8_t>{1, 0xFF, 0xFF, 0xFF, 0xFF},
        std::vector<uint8_t>{1, 0, 0, 0, 1, 0, 0, 0, 99}}) {
    DeviceStore store = makeStore();
    store.setSection("inbox", bytes);
    CHECK(Inbox(store).messages().empty());
  }
}

}  // namespace sotto::client::cli
