#include "server/SqliteStorage.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "server/Log.hpp"

namespace sotto::server {

using signaling::CommitResult;
using signaling::StorageBatch;
using signaling::StorageEntry;
using signaling::StorageVersion;

namespace {

/// Calls carried out in one transaction at most: bounds how long the first of them waits for the last.
constexpr size_t maxGroup = 512;
/// Our tables in a file: what a later version of this program looks at before it touches one.
constexpr int schemaVersion = 1;
constexpr std::chrono::seconds errorPause{10};
constexpr mode_t othersBits = S_IRWXG | S_IRWXO;

struct StatementDeleter {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, StatementDeleter>;

/// Leaves a statement as it was before its use, whatever happened meanwhile.
class Use {
 public:
  explicit Use(const Statement& statement) : statement_(statement.get()) {}
  ~Use() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  /// The bytes must outlive the use.
  void bind(int index, std::string_view bytes) {
    // A null pointer would bind NULL, which an empty value is not.
    const char* data = bytes.empty() ? "" : bytes.data();
    sqlite3_bind_blob64(statement_, index, data, bytes.size(), SQLITE_STATIC);
  }
  void bind(int index, uint64_t number) {
    sqlite3_bind_int64(statement_, index, static_cast<sqlite3_int64>(number));
  }
  int step() { return sqlite3_step(statement_); }
  std::string bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);
    const auto size = static_cast<size_t>(sqlite3_column_bytes(statement_, column));
    return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
  }
  uint64_t number(int column) const {
    return static_cast<uint64_t>(sqlite3_column_int64(statement_, column));
  }

 private:
  sqlite3_stmt* statement_;
};

/// Creates the file as nobody else may read it, or checks that one that is there is so.
base::Expected<void> ensurePrivate(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (file < 0) return base::fail(fmt::format("{} cannot be opened ({})", path, std::strerror(errno)));
  struct stat status {};
  const bool known = ::fstat(file, &status) == 0;
  ::close(file);
  if (!known || !S_ISREG(status.st_mode)) return base::fail(path + " is not a regular file");
  if ((status.st_mode & othersBits) != 0) {
    return base::fail(fmt::format("{} is open to other users (mode {:04o}), expected 0600: chmod 600 it",
                                  path, status.st_mode & 07777));
  }
  return {};
}

}  // namespace

struct SqliteStorage::Impl {
  /// A call that waits: does its part of the transaction and returns what tells its outcome, given whether
  /// the whole transaction reached the disk.
  using Finish = std::function<void(bool durable)>;
  using Call = std::function<Finish(Impl&)>;

  ~Impl() {
    if (database != nullptr) {
      for (Statement* statement : {&getStatement, &scanStatement, &putStatement, &removeStatement,
                                   &versionStatement, &saveVersionStatement}) {
        statement->reset();
      }
      sqlite3_close(database);
    }
  }

  base::Expected<void> open(const std::string& path);
  base::Expected<void> prepare(Statement& statement, const char* sql);
  bool execute(const char* sql);
  void noteError();
  void run();
  void carryOut(std::vector<Call>& group);
  CommitResult apply(const StorageBatch& batch);
  bool applyWrites(const StorageBatch& batch);
  bool versionOf(const std::string& key, StorageVersion& version);
  base::Expected<std::optional<StorageEntry>> read(const std::string& key);
  base::Expected<std::vector<StorageEntry>> readRange(const std::string& from, const std::string& to,
                                                      size_t limit);
  void push(Call call) {
    {
      const std::lock_guard lock(mutex);
      queue.push_back(std::move(call));
    }
    wake.notify_one();
  }

  Post post;
  sqlite3* database = nullptr;
  Statement getStatement, scanStatement, putStatement, removeStatement, versionStatement,
      saveVersionStatement;
  StorageVersion lastVersion = 0;
  bool wrote = false;  ///< in the present transaction
  std::chrono::steady_clock::time_point quietUntil;

  mutable std::mutex mutex;
  std::condition_variable wake;
  std::deque<Call> queue;  ///< guarded by mutex
  std::string error;       ///< guarded by mutex
  bool ending = false;     ///< guarded by mutex
  std::atomic<uint64_t> batches{0}, conflicts{0}, failures{0}, syncs{0};
  std::thread thread;
};

