#include "client/native/call/Call.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "client/native/call/CallSession.hpp"
#include "client/native/call/WebSocketClient.hpp"

namespace sotto::client::call {

namespace asio = boost::asio;
using asio::ip::udp;

namespace {

/// Datagrams taken from the socket before other work gets its turn.
constexpr int maxDatagramsAtOnce = 64;
/// Holds the bursts of a few large key frames while this thread is busy.
constexpr int socketBufferBytes = 2 << 20;
/// Key frames of all layers at once fit; what does not is dropped as a full socket buffer would.
constexpr size_t arenaBytes = 4 << 20;

base::SocketAddress toAddress(const udp::endpoint& endpoint) {
  base::SocketAddress address;
  const asio::ip::address_v6 ip =
      endpoint.address().is_v4() ? asio::ip::make_address_v6(asio::ip::v4_mapped, endpoint.address().to_v4())
                                 : endpoint.address().to_v6();
  address.ip = ip.to_bytes();
  address.port = endpoint.port();
  return address;
}

}  // namespace

struct Call::Impl final : public std::enable_shared_from_this<Impl>, private SignalingSocket {
  Impl(asio::io_context& loop, CallOptions options, CallObserver& observer)
      : loop_(loop),
        url_(WebSocketUrl::parse(options.url)),
        trust_(options.tlsTrust),
        out_(arenaBytes),
        udp_(loop),
        timer_(loop),
        session_(std::move(options), *this, out_, random_, observer) {}

  void start() {
    openUdp();
    receive();
    session_.start(now());
    pump();
  }

  void stop() {
    stopped_ = true;
    if (webSocket_) webSocket_->drop();
    boost::system::error_code ignored;
    udp_.close(ignored);
    timer_.cancel();
  }

  /// After anything that may have made the session send or moved its deadline.
  void pump() {
    flush();
    if (stopped_) return;
    const base::Timestamp deadline = session_.nextDeadline();
    if (deadline == armedFor_) return;
    armedFor_ = deadline;
    timer_.cancel();
    if (deadline == base::Timestamp::plusInfinity()) return;
    // What is due at once may be due at minus infinity, which no time_point can hold.
    timer_.expires_at(std::chrono::steady_clock::time_point(
        std::chrono::microseconds(std::max<int64_t>(deadline.us(), 0))));
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (error || !self || self->stopped_) return;
      self->armedFor_ = base::Timestamp::minusInfinity();
      self->session_.onTime(now());
      self->pump();
    });
  }

  // ---- UDP

  void openUdp() {
    boost::system::error_code error;
    udp_.open(udp::v6(), error);
    if (!error) udp_.set_option(asio::ip::v6_only(false), error);
    if (error) {  // a machine without IPv6
      boost::system::error_code ignored;
      udp_.close(ignored);
      udp_.open(udp::v4(), error);
      v4Only_ = true;
    }
    udp_.non_blocking(true, error);
    udp_.set_option(asio::socket_base::receive_buffer_size(socketBufferBytes), error);
    udp_.set_option(asio::socket_base::send_buffer_size(socketBufferBytes), error);
    udp_.bind(v4Only_ ? udp::endpoint(udp::v4(), 0) : udp::endpoint(udp::v6(), 0), error);
  }

  udp::endpoint toEndpoint(const base::SocketAddress& address) const {
    const asio::ip::address_v6 ip(address.ip);
    if (v4Only_ && ip.is_v4_mapped()) {
      return {asio::ip::make_address_v4(asio::ip::v4_mapped, ip), address.port};
    }
    return {ip, address.port};
  }

  void receive() {
    udp_.async_wait(udp::socket::wait_read, [weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (error || !self || self->stopped_) return;
      self->drainUdp();
      self->pump();
      if (!self->stopped_) self->receive();
    });
  }

  void drainUdp() {
    for (int i = 0; i < maxDatagramsAtOnce && !stopped_; ++i) {
      udp::endpoint from;
      boost::system::error_code error;
      const size_t size = udp_.receive_from(asio::buffer(datagram_), from, 0, error);
      if (error) return;
      session_.onDatagram(base::MutableByteView(datagram_).first(size), toAddress(from), now());
      flush();
    }
  }

  void flush() {
    out_.forEachDatagram([this](const base::SocketAddress& to, base::ByteView datagram) {
      boost::system::error_code dropped;
      udp_.send_to(asio::buffer(datagram.data(), datagram.size()), toEndpoint(to), 0, dropped);
    });
    out_.clear();
  }

  // ---- SignalingSocket

  void open() override {
    if (webSocket_) webSocket_->drop();
    if (!url_) return reportClosed(url_.error().message);
    WebSocketClient::Handlers handlers;
    handlers.onOpen = [this] {
      session_.onSocketOpen(now());
      pump();
    };
    handlers.onText = [this](std::string_view text) {
      session_.onSocketMessage(text, now());
      pump();
    };
    handlers.onClosed = [this](const std::string& reason, uint16_t code) {
      session_.onSocketClosed(reason, now(), code);
      pump();
    };
    webSocket_ = WebSocketClient::open(loop_, *url_, trust_, std::move(handlers));
  }

  void send(std::string text) override {
    if (webSocket_) webSocket_->send(std::move(text));
  }

  void close() override {
    if (webSocket_) webSocket_->close();
  }

  void wake() override {
    asio::post(loop_, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && !self->stopped_) self->pump();
    });
  }

  void reportClosed(const std::string& reason) {
    asio::post(loop_, [weak = weak_from_this(), reason] {
      const auto self = weak.lock();
      if (!self || self->stopped_) return;
      self->session_.onSocketClosed(reason, now());
      self->pump();
    });
  }

  asio::io_context& loop_;
  base::Expected<WebSocketUrl> url_;
  TlsTrust trust_;
  base::SystemRandom random_;
  base::DatagramBatch out_;
  udp::socket udp_;
  bool v4Only_ = false;
  asio::steady_timer timer_;
  base::Timestamp armedFor_ = base::Timestamp::minusInfinity();
  std::array<uint8_t, 2048> datagram_{};
  std::shared_ptr<WebSocketClient> webSocket_;
  bool stopped_ = false;
  CallSession session_;
};

