// HTTP and WebSocket sessions over TLS.
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/ssl.hpp>

#include "server/HttpSession.hpp"

namespace sotto::server {

void startTlsSession(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context& tls,
                     std::shared_ptr<HttpContext> context) {
  using Stream = beast::ssl_stream<beast::tcp_stream>;
  std::make_shared<HttpSession<Stream>>(Stream(beast::tcp_stream(std::move(socket)), tls), std::move(context))
      ->start([](Stream& stream, auto&& done) {
        stream.async_handshake(boost::asio::ssl::stream_base::server, std::forward<decltype(done)>(done));
      });
}

}  // namespace sotto::server