base::Expected<void> SqliteStorage::Impl::open(const std::string& path) {
  if (auto checked = ensurePrivate(path); !checked) return checked;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  const auto failed = [&](const char* what) {
    const char* why = database != nullptr ? sqlite3_errmsg(database) : "no memory";
    return base::fail(fmt::format("{} {} ({})", path, what, why));
  };
  if (sqlite3_open_v2(path.c_str(), &database, flags, nullptr) != SQLITE_OK)
    return failed("cannot be opened");
  // Exclusive: no second process, and no shared memory file beside the log. What is deleted is overwritten.
  for (const char* pragma : {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL",
                             "PRAGMA synchronous=FULL", "PRAGMA secure_delete=ON"}) {
    if (!execute(pragma)) {
      return sqlite3_errcode(database) == SQLITE_BUSY
                 ? base::Expected<void>(base::fail(path + " is in use by another server"))
                 : failed("is no storage of this server");
    }
  }
  Statement version;
  if (auto made = prepare(version, "PRAGMA user_version"); !made) return made;
  if (sqlite3_step(version.get()) != SQLITE_ROW) return failed("cannot be read");
  const int found = sqlite3_column_int(version.get(), 0);
  version.reset();
  if (found != 0 && found != schemaVersion) {
    return base::fail(fmt::format("{} is of version {}, expected {}: another version of the server wrote it",
                                  path, found, schemaVersion));
  }
  const std::string schema = fmt::format(
      "BEGIN IMMEDIATE;"
      "CREATE TABLE IF NOT EXISTS entries(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, version "
      "INTEGER NOT "
      "NULL);"
      "CREATE TABLE IF NOT EXISTS counter(last INTEGER NOT NULL);"
      "INSERT INTO counter(last) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM counter);"
      "PRAGMA user_version={};COMMIT",
      schemaVersion);
  if (!execute(schema.c_str())) return failed("cannot be written");
  const std::pair<Statement*, const char*> statements[] = {
      {&getStatement, "SELECT value, version FROM entries WHERE key=?1"},
      {&scanStatement,
       "SELECT key, value, version FROM entries WHERE key>=?1 AND key<?2 ORDER BY key LIMIT ?3"},
      {&putStatement, "INSERT OR REPLACE INTO entries(key, value, version) VALUES(?1, ?2, ?3)"},
      {&removeStatement, "DELETE FROM entries WHERE key=?1"},
      {&versionStatement, "SELECT version FROM entries WHERE key=?1"},
      {&saveVersionStatement, "UPDATE counter SET last=?1"}};
  for (const auto& [statement, sql] : statements) {
    if (auto made = prepare(*statement, sql); !made) return made;
  }
  Statement last;
  if (auto made = prepare(last, "SELECT last FROM counter"); !made) return made;
  if (sqlite3_step(last.get()) != SQLITE_ROW) return failed("cannot be read");
  lastVersion = static_cast<StorageVersion>(sqlite3_column_int64(last.get(), 0));
  return {};
}

base::Expected<void> SqliteStorage::Impl::prepare(Statement& statement, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database, sql, -1, &raw, nullptr) != SQLITE_OK) {
    return base::fail(fmt::format("the storage does not take \"{}\" ({})", sql, sqlite3_errmsg(database)));
  }
  statement.reset(raw);
  return {};
}

