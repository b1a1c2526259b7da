// The blob store from the event loop: a thread of its own does what waits for the disk.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "media/control/Messages.hpp"
#include "server/BlobStore.hpp"
#include "server/Http.hpp"

namespace sotto::server {

class BlobService {
 public:
  template <typename T>
  using Done = std::function<void(signaling::Result<T>)>;
  struct None {};
  struct Created {
    std::string id;
    int64_t expiresMs = 0;
  };
  /// Both ends of a piece of a blob, for reading.
  struct Piece {
    uint64_t from = 0, to = 0;  ///< `to` is not in it
  };

  /// `store` may be reached through this service only from here on.
  BlobService(boost::asio::io_context& io, std::unique_ptr<BlobStore> store, std::function<int64_t()> unixMs);
  /// Waits for what is under way.
  ~BlobService();

  // Each answers once, later, in the event loop.

  void create(const std::string& owner, uint64_t size, Done<Created> done);
  void find(const std::string& id, Done<BlobStore::Info> done);
  /// `last`: on stable storage before it is answered.
  void append(const std::string& id, const std::string& owner, const BlobStore::Place& place,
              std::string bytes, bool last, Done<uint64_t> done);
  void read(const std::string& id, Done<std::shared_ptr<FileHandle>> done);
  void remove(const std::string& id, const std::string& owner, Done<None> done);
  /// A piece of an open blob.
  std::shared_ptr<BodySource> source(std::shared_ptr<FileHandle> file, Piece piece);

  std::vector<control::Counter> counters() const;

 private:
  class Source;
  void sweepLater();
  /// Does `work` in the disk's thread, then hands its result to `done` in the event loop. What `done` holds
  /// is moved along and never copied, so that nothing of it dies in the other thread.
  template <typename Work, typename Finish>
  void run(Work work, Finish done) {
    boost::asio::post(pool_, [this, work = std::move(work), done = std::move(done)]() mutable {
      auto result = work();
      boost::asio::post(
          io_, [result = std::move(result), done = std::move(done)]() mutable { done(std::move(result)); });
    });
  }

  boost::asio::io_context& io_;
  std::unique_ptr<BlobStore> store_;
  std::function<int64_t()> unixMs_;
  boost::asio::steady_timer timer_;
  BlobStore::Usage usage_;  ///< as the disk's thread told it last
  uint64_t created_ = 0, swept_ = 0, bytesIn_ = 0, bytesOut_ = 0, refused_ = 0;
  boost::asio::thread_pool pool_{1};
};

}  // namespace sotto::server
