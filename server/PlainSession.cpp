// HTTP and WebSocket sessions over plain TCP.
#include "server/HttpSession.hpp"

namespace sotto::server {

void startPlainSession(boost::asio::ip::tcp::socket socket, std::shared_ptr<HttpContext> context) {
  using Stream = beast::tcp_stream;
  std::make_shared<HttpSession<Stream>>(Stream(std::move(socket)), std::move(context))
      ->start([](Stream&, auto&& done) { done({}); });
}

}  // namespace sotto::server