bool SqliteStorage::Impl::execute(const char* sql) {
  return sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

/// A disk that is full fails with every batch: the log hears of it now and then.
void SqliteStorage::Impl::noteError() {
  ++failures;
  const std::string what = sqlite3_errmsg(database);
  const auto now = std::chrono::steady_clock::now();
  if (now >= quietUntil) {
    quietUntil = now + errorPause;
    logError(fmt::format("storage: {}", what));
  }
  const std::lock_guard lock(mutex);
  error = what;
}

void SqliteStorage::Impl::run() {
  while (true) {
    std::vector<Call> group;
    {
      std::unique_lock lock(mutex);
      wake.wait(lock, [this] { return ending || !queue.empty(); });
      if (queue.empty()) return;
      while (!queue.empty() && group.size() < maxGroup) {
        group.push_back(std::move(queue.front()));
        queue.pop_front();
      }
    }
    carryOut(group);
  }
}

/// One transaction for all. Nobody hears of anything before it is on disk, readers included: what they have
/// seen of earlier batches of the group must not turn out never to have been.
void SqliteStorage::Impl::carryOut(std::vector<Call>& group) {
  std::vector<Finish> finishes;
  finishes.reserve(group.size());
  wrote = false;
  const StorageVersion before = lastVersion;
  bool durable = execute("BEGIN IMMEDIATE");
  for (Call& call : group) finishes.push_back(call(*this));
  if (wrote) {
    Use save(saveVersionStatement);
    save.bind(1, lastVersion);
    durable = durable && save.step() == SQLITE_DONE;
  }
  durable = durable && execute("COMMIT");
  if (durable && wrote) ++syncs;
  if (!durable) {
    noteError();
    execute("ROLLBACK");
    lastVersion = before;
  }
  // One by one: an answer that throws must not take the others with it.
  for (Finish& finish : finishes) {
    post([finish = std::move(finish), durable] { finish(durable); });
  }
}

CommitResult SqliteStorage::Impl::apply(const StorageBatch& batch) {
  ++batches;
  for (const auto& condition : batch.conditions) {
    StorageVersion version = 0;
    if (!versionOf(condition.key, version)) return CommitResult::Failed;
    if (version != condition.version) {
      ++conflicts;
      return CommitResult::Conflict;
    }
  }
  // A batch that fails half way is taken back alone; the others of the group go on.
  if (!execute("SAVEPOINT batch")) return CommitResult::Failed;
  const bool written = applyWrites(batch);
  if (!written) {
    noteError();
    execute("ROLLBACK TO batch");
  }
  if (!execute("RELEASE batch") || !written) return CommitResult::Failed;
  wrote = true;
  return CommitResult::Committed;
}

bool SqliteStorage::Impl::applyWrites(const StorageBatch& batch) {
  for (const auto& write : batch.writes) {
    Use use(write.value ? putStatement : removeStatement);
    use.bind(1, write.key);
    if (write.value) {
      use.bind(2, *write.value);
      use.bind(3, ++lastVersion);
    }
    if (use.step() != SQLITE_DONE) return false;
  }
  return true;
}

bool SqliteStorage::Impl::versionOf(const std::string& key, StorageVersion& version) {
  Use use(versionStatement);
  use.bind(1, key);
  const int status = use.step();
  if (status == SQLITE_ROW) version = use.number(0);
  if (status != SQLITE_ROW && status != SQLITE_DONE) return noteError(), false;
  return true;
}

base::Expected<std::optional<StorageEntry>> SqliteStorage::Impl::read(const std::string& key) {
  Use use(getStatement);
  use.bind(1, key);
  const int status = use.step();
  if (status == SQLITE_ROW) return StorageEntry{key, use.bytes(0), use.number(1)};
  if (status == SQLITE_DONE) return std::nullopt;
  noteError();
  return base::fail("the storage could not be read");
}

base::Expected<std::vector<StorageEntry>> SqliteStorage::Impl::readRange(const std::string& from,
                                                                         const std::string& to,
                                                                         size_t limit) {
  std::vector<StorageEntry> found;
  Use use(scanStatement);
  use.bind(1, from);
  use.bind(2, to);
  use.bind(3, static_cast<uint64_t>(limit));
  int status = use.step();
  for (; status == SQLITE_ROW; status = use.step()) {
    found.push_back({use.bytes(0), use.bytes(1), use.number(2)});
  }
  if (status == SQLITE_DONE) return found;
  noteError();
  return base::fail("the storage could not be read");
}

SqliteStorage::SqliteStorage(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

base::Expected<std::unique_ptr<SqliteStorage>> SqliteStorage::open(const std::string& path, Post post) {
  auto impl = std::make_unique<Impl>();
  impl->post = std::move(post);
  if (const auto opened = impl->open(path); !opened) return tl::make_unexpected(opened.error());
  impl->thread = std::thread([raw = impl.get()] { raw->run(); });
  return std::unique_ptr<SqliteStorage>(new SqliteStorage(std::move(impl)));
}

SqliteStorage::~SqliteStorage() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
  }
  impl_->wake.notify_one();
  impl_->thread.join();
}

// What a callback holds belongs to the event loop: it is handed on and never copied, so that nothing of it is
// left to die in the storage thread.

void SqliteStorage::get(std::string key, GetDone done) {
  impl_->push([key = std::move(key), done = std::move(done)](Impl& impl) mutable -> Impl::Finish {
    return [done = std::move(done), result = impl.read(key)](bool durable) {
      done(durable ? result : base::fail("the storage could not be read"));
    };
  });
}

void SqliteStorage::scan(std::string from, std::string to, size_t limit, ScanDone done) {
  impl_->push([from = std::move(from), to = std::move(to), limit,
               done = std::move(done)](Impl& impl) mutable -> Impl::Finish {
    return [done = std::move(done), result = impl.readRange(from, to, limit)](bool durable) {
      done(durable ? result : base::fail("the storage could not be read"));
    };
  });
}

void SqliteStorage::commit(StorageBatch batch, CommitDone done) {
  impl_->push([batch = std::move(batch), done = std::move(done)](Impl& impl) mutable -> Impl::Finish {
    return [done = std::move(done), result = impl.apply(batch)](bool durable) {
      done(durable ? result : CommitResult::Failed);
    };
  });
}

SqliteStorage::Counters SqliteStorage::counters() const {
  const std::lock_guard lock(impl_->mutex);
  return {impl_->batches, impl_->conflicts, impl_->failures, impl_->syncs, impl_->queue.size()};
}

std::string SqliteStorage::lastError() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->error;
}

}  // namespace sotto::server
