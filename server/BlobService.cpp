#include "server/BlobService.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>

namespace sotto::server {

using signaling::Result;

namespace {

constexpr std::chrono::minutes sweepEvery{10};
constexpr uint64_t pieceBytes = 256 * 1024;

std::optional<std::string> readPiece(int fd, uint64_t from, size_t size) {
  std::string bytes(size, '\0');
  size_t filled = 0;
  while (filled < size) {
    const ssize_t got = ::pread(fd, bytes.data() + filled, size - filled, static_cast<off_t>(from + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    filled += static_cast<size_t>(got);
  }
  return bytes;
}

}  // namespace

class BlobService::Source final : public BodySource {
 public:
  Source(BlobService& service, std::shared_ptr<FileHandle> file, Piece piece)
      : service_(service),
        file_(std::move(file)),
        size_(piece.to - piece.from),
        next_(piece.from),
        end_(piece.to) {}

  uint64_t size() const override { return size_; }
  void read(std::function<void(std::optional<std::string>)> done) override {
    const uint64_t from = next_;
    const size_t count = static_cast<size_t>(std::min(pieceBytes, end_ - from));
    next_ += count;
    service_.bytesOut_ += count;
    service_.run([file = file_, from, count] { return readPiece(file->get(), from, count); },
                 std::move(done));
  }

 private:
  BlobService& service_;
  std::shared_ptr<FileHandle> file_;
  uint64_t size_, next_, end_;
};

BlobService::BlobService(boost::asio::io_context& io, std::unique_ptr<BlobStore> store,
                         std::function<int64_t()> unixMs)
    : io_(io), store_(std::move(store)), unixMs_(std::move(unixMs)), timer_(io), usage_(store_->total()) {
  sweepLater();
}

BlobService::~BlobService() {
  pool_.join();
}

void BlobService::sweepLater() {
  timer_.expires_after(sweepEvery);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    run([this, now = unixMs_()] { return std::pair(store_->sweep(now), store_->total()); },
        [this](std::pair<size_t, BlobStore::Usage> result) {
          swept_ += result.first;
          usage_ = result.second;
        });
    sweepLater();
  });
}

void BlobService::create(const std::string& owner, uint64_t size, Done<Created> done) {
  using Outcome = std::pair<Result<Created>, BlobStore::Usage>;
  run(
      [this, owner, size, now = unixMs_()] {
        store_->sweep(now);
        auto id = store_->create(owner, size, now);
        if (!id) return Outcome(tl::make_unexpected(id.error()), store_->total());
        const auto info = store_->find(*id, now);
        return Outcome(Created{*id, info ? info->expiresMs : now}, store_->total());
      },
      [this, done = std::move(done)](Outcome outcome) {
        usage_ = outcome.second;
        ++(outcome.first ? created_ : refused_);
        done(std::move(outcome.first));
      });
}

void BlobService::find(const std::string& id, Done<BlobStore::Info> done) {
  run([this, id, now = unixMs_()] { return store_->find(id, now); }, std::move(done));
}

void BlobService::append(const std::string& id, const std::string& owner, const BlobStore::Place& place,
                         std::string bytes, bool last, Done<uint64_t> done) {
  bytesIn_ += bytes.size();
  run(
      [this, id, owner, place, bytes = std::move(bytes), last, now = unixMs_()] {
        auto appended = store_->append(id, owner, place, bytes, now);
        // An offset that was wrong is answered with the true one, and changes nothing.
        if (appended && last && *appended == place.offset + bytes.size()) appended = store_->settle(id);
        return appended;
      },
      std::move(done));
}

void BlobService::read(const std::string& id, Done<std::shared_ptr<FileHandle>> done) {
  run(
      [this, id, now = unixMs_()]() -> Result<std::shared_ptr<FileHandle>> {
        auto file = store_->read(id, now);
        if (!file) return tl::make_unexpected(file.error());
        return std::make_shared<FileHandle>(*std::move(file));
      },
      std::move(done));
}

void BlobService::remove(const std::string& id, const std::string& owner, Done<None> done) {
  using Outcome = std::pair<Result<None>, BlobStore::Usage>;
  run(
      [this, id, owner, now = unixMs_()] {
        const auto removed = store_->remove(id, owner, now);
        if (!removed) return Outcome(tl::make_unexpected(removed.error()), store_->total());
        return Outcome(None{}, store_->total());
      },
      [this, done = std::move(done)](Outcome outcome) {
        usage_ = outcome.second;
        done(std::move(outcome.first));
      });
}

std::shared_ptr<BodySource> BlobService::source(std::shared_ptr<FileHandle> file, Piece piece) {
  return std::make_shared<Source>(*this, std::move(file), piece);
}

std::vector<control::Counter> BlobService::counters() const {
  return {{"blobs", usage_.blobs},
          {"blob_bytes", usage_.bytes},
          {"blobs_created_total", created_},
          {"blobs_refused_total", refused_},
          {"blobs_expired_total", swept_},
          {"blob_bytes_received_total", bytesIn_},
          {"blob_bytes_sent_total", bytesOut_}};
}

}  // namespace sotto::server
