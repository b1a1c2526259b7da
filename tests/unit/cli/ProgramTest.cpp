// The program itself: exit codes and messages for everything that is wrong before a call begins.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>

namespace {

struct Outcome {
  int code = -1;
  std::string text;  ///< both streams
};

Outcome runClient(const std::string& arguments) {
  const std::string command = std::string(SOTTO_BIN_DIR) + "/sotto-client " + arguments + " 2>&1 </dev/null";
  Outcome outcome;
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return outcome;
  std::array<char, 4096> buffer{};
  while (const size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    outcome.text.append(buffer.data(), size);
  }
  const int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

const std::string vectors = std::string(SOTTO_TEST_DATA) + "/sotto-frames.json";
// Port 1 is nobody's: a run that gets so far as to connect fails with 1, not 2.
const std::string join =
    "join --server http://127.0.0.1:1 --room demo --name a --key 000102030405060708090a0b0c0d0e0f ";

}  // namespace

TEST_CASE("The vectors command accepts the known answers") {
  const Outcome outcome = runClient("vectors " + vectors);
  CHECK(outcome.code == 0);
  CHECK_THAT(outcome.text, Catch::Contains("12 frames") && Catch::Contains("1 ratchet steps"));
}

TEST_CASE("The vectors command names the first entry and field that do not match") {
  std::ifstream in(vectors);
  const std::string good(std::istreambuf_iterator<char>(in), {});
  const std::string path = std::string(SOTTO_WORK_DIR) + "/spoiled-" + std::to_string(getpid()) + ".json";
  const auto spoiled = [&](const std::string& field, size_t occurrence, const std::string& expected) {
    size_t at = 0;
    for (size_t i = 0; i <= occurrence; ++i) at = good.find("\"" + field + "\": \"", at) + field.size() + 5;
    std::string text = good;
    text[at] = text[at] == '0' ? '1' : '0';
    std::ofstream(path) << text;
    const Outcome outcome = runClient("vectors " + path);
    INFO(field << " " << occurrence << ": " << outcome.text);
    CHECK(outcome.code == 1);
    CHECK_THAT(outcome.text, Catch::Contains(expected));
  };
  spoiled("mac", 0, "frames[0] differs in \"mac\"");
  spoiled("sframe_payload", 3, "frames[3]");
  spoiled("frame_metadata", 5, "frames[5] differs in \"frame_metadata\"");
  spoiled("iv", 1, "frames[1] differs in \"iv\"");
  spoiled("key", 2, "frames[6] differs in \"key\"");
  spoiled("step1", 0, "ratchet differs in \"step1\"");
  for (const char* text : {"{\"frames\": [1]}", "{\"frames\": [{}]}", "{\"frames\": [{\"suite\": 4}]}"}) {
    std::ofstream(path) << text;
    const Outcome outcome = runClient("vectors " + path);
    CHECK(outcome.code == 1);
    CHECK_THAT(outcome.text, Catch::Contains(path + ": frames[0]"));
  }
  // What is no file of known frames at all is bad input, as with media files.
  for (const char* text : {"", "{}", "[]", "{\"frames\": []}"}) {
    std::ofstream(path) << text;
    const Outcome outcome = runClient("vectors " + path);
    CHECK(outcome.code == 2);
    CHECK_THAT(outcome.text, Catch::Contains(path + ": "));
  }
  std::remove(path.c_str());
  for (const auto& [file, expected] : std::initializer_list<std::pair<std::string, std::string>>{
           {path, "No such file"}, {SOTTO_WORK_DIR, "Is a directory"}}) {
    const Outcome outcome = runClient("vectors " + file);
    CHECK(outcome.code == 2);
    CHECK_THAT(outcome.text, Catch::Contains(file + ": cannot be ") && Catch::Contains(expected));
  }
}

TEST_CASE("Bad usage and unreadable media end with 2 before anything is sent") {
  for (const auto& [arguments, expected] : std::initializer_list<std::pair<std::string, std::string>>{
           {"", "subcommand"},
           {"join", "--server is required"},
           {"dance", "subcommand"},
           {join + "--duration soon", "--duration"},
           {join + "--want :5", "--want :5"},
           {join + "--key-passphrase x", "excludes"},
           {join + "--video /nowhere.ivf", "/nowhere.ivf: cannot be opened: No such file"},
           {join + "--video " + vectors, "expected \"DKIF\""},
           {join + "--audio " + vectors, "not an Ogg file"},
           {join + "--record /proc/sotto", "/proc/sotto"},
           {join + "--json /nowhere/report.json", "/nowhere/report.json: cannot be written"},
           {join + "--ca-file /nowhere.pem", "--ca-file: /nowhere.pem cannot be used"},
           {join + "--ca-file " + vectors, "expected a PEM file with certificates"},
           {join + "--ca-file x --insecure", "excludes"},
           {join + "--token a.eyJyb29tIjoiZGVtbyIsInN1YiI6ImE_PiJ9.c --room other", "--room"},
           {"join --server u --room other --name a --token a.eyJyb29tIjoiZGVtbyIsInN1YiI6ImE_PiJ9.c",
            "for the room \"demo\", not for \"other\""},
           {"join --server u --room d --name a --key 00", "expected at least 16"}}) {
    const Outcome outcome = runClient(arguments);
    INFO(arguments << "\n" << outcome.text);
    CHECK(outcome.code == 2);
    CHECK_THAT(outcome.text, Catch::Contains(expected));
  }
}

TEST_CASE("A server that is not there ends the call with 1 and is named") {
  const Outcome asked = runClient(join);
  CHECK(asked.code == 1);
  CHECK_THAT(asked.text, Catch::Contains("http://127.0.0.1:1") && Catch::Contains("refused"));
  const Outcome joined = runClient(join + "--token x --json /dev/null");
  CHECK(joined.code == 1);
  CHECK_THAT(joined.text, Catch::Contains("127.0.0.1:1") && Catch::Contains("refused"));
}

TEST_CASE("Help tells of options and exit codes") {
  const Outcome outcome = runClient("join --help");
  CHECK(outcome.code == 0);
  for (const char* option :
       {"--server", "--room", "--name", "--token", "--key-passphrase", "--key", "--video", "--audio",
        "--synthetic", "--want", "--rate-cap", "--suite", "--record", "--duration", "--json", "Exit codes"}) {
    CHECK_THAT(outcome.text, Catch::Contains(option));
  }
}
