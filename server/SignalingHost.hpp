// signaling::Service with a clock: it lives in the event loop between the WebSockets and the media plane, and
// is woken when it has asked to be.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <string_view>

#include "config/Config.hpp"
#include "media/base/Random.hpp"
#include "server/HttpServer.hpp"
#include "signaling/Service.hpp"

namespace sotto::server {

/// The configuration as signaling takes it. An empty secret is replaced by one drawn from `random`.
signaling::Settings signalingSettings(const config::Config& config, base::Random& random);

/// The system's clocks.
signaling::Now currentTime();

class SignalingHost final : public WebSocketHandler {
 public:
  SignalingHost(boost::asio::io_context& io, signaling::Settings settings, signaling::MediaPlane& mediaPlane,
                base::Random& random, signaling::Storage& storage);

  uint64_t onOpen(std::shared_ptr<signaling::Connection> connection) override;
  void onMessage(uint64_t id, std::string_view text) override;
  void onClose(uint64_t id) override;

  /// Sets the alarm to what the service wants next. Call after every turn of the event loop: any handler may
  /// have moved the deadline.
  void arm();

  signaling::Service& service() { return service_; }
  const signaling::Service& service() const { return service_; }

 private:
  signaling::Service service_;
  boost::asio::steady_timer alarm_;
  base::Timestamp armedFor_ = base::Timestamp::plusInfinity();
};

}  // namespace sotto::server
