#include "media/control/Channel.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sotto::control {

base::Expected<std::pair<Channel, Channel>> Channel::makePair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return base::fail(std::string("socketpair: ") + std::strerror(errno));
  }
  return std::make_pair(Channel(ends[0]), Channel(ends[1]));
}

Channel::Channel(int descriptor) : descriptor_(descriptor), buffer_(maxMessageBytes, '\0') {
  fcntl(descriptor_, F_SETFL, fcntl(descriptor_, F_GETFL) | O_NONBLOCK);
  // Room for more than one large message; the kernel bounds it to net.core.wmem_max by itself.
  const int bytes = 4 * static_cast<int>(maxMessageBytes);
  setsockopt(descriptor_, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

Channel::Channel(Channel&& other) noexcept
    : descriptor_(other.release()),
      queue_(std::move(other.queue_)),
      queuedBytes_(std::exchange(other.queuedBytes_, 0)),
      buffer_(std::move(other.buffer_)),
      closed_(other.closed_) {}

Channel& Channel::operator=(Channel&& other) noexcept {
  close();
  descriptor_ = other.release();
  queue_ = std::move(other.queue_);
  queuedBytes_ = std::exchange(other.queuedBytes_, 0);
  buffer_ = std::move(other.buffer_);
  closed_ = other.closed_;
  return *this;
}

Channel::~Channel() {
  close();
}

void Channel::close() {
  if (descriptor_ >= 0) ::close(release());
}

void Channel::hangUp() {
  ::shutdown(descriptor_, SHUT_RDWR);
  closed_ = true;
}

Channel::Status Channel::send(std::string message) {
  if (message.size() > maxMessageBytes) return Status::TooLarge;
  if (queuedBytes_ > maxQueuedBytes) closed_ = true;
  if (closed_) return Status::Closed;
  queuedBytes_ += message.size();
  queue_.push_back(std::move(message));
  return flush();
}

Channel::Status Channel::flush() {
  while (!queue_.empty() && !closed_) {
    const std::string& message = queue_.front();
    if (::send(descriptor_, message.data(), message.size(), MSG_NOSIGNAL) < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return Status::Ok;
      closed_ = true;
      break;
    }
    queuedBytes_ -= message.size();
    queue_.pop_front();
  }
  return closed_ ? Status::Closed : Status::Ok;
}

std::optional<std::string> Channel::receive() {
  while (!closed_) {
    const ssize_t size = ::recv(descriptor_, buffer_.data(), buffer_.size(), 0);
    if (size > 0) return buffer_.substr(0, static_cast<size_t>(size));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
    closed_ = true;
  }
  return std::nullopt;
}

}  // namespace sotto::control
