// Whole-file replacement; see the header.
#include "client/native/e2ee/store/AtomicFile.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sotto::e2ee::store {
namespace {

/// Closes what it holds.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool isOpen() const { return fd_ >= 0; }

 private:
  int fd_;
};

auto failed(const char* what, const std::string& path) {
  return base::fail(std::string("cannot ") + what + " " + path + ": " + std::strerror(errno));
}

std::string folderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool writeAll(int fd, base::ByteView content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    content = content.subspan(static_cast<size_t>(written));
  }
  return true;
}

/// A rename is durable once the folder is.
base::Expected<void> flushFolder(const std::string& path) {
  const std::string folder = folderOf(path);
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.isOpen() || ::fsync(fd.get()) != 0) return failed("flush", folder);
  return {};
}

base::Expected<void> writeFlushed(const std::string& path, int flags, base::ByteView content) {
  const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600));
  if (!fd.isOpen()) return failed("create", path);
  if (!writeAll(fd.get(), content) || ::fsync(fd.get()) != 0) return failed("write", path);
  return {};
}

}  // namespace

base::Expected<void> replaceFile(const std::string& path, base::ByteView content) {
  // One writer at a time (FileLock), so the name may be a fixed one; what a crash left of it is overwritten.
  const std::string fresh = path + ".new";
  if (auto written = writeFlushed(fresh, O_TRUNC, content); !written) return written;
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failed("replace", path);
  return flushFolder(path);
}

base::Expected<void> createFile(const std::string& path, base::ByteView content) {
  const std::string fresh = path + ".new";
  if (auto written = writeFlushed(fresh, O_TRUNC, content); !written) return written;
  // Unlike a rename, a link never replaces what is there.
  const bool linked = ::link(fresh.c_str(), path.c_str()) == 0;
  const int error = errno;
  ::unlink(fresh.c_str());
  errno = error;
  if (!linked) return failed("create", path);
  return flushFolder(path);
}

base::Expected<std::vector<uint8_t>> readFile(const std::string& path, size_t limit) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!fd.isOpen() || ::fstat(fd.get(), &status) != 0) return failed("read", path);
  if (!S_ISREG(status.st_mode)) return base::fail(path + " is not a file");
  if (static_cast<uint64_t>(status.st_size) > limit) return base::fail(path + " is too large");
  std::vector<uint8_t> content(static_cast<size_t>(status.st_size));
  size_t have = 0;
  while (have < content.size()) {
    const ssize_t count = ::read(fd.get(), content.data() + have, content.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed("read", path);
    if (count == 0) break;
    have += static_cast<size_t>(count);
  }
  content.resize(have);
  return content;
}

}  // namespace sotto::e2ee::store
