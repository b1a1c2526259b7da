// What the client prints and reads as text: QR codes, messages, chat, schedules, tables.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "client/native/cli/CallChat.hpp"
#include "client/native/cli/Companions.hpp"
#include "client/native/cli/DeviceOptions.hpp"
#include "client/native/cli/MessageText.hpp"
#include "client/native/cli/QrText.hpp"
#include "client/native/cli/RotationTable.hpp"

namespace sotto::client::cli {
namespace {

using nlohmann::json;

base::ByteView bytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

InboxMessage messageWith(decltype(e2ee::Body::what) what) {
  InboxMessage message;
  message.from = {"bob", "phone"};
  message.id[0] = 0xAB;
  message.receivedMs = 5;
  message.body.group = "direct";
  message.body.sentMs = 4;
  message.body.what = std::move(what);
  return message;
}

}  // namespace

TEST_CASE("A QR code has its three finder patterns, and a drawing with a light margin around") {
  const auto modules = makeQr(bytesOf("a safety number"));
  REQUIRE(modules);
  const size_t last = modules->width - 7;
  for (const auto& [x, y] : {std::pair<size_t, size_t>{0, 0}, {last, 0}, {0, last}}) {
    INFO(x << "," << y);
    for (size_t i = 0; i < 7; ++i) {
      CHECK(modules->at(x + i, y));
      CHECK(modules->at(x, y + i));
      CHECK(modules->at(x + i, y + 6));
    }
    CHECK_FALSE(modules->at(x + 1, y + 1));
    CHECK(modules->at(x + 3, y + 3));
  }
  const std::string text = drawQr(*modules, false);
  const auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  CHECK(lines == (modules->width + 8 + 1) / 2);
  std::string margin;
  for (size_t i = 0; i < modules->width + 8; ++i) margin += "█";
  CHECK_THAT(text, Catch::StartsWith(margin + "\n" + margin + "\n"));
  CHECK(makeQr(std::vector<uint8_t>(10'000)).has_value() == false);
}

TEST_CASE("Messages are printed as JSON with all that they hold") {
  const json text = json::parse(messageJson(messageWith(e2ee::TextMessage{"hi \"there\""}), ""));
  CHECK(text == json{{"type", "text"},
                     {"id", "ab000000000000000000000000000000"},
                     {"from", {{"user", "bob"}, {"device", "phone"}}},
                     {"group", "direct"},
                     {"sentMs", 4},
                     {"receivedMs", 5},
                     {"text", "hi \"there\""}});
  e2ee::Reaction reaction;
  reaction.message[15] = 1;
  reaction.emoji = "👍";
  const json reacted = json::parse(messageJson(messageWith(reaction), ""));
  CHECK(reacted["message"] == "00000000000000000000000000000001");
  CHECK(reacted["emoji"] == "👍");
  CHECK(reacted["remove"] == false);
}

TEST_CASE("A message for people steers no terminal") {
  const std::string line = messageSentence(messageWith(e2ee::TextMessage{"a\x1b[2Jb\nc"}), "");
  CHECK(line.find('\x1b') == std::string::npos);
  CHECK(line.find('\n') == std::string::npos);
}

TEST_CASE("Message ids go to hexadecimal and back") {
  e2ee::MessageId id{};
  for (size_t i = 0; i < id.size(); ++i) id[i] = static_cast<uint8_t>(i * 17);
  CHECK(messageIdFromHex(hexOf(id)) == id);
  for (const char* bad :
       {"", "00", "zz000000000000000000000000000000", "0000000000000000000000000000000000"}) {
    CHECK_FALSE(messageIdFromHex(bad));
  }
}

TEST_CASE("A received file gets a plain name in the folder that was asked for") {
  std::string folder = (std::filesystem::temp_directory_path() / "sotto-text-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  CHECK(pathForFile(folder, "../../etc/passwd") == folder + "/passwd");
  CHECK(pathForFile(folder, "C:\\evil\\.bashrc") == folder + "/_.bashrc");
  CHECK(pathForFile(folder, "") == folder + "/_");
  CHECK(pathForFile(folder, "..") == folder + "/_..");
  std::ofstream(folder + "/a.txt") << "x";
  CHECK(pathForFile(folder, "a.txt") == folder + "/a-2.txt");
  std::filesystem::remove_all(folder);
}

TEST_CASE("Chat and reactions of a call are read as they were written, anything else not") {
  for (const CallMessage& message : {CallMessage{CallMessage::Type::Chat, "Grüße", "7"},
                                     CallMessage{CallMessage::Type::Reaction, "🎉", ""}}) {
    CHECK(readCallMessage(bytesOf(writeCallMessage(message))) == message);
  }
  CHECK(writeCallMessage({CallMessage::Type::Reaction, "🎉", ""}) == R"({"emoji":"🎉","type":"reaction"})");
  for (const char* other :
       {"", "x", "[]", "{}", R"({"type":"app","data":1})", R"({"type":"chat","text":1})"}) {
    CHECK_FALSE(readCallMessage(bytesOf(other)));
  }
}

TEST_CASE("A stay is a name and two times, the second later") {
  const auto stay = parseStay("bob:1.5-20");
  REQUIRE(stay);
  CHECK(*stay == Stay{"bob", base::TimeDelta::millis(1'500), base::TimeDelta::seconds(20)});
  for (const char* bad : {"", "bob", "bob:1", ":1-2", "bob:2-1", "bob:1-1", "bob:-1-2", "bob:1-x", "bob:1-2x",
                          "bob:1-1e9", "bob:nan-2"}) {
    INFO(bad);
    CHECK_FALSE(parseStay(bad));
  }
}

TEST_CASE("The default store is a file of its own for each server and user") {
  DeviceOptions options;
  options.server = "https://calls.example";
  options.user = "bob/../alice";
  ::setenv("XDG_DATA_HOME", "/data", 1);
  CHECK(storePath(options).value() == "/data/sotto/calls%2Eexample_443/bob%2F%2E%2E%2Falice/device");
  ::unsetenv("XDG_DATA_HOME");
  options.storeFile = "here";
  CHECK(storePath(options).value() == "here");
  options.storeFile.clear();
  options.user.clear();
  CHECK_FALSE(storePath(options));
}

TEST_CASE("The table of rotations is in the order of drawing, with lost frames of all members added up") {
  const auto rotation = [](int64_t drawnAt, uint64_t keyId, const char* reason) {
    return json{{"reason", reason},
                {"keyId", keyId},
                {"generation", keyId >> 8 & 0xFF},
                {"step", keyId & 0xFF},
                {"drawnAt", drawnAt},
                {"liveAfterMs", 12.4},
                {"receipts", json::array({{{"user", "carol"}, {"device", "d"}, {"afterMs", 11.6}},
                                          {{"user", "dave"}, {"device", "d"}, {"afterMs", nullptr}}})},
                {"removed", json::array()}};
  };
  const auto report = [](const char* name, const json& rotations, const json& unopened) {
    return json{{"name", name}, {"keys", {{"rotations", rotations}, {"unopened", unopened}}}}.dump();
  };
  json leave = rotation(5'000, 0x10100, "leave");
  leave["removed"] = json::array({{{"user", "bob"}, {"device", "d"}, {"honouredAfterMs", 20}}});
  const std::string table = rotationTable(
      {report("alice", json::array({leave, rotation(1'000, 0x10000, "first")}), json::array()),
       report("carol", json::array({rotation(2'500, 0x20000, "first")}),
              json::array({{{"keyId", 0x10100}, {"frames", 3}}})),
       report("dave", json::array(), json::array({{{"keyId", 0x10100}, {"frames", 4}}})), "no report"});
  std::vector<std::string> lines;
  for (size_t at = 0; at < table.size();) {
    const size_t end = table.find('\n', at);
    lines.push_back(table.substr(at, end - at));
    at = end + 1;
  }
  REQUIRE(lines.size() == 4);
  CHECK_THAT(lines[1], Catch::StartsWith("+0.00 s") && Catch::Contains("alice") && Catch::Contains("0.0"));
  CHECK_THAT(lines[2], Catch::StartsWith("+1.50 s") && Catch::Contains("carol"));
  CHECK_THAT(lines[3], Catch::StartsWith("+4.00 s") && Catch::Contains("leave of bob") &&
                           Catch::Contains("12 ms") && Catch::Contains(" 7 ") &&
                           Catch::Contains("carol 12 ms, dave -"));
}

}  // namespace sotto::client::cli
