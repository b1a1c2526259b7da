#include "server/HttpServer.hpp"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>

#include "server/HttpContext.hpp"
#include "server/Log.hpp"

namespace sotto::server {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;

namespace {

/// How long accepting waits when the process has no descriptor left.
constexpr std::chrono::milliseconds acceptPause{100};

base::Expected<void> loadTls(ssl::context& context, const config::Tls& tls) {
  boost::system::error_code error;
  context.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                      ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  context.use_certificate_chain_file(tls.certificate, error);
  if (error) {
    return base::fail(
        fmt::format("http.tls.certificate: {} cannot be used ({}), expected a PEM file with the "
                    "certificate chain",
                    tls.certificate, error.message()));
  }
  context.use_private_key_file(tls.key, ssl::context::pem, error);
  if (error) {
    return base::fail(
        fmt::format("http.tls.key: {} cannot be used ({}), expected a PEM file with the private "
                    "key of the certificate",
                    tls.key, error.message()));
  }
  return {};
}

}  // namespace

base::Expected<void> checkTls(const config::Tls& tls) {
  if (!tls.enabled()) return {};
  ssl::context context(ssl::context::tls_server);
  return loadTls(context, tls);
}

struct HttpServer::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& context, std::shared_ptr<HttpContext> state)
      : io(context), shared(std::move(state)), acceptor(io), pause(io) {}

  base::Expected<void> bind(const tcp::endpoint& endpoint);
  void accept();
  void onAccepted(boost::system::error_code error, tcp::socket socket);

  asio::io_context& io;
  std::shared_ptr<HttpContext> shared;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::optional<ssl::context> tls;
};

HttpServer::HttpServer(asio::io_context& io, const config::Http& http, const config::Clients& clients,
                       const Routes& routes, WebSocketHandler& webSockets) {
  auto shared = std::make_shared<HttpContext>(HttpContext{http, clients, routes, webSockets, {}, {}});
  impl_ = std::make_shared<Impl>(io, std::move(shared));
}

HttpServer::~HttpServer() {
  impl_->shared->onEmpty = nullptr;
}

base::Expected<uint16_t> HttpServer::listen() {
  const config::Http& http = impl_->shared->http;
  if (http.tls.enabled()) {
    impl_->tls.emplace(ssl::context::tls_server);
    if (const auto loaded = loadTls(*impl_->tls, http.tls); !loaded) {
      return tl::make_unexpected(loaded.error());
    }
  }
  base::Expected<void> bound;
  if (http.address == "*") {
    bound = impl_->bind({tcp::v6(), http.port});
    if (!bound) bound = impl_->bind({tcp::v4(), http.port});
  } else {
    bound = impl_->bind({asio::ip::make_address(http.address), http.port});
  }
  if (!bound) return tl::make_unexpected(bound.error());
  impl_->accept();
  return impl_->acceptor.local_endpoint().port();
}

base::Expected<void> HttpServer::Impl::bind(const tcp::endpoint& endpoint) {
  boost::system::error_code error;
  if (acceptor.is_open()) acceptor.close(error);
  acceptor.open(endpoint.protocol(), error);
  if (!error && endpoint.address() == asio::ip::address_v6::any()) {
    acceptor.set_option(asio::ip::v6_only(false), error);
  }
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return {};
  return base::fail(fmt::format("cannot listen on {} port {}: {}", endpoint.address().to_string(),
                                endpoint.port(), error.message()));
}

void HttpServer::Impl::accept() {
  acceptor.async_accept([self = shared_from_this()](boost::system::error_code error, tcp::socket socket) {
    self->onAccepted(error, std::move(socket));
  });
}

void HttpServer::Impl::onAccepted(boost::system::error_code error, tcp::socket socket) {
  if (shared->stopping || error == asio::error::operation_aborted) return;
  if (error) {
    logError("cannot take a connection: " + error.message());
    pause.expires_after(acceptPause);
    pause.async_wait([self = shared_from_this()](boost::system::error_code cancelled) {
      if (!cancelled) self->accept();
    });
    return;
  }
  if (shared->sessions.size() >= shared->http.maxConnections) {
    ++shared->refused;
  } else {
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    shared->guarded([&] {
      if (tls) {
        startTlsSession(std::move(socket), *tls, shared);
      } else {
        startPlainSession(std::move(socket), shared);
      }
    });
  }
  accept();
}

void HttpServer::stop(std::function<void()> done) {
  HttpContext& shared = *impl_->shared;
  shared.stopping = true;
  boost::system::error_code ignored;
  impl_->acceptor.close(ignored);
  impl_->pause.cancel();
  shared.onEmpty = [&io = impl_->io, done = std::move(done), called = false]() mutable {
    if (!std::exchange(called, true)) asio::post(io, done);
  };
  const auto open = shared.sessions;
  for (Session* session : open) session->finish();
  if (shared.sessions.empty()) shared.onEmpty();
}

void HttpServer::abort() {
  const auto open = impl_->shared->sessions;
  for (Session* session : open) session->abort();
}

std::vector<control::Counter> HttpServer::counters() const {
  const HttpContext& shared = *impl_->shared;
  return {{"http_connections", shared.sessions.size()},
          {"http_connections_refused_total", shared.refused},
          {"http_requests_total", shared.requests},
          {"http_requests_rejected_total{reason=\"malformed\"}", shared.malformed},
          {"http_requests_rejected_total{reason=\"headers_too_large\"}", shared.headersTooLarge},
          {"http_requests_rejected_total{reason=\"body_too_large\"}", shared.bodiesTooLarge},
          {"http_requests_rejected_total{reason=\"timeout\"}", shared.timedOut},
          {"tls_handshakes_failed_total{reason=\"timeout\"}", shared.handshakesTimedOut},
          {"tls_handshakes_failed_total{reason=\"error\"}", shared.handshakesFailed},
          {"handler_faults_total{handler=\"connection\"}", shared.faults},
          {"websocket_queued_bytes", shared.queuedBytes},
          {"websockets_closed_total{reason=\"idle\"}", shared.idle},
          {"websockets_closed_total{reason=\"slow_reader\"}", shared.slowReaders},
          {"websockets_closed_total{reason=\"message_too_large\"}", shared.messagesTooLarge},
          {"websockets_closed_total{reason=\"not_text\"}", shared.notText}};
}

}  // namespace sotto::server
