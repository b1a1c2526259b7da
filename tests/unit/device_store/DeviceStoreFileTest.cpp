// The store file: what it keeps, whom it opens for, and what it refuses.
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "client/native/e2ee/store/AtomicFile.hpp"
#include "tests/unit/device_store/StoreTestSupport.hpp"

using namespace sotto;
using namespace sotto::e2ee;
using namespace sotto::e2ee::store;
using store::test::Folder;

namespace {

constexpr size_t anySize = size_t{1} << 20;
/// As cheap as Argon2id goes: these tests are not about its cost.
const Passphrase passphrase{"correct horse", {1, 8}};

struct Fixture {
  Folder folder;
  std::string path = folder / "device";
  base::SeededRandom random{1};
  signal::DeviceStore device = signal::DeviceStore::create({"alice", "phone"}, random, 0);

  DeviceStoreFile create(const Unlock& unlock) {
    auto file = DeviceStoreFile::create(path, unlock, device, random);
    REQUIRE(file);
    return std::move(*file);
  }
  std::string openError(const Unlock& unlock) {
    const auto opened = DeviceStoreFile::open(path, unlock, random);
    return opened ? "" : opened.error().message;
  }
  std::vector<uint8_t> content() { return readFile(path, anySize).value(); }
};

bool contains(const std::vector<uint8_t>& haystack, base::ByteView needle) {
  return !std::ranges::search(haystack, needle).empty();
}

}  // namespace

TEST_CASE("a device is found again under its key file or passphrase") {
  for (const bool withPassphrase : {false, true}) {
    Fixture fixture;
    const Unlock unlock = withPassphrase ? Unlock(passphrase) : Unlock(KeyFile{fixture.folder / "key"});
    {
      DeviceStoreFile file = fixture.create(unlock);
      fixture.device.setSection("later", std::vector<uint8_t>{1, 2, 3});
      REQUIRE(file.save(fixture.device));
    }
    const auto opened = DeviceStoreFile::open(fixture.path, unlock, fixture.random);
    REQUIRE(opened);
    CHECK(opened->device.self() == signal::DeviceName{"alice", "phone"});
    CHECK(opened->device.keys().identity().publicKey == fixture.device.keys().identity().publicKey);
    CHECK(opened->device.section("later").size() == 3);
    CHECK(opened->device.revision() == fixture.device.revision());
  }
}

TEST_CASE("nothing secret and nothing readable stands in the file") {
  Fixture fixture;
  fixture.create(KeyFile{fixture.folder / "key"});
  const auto content = fixture.content();
  CHECK(!contains(content, fixture.device.keys().identity().privateKey.view()));
  CHECK(!contains(content, fixture.device.keys().identity().publicKey.u()));
  const std::string name = "alice";
  CHECK(!contains(content, base::ByteView(reinterpret_cast<const uint8_t*>(name.data()), name.size())));
  const auto key = readFile(fixture.folder / "key", anySize).value();
  CHECK(key.size() == 32);
  CHECK(!contains(content, key));
}

