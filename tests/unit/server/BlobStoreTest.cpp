#include "server/BlobStore.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace sotto::server {
namespace {

using signaling::ErrorCode;

struct Fixture {
  Fixture() {
    char name[] = "/tmp/sotto-blobs-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    folder = std::string(name) + "/blobs";
    open();
  }
  ~Fixture() { std::filesystem::remove_all(std::filesystem::path(folder).parent_path()); }
  void open() {
    auto opened = BlobStore::open(folder, limits, random);
    REQUIRE(opened.has_value());
    store = *std::move(opened);
  }
  std::string create(uint64_t size, const std::string& owner = "alice") {
    return store->create(owner, size, now).value();
  }
  std::string contents(const std::string& id) {
    const auto file = store->read(id, now);
    if (!file) return "-";
    std::string bytes(1 << 22, '\0');
    bytes.resize(static_cast<size_t>(::pread(file->get(), bytes.data(), bytes.size(), 0)));
    return bytes;
  }
  size_t files() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
  }

  BlobLimits limits{4 << 20, 6 << 20, 10 << 20, 4, 1000};
  base::SeededRandom random{5};
  std::string folder;
  int64_t now = 1'000'000;
  std::unique_ptr<BlobStore> store;
};

template <typename T>
ErrorCode codeOf(const signaling::Result<T>& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error().code;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "A blob grows by appending, and can be read once it is whole") {
  const std::string id = create(10);
  CHECK(store->append(id, "alice", 0, "01234", now) == 5);
  CHECK(codeOf(store->read(id, now)) == ErrorCode::NotFound);
  CHECK(store->append(id, "alice", 3, "xx", now) == 5);
  CHECK(store->append(id, "alice", 7, "xx", now) == 5);
  CHECK(codeOf(store->append(id, "alice", 5, "567890", now)) == ErrorCode::TooLarge);
  CHECK(codeOf(store->append(id, "bob", 5, "56789", now)) == ErrorCode::Forbidden);
  CHECK(store->append(id, "alice", 5, "56789", now) == 10);
  CHECK(store->settle(id) == 10);
  CHECK(contents(id) == "0123456789");
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    struct stat status {};
    REQUIRE(::stat(entry.path().c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }
}

TEST_CASE_METHOD(Fixture,
                 "A request that goes past a blob's size is refused whole and leaves the blob as it was") {
  const std::string id = create(3 << 20);
  REQUIRE(store->append(id, "alice", 0, std::string(1000, 'a'), now) == 1000u);
  using Place = BlobStore::Place;
  SECTION("its length was said beforehand: nothing of it is taken") {
    CHECK(codeOf(store->append(id, "alice", Place(1000, 1000, (3 << 20) + 1), "b", now)) ==
          ErrorCode::TooLarge);
  }
  SECTION("it was not: what was taken is given back, also what was on stable storage already") {
    // More than what is settled at once.
    const std::string piece(1'500'000, 'b');
    REQUIRE(store->append(id, "alice", Place(1000, 1000, std::nullopt), piece, now) == 1'501'000u);
    CHECK(codeOf(store->append(id, "alice", Place(1'501'000, 1000, std::nullopt), piece + piece, now)) ==
          ErrorCode::TooLarge);
  }
  SECTION("another request has taken its place meanwhile: that one's bytes stay") {
    REQUIRE(store->append(id, "alice", 1000, std::string(500, 'c'), now) == 1500u);
    CHECK(store->append(id, "alice", Place(1000, 0, std::nullopt), std::string(4 << 20, 'b'), now) == 1500u);
    CHECK(store->find(id, now)->offset == 1500);
    return;
  }
  CHECK(store->find(id, now)->offset == 1000);
  CHECK(store->append(id, "alice", 1000, "x", now) == 1001u);
  REQUIRE(store->settle(id) == 1001u);
  open();
  CHECK(store->find(id, now)->offset == 1001);
}

TEST_CASE_METHOD(Fixture, "After a crash a blob goes on from what was settled") {
  const std::string settled = create(10);
  const std::string unsettled = create(10);
  const std::string large = create(3 << 20);
  store->append(settled, "alice", 0, "01234", now);
  store->settle(settled);
  store->append(settled, "alice", 5, "567", now);
  store->append(unsettled, "alice", 0, "01234", now);
  store->append(large, "alice", 0, std::string((1 << 20) + 7, 'x'), now);
  open();
  CHECK(store->find(settled, now)->offset == 5);
  CHECK(store->find(unsettled, now)->offset == 0);
  CHECK(store->find(large, now)->offset == (1 << 20) + 7);
  CHECK(store->append(settled, "alice", 5, "abcde", now) == 10);
  store->settle(settled);
  open();
  CHECK(contents(settled) == "01234abcde");
  CHECK(store->usage("alice").bytes == 20 + (3 << 20));
}

TEST_CASE_METHOD(Fixture, "Quotas count what was announced, for each user and in all") {
  CHECK(codeOf(store->create("alice", (4 << 20) + 1, now)) == ErrorCode::TooLarge);
  create(4 << 20);
  CHECK(codeOf(store->create("alice", (2 << 20) + 1, now)) == ErrorCode::QuotaExceeded);
  const std::string small = create(1);
  create(1);
  create(1);
  CHECK(codeOf(store->create("alice", 1, now)) == ErrorCode::QuotaExceeded);
  REQUIRE(store->remove(small, "alice", now));
  create(1);
  create(4 << 20, "bob");
  CHECK(codeOf(store->create("carol", 3 << 20, now)) == ErrorCode::QuotaExceeded);
  CHECK(codeOf(store->remove(small, "alice", now)) == ErrorCode::NotFound);
  open();
  CHECK(codeOf(store->create("carol", 3 << 20, now)) == ErrorCode::QuotaExceeded);
  CHECK(store->total().blobs == 5);
}

TEST_CASE_METHOD(Fixture, "Blobs that are too old are not found, and swept away") {
  const std::string id = create(1);
  REQUIRE(store->append(id, "alice", 0, "x", now));
  now += 999;
  CHECK(contents(id) == "x");
  now += 1;
  CHECK(codeOf(store->find(id, now)) == ErrorCode::NotFound);
  CHECK(codeOf(store->append(id, "alice", 1, "", now)) == ErrorCode::NotFound);
  CHECK(contents(id) == "-");
  CHECK(files() == 2);
  CHECK(store->sweep(now) == 1);
  CHECK(files() == 0);
  CHECK(store->total().blobs == 0);
}

TEST_CASE_METHOD(Fixture, "Broken and left-over files are cleared away at the start, others stay") {
  const std::string id = create(5);
  REQUIRE(store->append(id, "alice", 0, "01234", now));
  REQUIRE(store->settle(id));
  const auto write = [this](const std::string& name, const std::string& text) {
    std::ofstream(folder + "/" + name) << text;
  };
  const std::string other(64, 'a'), third(64, 'b');
  write(other + ".blob", "nobody's");
  write(third + ".new", "");
  write(third + ".info", "00000000000000000009{\"owner\":\"x\",\"size\":9,\"expires\":99999999999999}");
  write("notes.txt", "an operator's");
  std::filesystem::resize_file(folder + "/" + id + ".blob", 5);
  open();
  CHECK(contents(id) == "01234");
  CHECK(files() == 3);
  // A blob that is shorter than what was settled is no blob any more.
  std::filesystem::resize_file(folder + "/" + id + ".blob", 4);
  open();
  CHECK(codeOf(store->find(id, now)) == ErrorCode::NotFound);
  open();
  CHECK(files() == 1);
}

}  // namespace sotto::server
