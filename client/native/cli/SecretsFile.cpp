// Each line is written at once, so that a test can read along; see the header.
#include "client/native/cli/SecretsFile.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "client/native/cli/Say.hpp"
#include "client/native/e2ee/SecretNotice.hpp"

namespace sotto::client::cli {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(fd_); }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string lineOf(std::string_view kind, base::ByteView secret) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string line(kind);
  line += '\t';
  for (const uint8_t byte : secret) {
    line += digits[byte >> 4];
    line += digits[byte & 15];
  }
  return line + '\n';
}

}  // namespace

base::Expected<void> logSecrets(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return base::fail("--log-secrets " + path + ": " + std::strerror(errno));
  say("*** every key of this process is written to " + path + ": for tests alone ***");
  e2ee::listenToSecrets(
      [file = std::make_shared<Descriptor>(fd)](std::string_view kind, base::ByteView secret) {
        const std::string line = lineOf(kind, secret);
        // A test that misses a line finds fewer secrets to look for, so that must not go unnoticed.
        if (::write(file->get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
          throw std::runtime_error("the file of --log-secrets cannot be written");
        }
      });
  return {};
}

}  // namespace sotto::client::cli
