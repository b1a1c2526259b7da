// Sealed files on disk, in one folder: `<id>.blob` holds the bytes, `<id>.info` who they belong to and how
// many of them are known to be on stable storage. Survives a crash at any moment: what was not known to be
// written is cut off at the next start, and the upload goes on from there. Called from one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "media/base/Expected.hpp"
#include "media/base/Random.hpp"
#include "signaling/RequestError.hpp"

namespace sotto::server {

struct BlobLimits {
  uint64_t maxBytes = 0;    ///< of one blob
  uint64_t userBytes = 0;   ///< of all blobs of one user, as announced
  uint64_t totalBytes = 0;  ///< of all
  size_t userBlobs = 0;
  int64_t keepMs = 0;
};

/// A file descriptor that closes itself.
class FileHandle {
 public:
  explicit FileHandle(int fd = -1) : fd_(fd) {}
  FileHandle(FileHandle&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileHandle& operator=(FileHandle&& other) noexcept;
  ~FileHandle();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

class BlobStore {
 public:
  /// What is known of one blob.
  struct Info {
    std::string owner;  ///< user
    uint64_t size = 0;
    uint64_t offset = 0;  ///< bytes that are there
    int64_t expiresMs = 0;
    bool whole() const { return offset == size; }
  };
  /// Where bytes go that belong to one request.
  struct Place {
    Place(uint64_t at)
        : offset(at), begun(at) {}  // NOLINT(google-explicit-constructor): a request of its own
    Place(uint64_t at, uint64_t requestBegun, std::optional<uint64_t> requestEnds)
        : offset(at), begun(requestBegun), ends(requestEnds) {}
    uint64_t offset;
    uint64_t begun;                ///< where the request's first byte went
    std::optional<uint64_t> ends;  ///< behind its last byte, where that is known
  };
  struct Usage {
    uint64_t bytes = 0;
    size_t blobs = 0;
  };

  /// Makes the folder where it is not there, and takes up what is in it.
  static base::Expected<std::unique_ptr<BlobStore>> open(const std::string& folder, const BlobLimits& limits,
                                                         base::Random& random);

  /// A new blob of `size` bytes; its id. TooLarge or QuotaExceeded past the limits.
  signaling::Result<std::string> create(const std::string& owner, uint64_t size, int64_t nowMs);
  /// NotFound also for one that is too old.
  signaling::Result<Info> find(const std::string& id, int64_t nowMs) const;
  /// Appends bytes; nothing happens and the true offset is returned when their place is not where the blob
  /// ends. TooLarge when the request goes past the announced size, and then the blob is as it was before that
  /// request. Not yet on stable storage: see settle().
  signaling::Result<uint64_t> append(const std::string& id, const std::string& owner, const Place& place,
                                     std::string_view bytes, int64_t nowMs);
  /// What was appended is on stable storage after this.
  signaling::Result<uint64_t> settle(const std::string& id);
  /// The bytes of a whole blob; NotFound when it is none.
  signaling::Result<FileHandle> read(const std::string& id, int64_t nowMs) const;
  signaling::Result<void> remove(const std::string& id, const std::string& owner, int64_t nowMs);
  /// Deletes what is too old; how many that were.
  size_t sweep(int64_t nowMs);

  const Usage& total() const { return total_; }
  Usage usage(const std::string& owner) const;

 private:
  struct Blob {
    Info info;
    uint64_t settled = 0;  ///< bytes known to be on stable storage
  };
  using Blobs = std::map<std::string, Blob, std::less<>>;

  BlobStore(std::string folder, const BlobLimits& limits, base::Random& random);
  base::Expected<void> load();
  void takeUp(const std::string& id);
  std::string path(std::string_view id, std::string_view suffix) const;
  bool writeInfo(const std::string& id, const Info& info) const;
  void count(const Info& info, bool added);
  void forget(Blobs::iterator blob);
  bool cutBack(const std::string& id, Blob& blob, uint64_t offset) const;

  std::string folder_;
  FileHandle folderHandle_;
  BlobLimits limits_;
  base::Random& random_;
  Blobs blobs_;
  std::map<std::string, Usage> users_;
  Usage total_;
};

}  // namespace sotto::server
