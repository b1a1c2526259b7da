// Keeps two processes from going on from one state, which would use message keys twice.
#pragma once

#include <string>
#include <utility>

#include "media/base/Expected.hpp"

namespace sotto::e2ee::store {

/// An exclusive lock on a file of its own, which stays behind, empty. The kernel frees it when the process
/// ends, however it ends.
class FileLock {
 public:
  /// At once, or an error when another process (or another FileLock in this one) has it.
  static base::Expected<FileLock> take(const std::string& path);
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace sotto::e2ee::store
