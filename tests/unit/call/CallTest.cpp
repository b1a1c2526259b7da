#include "client/native/call/Call.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

namespace sotto::client::call {
namespace {

using boost::asio::ip::tcp;

/// Ends the loop when the call is over.
class Watcher : public CallObserver {
 public:
  explicit Watcher(boost::asio::io_context& loop) : loop_(loop) {}
  void onState(CallState state, const std::string& text) override {
    reason = text;
    if (state == CallState::Failed || state == CallState::Left) loop_.stop();
  }
  std::string reason;

 private:
  boost::asio::io_context& loop_;
};

struct Outcome {
  CallState state;
  std::string reason;
};

Outcome run(const std::string& url) {
  boost::asio::io_context loop;
  Watcher watcher(loop);
  CallOptions options;
  options.url = url;
  options.token = "token";
  Call call(loop, options, watcher);
  call.start();
  loop.run_for(std::chrono::seconds(20));
  return {call.state(), watcher.reason};
}

}  // namespace

TEST_CASE("A URL that is none fails the call with a sentence") {
  const Outcome outcome = run("localhost");
  CHECK(outcome.state == CallState::Failed);
  CHECK_THAT(outcome.reason, Catch::Contains("no server URL"));
}

TEST_CASE("A port where nobody listens fails the call with a sentence") {
  boost::asio::io_context loop;
  tcp::acceptor reserved(loop, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const std::string port = std::to_string(reserved.local_endpoint().port());
  reserved.close();
  const Outcome outcome = run("http://127.0.0.1:" + port);
  CHECK(outcome.state == CallState::Failed);
  CHECK_THAT(outcome.reason, Catch::Contains("cannot connect to 127.0.0.1:" + port));
}

TEST_CASE("A server that speaks something else fails the call with a sentence") {
  boost::asio::io_context loop;
  Watcher watcher(loop);
  tcp::acceptor acceptor(loop, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  tcp::socket peer(loop);
  const std::string rubbish = "220 mail.example ready\r\n\r\n";
  acceptor.async_accept(peer, [&](boost::system::error_code error) {
    if (!error) boost::asio::write(peer, boost::asio::buffer(rubbish), error);
  });
  CallOptions options;
  const std::string port = std::to_string(acceptor.local_endpoint().port());
  SECTION("in place of HTTP") {
    options.url = "ws://127.0.0.1:" + port;
  }
  SECTION("in place of TLS") {
    options.url = "wss://127.0.0.1:" + port;
  }
  Call call(loop, options, watcher);
  call.start();
  loop.run_for(std::chrono::seconds(20));
  CHECK(call.state() == CallState::Failed);
  CHECK_THAT(watcher.reason, Catch::Contains("127.0.0.1:" + port));
}

TEST_CASE("A call that has not begun can be left, and destroyed at any time") {
  boost::asio::io_context loop;
  Watcher watcher(loop);
  CallOptions options;
  options.url = "http://127.0.0.1:1";
  auto call = std::make_unique<Call>(loop, options, watcher);
  call->start();
  SECTION("left") {
    call->leave();
    CHECK(call->state() == CallState::Left);
  }
  SECTION("destroyed") {}
  call.reset();
  loop.run_for(std::chrono::seconds(1));
  CHECK(watcher.reason.empty());
}

}  // namespace sotto::client::call