TEST_CASE("store and key file are readable by their owner alone") {
  Fixture fixture;
  fixture.create(KeyFile{fixture.folder / "key"});
  for (const char* name : {"device", "key"}) {
    struct stat status {};
    REQUIRE(::stat((fixture.folder / name).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }
}

TEST_CASE("the wrong key or passphrase opens nothing") {
  Fixture fixture;
  fixture.create(KeyFile{fixture.folder / "key"});
  REQUIRE(createFile(fixture.folder / "other", std::vector<uint8_t>(32, 7)));
  REQUIRE(createFile(fixture.folder / "short", std::vector<uint8_t>(31, 7)));
  CHECK(fixture.openError(KeyFile{fixture.folder / "key"}).empty());
  CHECK(fixture.openError(KeyFile{fixture.folder / "other"}).find("key is wrong") != std::string::npos);
  CHECK(fixture.openError(KeyFile{fixture.folder / "short"}).find("32 bytes") != std::string::npos);
  CHECK(fixture.openError(KeyFile{fixture.folder / "none"}).find("cannot read") != std::string::npos);
  CHECK(fixture.openError(passphrase).find("key file") != std::string::npos);

  Fixture other;
  other.create(passphrase);
  CHECK(other.openError(Passphrase{"wrong horse", {}}).find("key is wrong") != std::string::npos);
  CHECK(other.openError(Passphrase{"correct horse", {}}).empty());
}

TEST_CASE("a file with a byte changed or cut off is refused") {
  Fixture fixture;
  const KeyFile key{fixture.folder / "key"};
  fixture.create(key);
  const auto good = fixture.content();
  for (size_t i = 0; i < good.size(); ++i) {
    auto damaged = good;
    damaged[i] ^= 1;
    REQUIRE(replaceFile(fixture.path, damaged));
    INFO("byte " << i);
    CHECK(!fixture.openError(key).empty());
  }
  for (const size_t size : {size_t{0}, size_t{1}, size_t{60}, size_t{90}, good.size() - 1}) {
    REQUIRE(replaceFile(fixture.path, base::ByteView(good).first(size)));
    CHECK(!fixture.openError(key).empty());
  }
  REQUIRE(replaceFile(fixture.path, good));
  CHECK(fixture.openError(key).empty());
}

TEST_CASE("a file may not ask for a year of stretching") {
  Fixture fixture;
  fixture.create(passphrase);
  auto content = fixture.content();
  // Passes and KiB stand behind the magic, version and lock.
  base::storeU32(&content[10], 1u << 30);
  CHECK(!readSealHeader(content));
  base::storeU32(&content[10], 1);
  base::storeU32(&content[14], UINT32_MAX);
  CHECK(!readSealHeader(content));
}

TEST_CASE("no two states are sealed alike") {
  Fixture fixture;
  DeviceStoreFile file = fixture.create(KeyFile{fixture.folder / "key"});
  const auto first = fixture.content();
  REQUIRE(file.save(fixture.device));
  const auto second = fixture.content();
  CHECK(first.size() == second.size());
  // Header and salt stay; nonce and everything behind it do not.
  CHECK(std::equal(first.begin(), first.begin() + 34, second.begin()));
  CHECK(!std::equal(first.begin() + 34, first.begin() + 58, second.begin() + 34));
  CHECK(!std::equal(first.begin() + 58, first.end(), second.begin() + 58));
}

TEST_CASE("a second process is refused as long as the first has the store") {
  Fixture fixture;
  const KeyFile key{fixture.folder / "key"};
  {
    const DeviceStoreFile file = fixture.create(key);
    CHECK(fixture.openError(key).find("another process") != std::string::npos);
  }
  CHECK(fixture.openError(key).empty());
}

TEST_CASE("a device is neither made over another nor found where there is none") {
  Fixture fixture;
  const KeyFile key{fixture.folder / "key"};
  CHECK(fixture.openError(key).find("no device") != std::string::npos);
  fixture.create(key);
  CHECK(!DeviceStoreFile::create(fixture.path, key, fixture.device, fixture.random));
  auto opened = DeviceStoreFile::open(fixture.path, key, fixture.random);
  REQUIRE(opened);
  REQUIRE(std::move(opened->file).remove());
  CHECK(!DeviceStoreFile::exists(fixture.path));
}

TEST_CASE("what a crash left of a write is ignored and overwritten") {
  Fixture fixture;
  const KeyFile key{fixture.folder / "key"};
  DeviceStoreFile file = fixture.create(key);
  REQUIRE(createFile(fixture.path + ".new", std::vector<uint8_t>(100000, 1)));
  REQUIRE(file.save(fixture.device));
  CHECK(!std::filesystem::exists(fixture.path + ".new"));
}

TEST_CASE("a store that cannot be written gives no receipt") {
  Fixture fixture;
  DeviceStoreFile file = fixture.create(KeyFile{fixture.folder / "key"});
  // A folder stands where the new state should be written, which even root cannot write over.
  std::filesystem::create_directory(fixture.path + ".new");
  CHECK(!file.save(fixture.device));
  std::filesystem::remove(fixture.path + ".new");
  CHECK(file.save(fixture.device));
}