Call::Call(asio::io_context& loop, CallOptions options, CallObserver& observer)
    : impl_(std::make_shared<Impl>(loop, std::move(options), observer)) {}

Call::~Call() {
  impl_->stop();
}

base::Timestamp Call::now() {
  const auto sinceStart = std::chrono::steady_clock::now().time_since_epoch();
  return base::Timestamp::micros(std::chrono::duration_cast<std::chrono::microseconds>(sinceStart).count());
}

void Call::start() {
  impl_->start();
}

void Call::leave() {
  impl_->session_.leave(now());
  impl_->pump();
}

SendResult Call::sendFrame(const OutgoingFrame& frame) {
  const SendResult result = impl_->session_.sendFrame(frame, now());
  impl_->flush();
  return result;
}

DataSendResult Call::sendData(uint16_t destination, DataKind kind, bool lossy, base::ByteView payload) {
  const DataSendResult result = impl_->session_.sendData(destination, kind, lossy, payload, now());
  impl_->pump();
  return result;
}

DataSendResult Call::sendSealed(uint16_t destination, bool lossy, base::ByteView plain) {
  const DataSendResult result = impl_->session_.sendSealed(destination, lossy, plain, now());
  impl_->pump();
  return result;
}

void Call::invite(const std::vector<std::string>& users) {
  impl_->session_.invite(users);
}

void Call::setWants(std::vector<Want> wants, bool wantEveryone) {
  impl_->session_.setWants(std::move(wants), wantEveryone);
}

void Call::setMuted(TrackSource source, bool muted) {
  impl_->session_.setMuted(source, muted);
}

void Call::setRateCap(std::optional<uint64_t> bitsPerSecond) {
  impl_->session_.setRateCap(bitsPerSecond);
}

void Call::setScreen(std::optional<VideoTrack> screen) {
  impl_->session_.setScreen(std::move(screen));
}

void Call::acceptIdentity(const DeviceName& device) {
  impl_->session_.acceptIdentity(device, now());
  impl_->pump();
}

std::optional<sotto::e2ee::signal::CallCode> Call::callCode() const {
  const AutomaticKeys* keys = std::as_const(impl_->session_).automaticKeys();
  return keys == nullptr ? std::nullopt : keys->callCode();
}

const std::deque<e2ee::RotationReport>& Call::rotations() const {
  static const std::deque<e2ee::RotationReport> none;
  const AutomaticKeys* keys = std::as_const(impl_->session_).automaticKeys();
  return keys == nullptr ? none : keys->agreement().sending().reports();
}

CallState Call::state() const {
  return impl_->session_.state();
}

const std::string& Call::stateReason() const {
  return impl_->session_.stateReason();
}

CallStatistics Call::statistics() const {
  return impl_->session_.statistics();
}

std::vector<Participant> Call::roster() const {
  return impl_->session_.roster();
}

}  // namespace sotto::client::call
