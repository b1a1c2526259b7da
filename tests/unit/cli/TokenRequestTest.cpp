// Asking for a token: against a small HTTP server in this process, and what is inside of one.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <thread>

#include "client/native/cli/TokenRequest.hpp"

namespace sotto::client::cli {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Answers one request with `answer`, and keeps the request.
class OneShotServer {
 public:
  explicit OneShotServer(std::string answer)
      : acceptor_(loop_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)), thread_([this, answer] {
          tcp::socket socket = acceptor_.accept();
          boost::system::error_code error;
          asio::read_until(socket, asio::dynamic_buffer(request_), '}', error);
          asio::write(socket, asio::buffer(answer), error);
        }) {}
  ~OneShotServer() { wait(); }
  OneShotServer(const OneShotServer&) = delete;
  OneShotServer& operator=(const OneShotServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }
  void wait() {
    if (thread_.joinable()) thread_.join();
  }
  const std::string& request() const { return request_; }

 private:
  asio::io_context loop_;
  tcp::acceptor acceptor_;
  std::string request_;
  std::thread thread_;
};

std::string http(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("A token is asked for with room and name, and taken from the answer") {
  OneShotServer server(http("200 OK", R"({"token":"a.b.c","user":"u"})"));
  const auto token = requestToken(server.url(), {"de\"mo", "Alice", "", ""}, {});
  server.wait();
  REQUIRE(token);
  CHECK(*token == "a.b.c");
  CHECK_THAT(server.request(), Catch::StartsWith("POST /api/token HTTP/1.1") &&
                                   Catch::Contains(R"("room":"de\"mo")") &&
                                   Catch::Contains(R"("name":"Alice")"));
}

TEST_CASE("A server that gives no token is quoted, and what to do is said") {
  OneShotServer server(
      http("403 Forbidden", R"({"error":{"code":"forbidden","message":"tokens are not for you"}})"));
  const auto token = requestToken(server.url(), {"demo", "Alice", "", ""}, {});
  REQUIRE_FALSE(token);
  CHECK_THAT(token.error().message, Catch::Contains(server.url()) &&
                                        Catch::Contains("tokens are not for you") &&
                                        Catch::Contains("--token"));
  OneShotServer other(http("404 Not Found", "nothing here"));
  CHECK_THAT(requestToken(other.url(), {"demo", "Alice", "", ""}, {}).error().message,
             Catch::Contains("404 Not Found"));
}

TEST_CASE("A foreign server and no server at all are told apart") {
  OneShotServer foreign(http("200 OK", "<html>"));
  CHECK_THAT(requestToken(foreign.url(), {"demo", "Alice", "", ""}, {}).error().message,
             Catch::Contains("is it a Sotto server?"));
  OneShotServer rude("");
  CHECK_THAT(requestToken(rude.url(), {"demo", "Alice", "", ""}, {}).error().message,
             Catch::Contains("cannot reach"));
  // Port 1 is nobody's.
  CHECK_THAT(requestToken("http://127.0.0.1:1", {"demo", "Alice", "", ""}, {}).error().message,
             Catch::Contains("http://127.0.0.1:1") && Catch::Contains("refused"));
  CHECK_FALSE(requestToken("gopher://x", {"demo", "Alice", "", ""}, {}));
}

TEST_CASE("A token for the key directory alone names user and device, and no room") {
  OneShotServer server(http("200 OK", R"({"token":"a.b.c"})"));
  REQUIRE(requestToken(server.url(), {"", "Alice", "alice", "phone"}, {}));
  server.wait();
  CHECK_THAT(server.request(),
             Catch::Contains(R"("user":"alice")") && Catch::Contains(R"("device":"phone")"));
  CHECK_THAT(server.request(), !Catch::Contains("room"));
}

TEST_CASE("What a token claims is read without verifying it") {
  // {"alg":"HS256"} . {"room":"demo","sub":"a?>"} . x
  const auto claims = claimsOfToken("eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoiZGVtbyIsInN1YiI6ImE_PiJ9.x");
  REQUIRE(claims);
  CHECK(claims->room == "demo");
  CHECK(claims->user == "a?>");
  CHECK(claims->device == "default");
  for (const char* bad : {"", "a.b.c", "a.b", "..", "a.!!!.c", "a.W10.c"}) {
    INFO(bad);
    CHECK_FALSE(claimsOfToken(bad));
  }
}

}  // namespace sotto::client::cli
