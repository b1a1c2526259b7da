// A device that is killed at any moment goes on from its file and never seals two messages under one key.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <map>

#include "tests/unit/device_store/StoreTestSupport.hpp"

using namespace sotto;
using namespace sotto::e2ee;
using namespace sotto::e2ee::store;
using store::test::Folder;

namespace {

void writeMessage(int pipe, const signal::CiphertextMessage& message) {
  uint8_t length[4];
  base::storeU32(length, static_cast<uint32_t>(message.body.size()));
  if (::write(pipe, length, sizeof length) < 0) ::_exit(1);
  if (::write(pipe, message.body.data(), message.body.size()) < 0) ::_exit(1);
}

/// The process that is killed: seals, saves, releases, sends; without end.
[[noreturn]] void sealWithoutEnd(const std::string& path, const KeyFile& key, uint64_t life, int pipe) {
  // The system's randomness: from a seed each life would draw the same nonces as the one before.
  base::SystemRandom random;
  auto opened = DeviceStoreFile::open(path, key, random);
  if (!opened) ::_exit(2);
  for (uint64_t i = 0;; ++i) {
    const std::string text = "life " + std::to_string(life) + " message " + std::to_string(i);
    auto pending = opened->device.encrypt({"bob", "phone"}, signal::test::bytesOf(text));
    const auto receipt = opened->file.save(opened->device);
    if (!pending || !receipt) ::_exit(3);
    const auto released = std::move(*pending).release(*receipt);
    if (!released) ::_exit(4);
    writeMessage(pipe, *released);
  }
}

bool readExactly(int pipe, uint8_t* out, size_t size) {
  while (size > 0) {
    const ssize_t got = ::read(pipe, out, size);
    if (got <= 0) return false;
    out += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

/// The next whole message from the pipe; nothing when the writer is dead.
std::optional<signal::test::Bytes> readMessage(int pipe) {
  uint8_t length[4];
  if (!readExactly(pipe, length, sizeof length)) return std::nullopt;
  signal::test::Bytes body(base::loadU32(length));
  if (!readExactly(pipe, body.data(), body.size())) return std::nullopt;
  return body;
}

struct Life {
  pid_t pid = 0;
  int pipe = -1;
};

Life startLife(const std::string& path, const KeyFile& key, uint64_t life) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::close(ends[0]);
    sealWithoutEnd(path, key, life, ends[1]);
  }
  ::close(ends[1]);
  return {pid, ends[0]};
}

}  // namespace

TEST_CASE("a device that is killed again and again never uses a message key twice") {
  Folder folder;
  const std::string path = folder / "device";
  const KeyFile key{folder / "key"};
  base::SystemRandom systemRandom;
  const uint64_t seed = systemRandom.u64();
  INFO("seed " << seed);
  base::SeededRandom dice(seed);

  signal::test::TestDevice bob("bob", 2);
  {
    auto alice = signal::DeviceStore::create({"alice", "phone"}, systemRandom, 0);
    REQUIRE(alice.begin(bob.name(), bob.bundle(), systemRandom));
    REQUIRE(DeviceStoreFile::create(path, key, alice, systemRandom));
  }
  // By (ratchet key, counter): what was sealed under that message key.
  std::map<std::string, std::string> used;
  size_t total = 0;
  for (uint64_t life = 0; life < 25; ++life) {
    const Life process = startLife(path, key, life);
    // Killed after so many messages have come out, somewhere in the work on a later one.
    const uint32_t wanted = 1 + dice.u32() % 12;
    for (volatile uint32_t spin = dice.u32() % 200000; spin > 0;) spin = spin - 1;
    std::vector<signal::test::Bytes> bodies;
    for (uint32_t i = 0; i < wanted; ++i) {
      auto body = readMessage(process.pipe);
      REQUIRE(body);
      bodies.push_back(std::move(*body));
    }
    ::kill(process.pid, SIGKILL);
    // What it had written before it died counts as sent too.
    while (auto body = readMessage(process.pipe)) bodies.push_back(std::move(*body));
    ::close(process.pipe);
    int status = 0;
    REQUIRE(::waitpid(process.pid, &status, 0) == process.pid);
    REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    for (const auto& body : bodies) {
      const auto message = signal::PreKeySignalMessage::parse(body);
      REQUIRE(message);
      const auto& fields = message->message.fields();
      const std::string name =
          signal::test::toHex(fields.ratchetKey.u()) + " " + std::to_string(fields.counter);
      INFO("life " << life << ", key " << name);
      REQUIRE(used.emplace(name, signal::test::toHex(body)).second);
      const auto opened =
          bob.store.decrypt({"alice", "phone"}, signal::CiphertextMessage::Type::PreKey, body, bob.random);
      REQUIRE(opened);
      CHECK(std::string(opened->begin(), opened->end()).starts_with("life " + std::to_string(life) + " "));
    }
    total += bodies.size();
  }
  CHECK(total >= 25);
  const auto opened = DeviceStoreFile::open(path, key, systemRandom);
  REQUIRE(opened);
  CHECK(opened->device.session(bob.name())->current().sendingChain().index >= total);
}
