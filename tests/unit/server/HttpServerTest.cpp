// HTTP and WebSockets over real sockets: clients that do not read, and handlers that throw.
#include "server/HttpServer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <map>
#include <stdexcept>
#include <utility>

#include "config/Loader.hpp"

namespace sotto::server {
namespace {

struct Handler : WebSocketHandler {
  std::map<uint64_t, std::shared_ptr<signaling::Connection>> open;
  std::vector<std::string> messages;
  std::string throwAt;  ///< "open", "close", or a message
  uint64_t last = 0;

  void fail(std::string_view where) const {
    if (where == throwAt) throw std::logic_error("an error in the program");
  }
  uint64_t onOpen(std::shared_ptr<signaling::Connection> connection) override {
    fail("open");
    open[++last] = std::move(connection);
    return last;
  }
  void onMessage(uint64_t, std::string_view text) override {
    fail(text);
    messages.emplace_back(text);
  }
  void onClose(uint64_t id) override {
    open.erase(id);
    fail("close");
  }
};

/// A client's end of a TCP connection, read and written without waiting.
class Socket {
 public:
  explicit Socket(uint16_t port, int receiveBuffer = 0) : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receiveBuffer > 0) {
      REQUIRE(setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer) == 0);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~Socket() { ::close(descriptor_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void send(const std::string& bytes) {
    REQUIRE(::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  /// Takes what is there; `ended` once the other end has closed.
  const std::string& receive() {
    char buffer[65536];
    ssize_t size = 0;
    while ((size = ::recv(descriptor_, buffer, sizeof buffer, MSG_DONTWAIT)) > 0) {
      received.append(buffer, static_cast<size_t>(size));
    }
    ended = ended || size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    return received;
  }

  std::string received;
  bool ended = false;

 private:
  int descriptor_;
};

struct Fixture {
  boost::asio::io_context io{1};
  config::Http http = config::defaults().http;
  config::Clients clients = config::defaults().clients;
  Handler handler;
  bool metricsThrow = false;
  std::function<void(std::function<void(std::string)>)> metrics;  ///< in place of what answers at once
  Routes routes{{{},
                 [this](const std::function<void(std::string)>& done) {
                   if (metricsThrow) throw std::logic_error("an error in the program");
                   if (metrics) return metrics(done);
                   done("sotto_x 1\n");
                 },
                 [] { return std::pair<size_t, size_t>(1, 1); },
                 [](const TokenWish&) -> base::Expected<std::string> { return "{}"; },
                 true,
                 nullptr,
                 {}}};
  std::unique_ptr<HttpServer> server;
  uint16_t port = 0;

  Fixture() {
    http.address = "127.0.0.1";
    http.port = 0;
  }
  ~Fixture() {
    server->stop([] {});
    server->abort();
    io.restart();
    io.run();
  }
  void listen() {
    server = std::make_unique<HttpServer>(io, http, clients, routes, handler);
    const auto bound = server->listen();
    REQUIRE(bound.has_value());
    port = *bound;
  }
  template <typename Condition>
  void runUntil(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      io.restart();
      io.run_one_until(std::min(end, std::chrono::steady_clock::now() + std::chrono::milliseconds(5)));
      REQUIRE(std::chrono::steady_clock::now() < end);
    }
  }
  uint64_t counter(const std::string& name) const {
    for (const auto& counter : server->counters()) {
      if (counter.name == name) return counter.value;
    }
    throw std::runtime_error("no such counter: " + name);
  }
  void upgrade(Socket& socket) {
    socket.send(
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    runUntil([&] { return socket.receive().find("\r\n\r\n") != std::string::npos; });
    REQUIRE(socket.received.find("101 Switching Protocols") != std::string::npos);
    socket.received.erase(0, socket.received.find("\r\n\r\n") + 4);
  }
  /// A text message as clients send it (RFC 6455 section 5.2), masked with zeros.
  static std::string frame(const std::string& text) {
    return std::string("\x81") + static_cast<char>(0x80 | text.size()) + std::string(4, '\0') + text;
  }
  /// What a server's frames carry (RFC 6455 section 5.2): text of all messages, and the close code and
  /// reason.
  struct Read {
    size_t textBytes = 0;
    std::string closing;  ///< "1008 reads too slowly"; empty: not closed
  };
  static Read read(const std::string& bytes) {
    Read result;
    size_t at = 0;
    const auto byte = [&bytes](size_t index) { return static_cast<unsigned char>(bytes[index]); };
    while (at + 2 <= bytes.size()) {
      size_t size = byte(at + 1), header = 2;
      if (size >= 126) {
        header = size == 126 ? 4 : 10;
        if (at + header > bytes.size()) break;
        size = 0;
        for (size_t i = 2; i < header; ++i) size = size << 8 | byte(at + i);
      }
      if (at + header + size > bytes.size()) break;
      const unsigned opcode = byte(at) & 15u;
      if (opcode <= 1) result.textBytes += size;
      if (opcode == 8) {
        const unsigned code = byte(at + header) << 8 | byte(at + header + 1);
        result.closing = std::to_string(code) + " " + bytes.substr(at + header + 2, size - 2);
      }
      at += header + size;
    }
    return result;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a client that does not read is closed when its queue is full, and told why") {
  clients.maxQueueBytes = 65'536;
  listen();
  Socket slow(port, 4096), quick(port);
  upgrade(slow);
  upgrade(quick);
  runUntil([&] { return handler.open.size() == 2; });

  const std::string message(10'000, 'm');
  size_t sent = 0;
  // The kernel takes some megabytes before the queue begins to grow.
  while (counter("websockets_closed_total{reason=\"slow_reader\"}") == 0) {
    REQUIRE(++sent < 10'000);
    for (const auto& [id, connection] : handler.open) connection->send(message);
    runUntil([&] { return read(quick.receive()).textBytes == message.size(); });
    quick.received.clear();
    runUntil([&] { return counter("websocket_queued_bytes") <= clients.maxQueueBytes; });
  }
  // What nobody waits for any more is let go at once, but for the message that has been begun.
  runUntil([&] { return counter("websocket_queued_bytes") <= message.size(); });
  CHECK(handler.open.size() == 2);
  quick.send(frame("still here"));
  runUntil([&] { return handler.messages.size() == 1; });

  SECTION("it reads after all: it hears why") {
    runUntil([&] { return !read(slow.receive()).closing.empty(); });
    CHECK(read(slow.received).closing == "1008 reads too slowly");
    CHECK(read(slow.received).textBytes < sent * message.size());
  }
  SECTION("it never reads: its socket is closed all the same") {
    runUntil([&] { return handler.open.size() == 1; });
    runUntil([&] { return counter("http_connections") == 1; });
    CHECK(counter("websocket_queued_bytes") == 0);
  }
  CHECK_FALSE(quick.ended);
}

TEST_CASE_METHOD(Fixture, "one message larger than the queue goes to a client that has nothing waiting") {
  clients.maxQueueBytes = 65'536;
  listen();
  Socket client(port);
  upgrade(client);
  runUntil([&] { return handler.open.size() == 1; });
  handler.open.at(1)->send(std::string(100'000, 'm'));
  runUntil([&] { return read(client.receive()).textBytes == 100'000; });
  CHECK(counter("websockets_closed_total{reason=\"slow_reader\"}") == 0);
}

TEST_CASE_METHOD(Fixture, "an error of the program at a WebSocket's message ends that socket alone") {
  listen();
  Socket first(port), second(port);
  upgrade(first);
  upgrade(second);
  handler.throwAt = "boom";
  first.send(frame("boom"));
  runUntil([&] { return read(first.receive()).closing == "1011 internal error"; });
  first.send(std::string("\x88\x80\0\0\0\0", 6));
  runUntil([&] { return handler.open.size() == 1; });
  second.send(frame("hello"));
  runUntil([&] { return handler.messages.size() == 1; });
  CHECK(handler.messages[0] == "hello");
  CHECK(counter("handler_faults_total{handler=\"connection\"}") == 1);
}

TEST_CASE_METHOD(Fixture, "an error of the program at a WebSocket's begin or end ends that socket alone") {
  listen();
  Socket first(port);
  handler.throwAt = "open";
  upgrade(first);
  runUntil([&] { return read(first.receive()).closing == "1011 internal error"; });
  CHECK(handler.open.empty());
  CHECK(counter("handler_faults_total{handler=\"connection\"}") == 1);

  handler.throwAt = "close";
  Socket third(port);
  {
    Socket second(port);
    upgrade(second);
    upgrade(third);
  }
  runUntil([&] { return counter("handler_faults_total{handler=\"connection\"}") == 2; });
  handler.throwAt.clear();
  third.send(frame("hello"));
  runUntil([&] { return handler.messages.size() == 1; });
}

TEST_CASE_METHOD(Fixture,
                 "an error of the program at a request is answered with 500 and ends that connection") {
  listen();
  metricsThrow = true;
  Socket first(port), second(port);
  first.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  runUntil([&] { return first.receive().find("\"internal\"") != std::string::npos; });
  CHECK(first.received.starts_with("HTTP/1.1 500 "));
  runUntil([&] { return first.receive(), first.ended; });
  second.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  runUntil([&] { return second.receive().find("workersReady") != std::string::npos; });
  CHECK(second.received.starts_with("HTTP/1.1 200 "));
  CHECK(counter("handler_faults_total{handler=\"connection\"}") == 1);
}

TEST_CASE_METHOD(Fixture, "a client that stands still in the middle of a request does not hold up the end") {
  listen();
  Socket socket(port);
  SECTION("before its request") {}
  SECTION("in the headers") {
    socket.send("GET /healthz HTTP/1.1\r\nHo");
  }
  SECTION("in the body") {
    socket.send("POST /api/token HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{\"n");
    runUntil([&] { return counter("http_requests_total") == 1; });
  }
  SECTION("in a body that has been refused") {
    socket.send("POST /api/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n{");
    runUntil([&] { return socket.receive().find("413") != std::string::npos; });
    runUntil([&] { return socket.receive(), socket.ended; });
  }
  runUntil([&] { return counter("http_connections") == 1; });
  bool ended = false;
  server->stop([&] { ended = true; });
  io.restart();
  // All that is ready, and nothing that waits for its time.
  io.poll();
  CHECK(ended);
}

TEST_CASE_METHOD(Fixture, "what is being answered when the end comes is answered before it") {
  std::function<void(std::string)> later;
  metrics = [&](std::function<void(std::string)> done) { later = std::move(done); };
  listen();
  Socket socket(port);
  socket.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  runUntil([&] { return static_cast<bool>(later); });
  bool ended = false;
  server->stop([&] { ended = true; });
  io.restart();
  io.poll();
  CHECK_FALSE(ended);
  std::exchange(later, nullptr)("sotto_x 2\n");
  runUntil([&] { return ended; });
  runUntil([&] { return socket.receive(), socket.ended; });
  CHECK(socket.received.find("sotto_x 2") != std::string::npos);
}

}  // namespace sotto::server
