// Blobs to and from a store that breaks off, is busy, or lies: a small HTTP server in this process.
#include "client/native/directory/BlobTransfer.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <functional>
#include <thread>

namespace sotto::client::directory {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

struct Asked {
  std::string head, body;
  bool is(const std::string& start) const { return head.rfind(start, 0) == 0; }
  std::string header(const std::string& name) const {
    const size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

std::string answer(const std::string& status, const std::string& body = "", const std::string& headers = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers +
         "\r\n" + body;
}

/// Answers each request, on a connection of its own, as it is told; an empty answer breaks off.
class Store {
 public:
  using Answer = std::function<std::string(const Asked&)>;
  explicit Store(Answer how)
      : how_(std::move(how)),
        acceptor_(loop_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        thread_([this] { serve(); }) {}
  ~Store() {
    stopping_ = true;
    boost::system::error_code ignored;
    tcp::socket wake(loop_);
    wake.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
  }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }

 private:
  void serve() {
    while (true) {
      tcp::socket socket = acceptor_.accept();
      if (stopping_) return;
      boost::system::error_code error;
      Asked asked;
      const size_t head = asio::read_until(socket, asio::dynamic_buffer(asked.head), "\r\n\r\n", error);
      asked.body = asked.head.substr(head);
      asked.head.resize(head);
      const std::string length = asked.header("Content-Length");
      const size_t size = length.empty() ? 0 : std::stoul(length);
      if (asked.body.size() < size) {
        asio::read(socket, asio::dynamic_buffer(asked.body), asio::transfer_exactly(size - asked.body.size()),
                   error);
      }
      const std::string text = how_(asked);
      if (!text.empty()) asio::write(socket, asio::buffer(text), error);
    }
  }

  Answer how_;
  asio::io_context loop_;
  tcp::acceptor acceptor_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

std::vector<uint8_t> testBytes(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * 31 >> 3);
  return bytes;
}

void noPause(unsigned /*failures*/) {}

HttpClient clientOf(const Store& store) {
  return HttpClient::create(store.url(), "token", {}).value();
}

}  // namespace

TEST_CASE("An upload goes on where it broke off, also when part of a piece got through") {
  const auto bytes = testBytes(2'500'000);
  std::string stored;
  int patches = 0;
  Store store([&](const Asked& asked) {
    CHECK(asked.header("Authorization") == "Bearer token");
    if (asked.is("POST /api/v1/blobs ")) {
      CHECK(asked.body == R"({"size":2500000})");
      return answer("201 Created", R"({"id":"b1","expires":1})");
    }
    const std::string offset = "Upload-Offset: ";
    if (asked.is("HEAD /api/v1/blobs/b1 ")) {
      return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + offset + std::to_string(stored.size()) + "\r\n\r\n";
    }
    REQUIRE(asked.is("PATCH /api/v1/blobs/b1 "));
    CHECK(asked.header("upload-offset") == std::to_string(stored.size()));
    switch (++patches) {
      case 2:  // lost altogether
        return std::string();
      case 3:  // half of it is stored, and the answer lost
        stored += asked.body.substr(0, asked.body.size() / 2);
        return std::string();
      case 4:
        return answer("503 Service Unavailable", R"({"error":{"code":"storage_failed","message":"later"}})");
      default:
        stored += asked.body;
        return answer("204 No Content", "", offset + std::to_string(stored.size()) + "\r\n");
    }
  });
  const HttpClient http = clientOf(store);
  const auto id = BlobTransfer(http, noPause).upload(bytes);
  REQUIRE(id);
  CHECK(*id == "b1");
  CHECK(std::equal(bytes.begin(), bytes.end(), stored.begin(), stored.end(),
                   [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); }));
}

TEST_CASE("An upload that the store refuses is given up at once, one that does not get on after some tries") {
  Store full([](const Asked& /*asked*/) {
    return answer("507 Insufficient Storage", R"({"error":{"code":"quota_exceeded","message":"too much"}})");
  });
  const HttpClient toFull = clientOf(full);
  CHECK_THAT(BlobTransfer(toFull, noPause).upload(testBytes(10)).error().message,
             Catch::Contains("too much"));
  int asked = 0;
  Store stuck([&asked](const Asked& request) {
    if (request.is("POST")) return answer("201 Created", R"({"id":"b"})");
    if (request.is("HEAD")) return answer("200 OK", "", "Upload-Offset: 0\r\n");
    ++asked;
    return std::string();
  });
  const HttpClient toStuck = clientOf(stuck);
  CHECK_FALSE(BlobTransfer(toStuck, noPause).upload(testBytes(10)));
  CHECK(asked == static_cast<int>(BlobTransfer::maxFailures) + 1);
}

TEST_CASE("A download goes on where it broke off") {
  const auto bytes = testBytes(2'200'000);
  int asked = 0;
  Store store([&](const Asked& request) {
    REQUIRE(request.is("GET /api/v1/blobs/b1 "));
    if (++asked == 2) return std::string();
    size_t first = 0, last = 0;
    REQUIRE(std::sscanf(request.header("range").c_str(), "bytes=%zu-%zu", &first, &last) == 2);
    REQUIRE(last < bytes.size());
    const auto* begin = reinterpret_cast<const char*>(bytes.data());
    return answer("206 Partial Content", std::string(begin + first, begin + last + 1));
  });
  const HttpClient http = clientOf(store);
  const auto got = BlobTransfer(http, noPause).download("b1", bytes.size());
  REQUIRE(got);
  CHECK(*got == bytes);
}

TEST_CASE(
    "A blob that is gone, too short or too long is refused for good; a store that is gone may come back") {
  const auto downloadFrom = [](const std::string& text) {
    Store store([text](const Asked& /*asked*/) { return text; });
    const HttpClient http = clientOf(store);
    return BlobTransfer(http, noPause).download("b1", 10).error();
  };
  CHECK(downloadFrom(answer("404 Not Found")).permanent);
  CHECK(downloadFrom(answer("416 Range Not Satisfiable")).permanent);
  CHECK(downloadFrom(answer("200 OK", "short")).permanent);
  CHECK(downloadFrom(answer("200 OK", "longer than that")).permanent);
  CHECK_FALSE(downloadFrom("").permanent);
  CHECK_FALSE(downloadFrom(answer("503 Service Unavailable")).permanent);
}

}  // namespace sotto::client::directory
