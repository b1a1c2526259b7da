// One HTTP/1.1 request and its answer over TCP or TLS (RFC 9110, RFC 9112): on an event loop, or waiting for
// it, for short-lived commands that have nothing else to do meanwhile.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "client/native/call/TlsTrust.hpp"
#include "client/native/call/WebSocketClient.hpp"
#include "media/base/Expected.hpp"

namespace boost::asio {
class io_context;
}

namespace sotto::client::directory {

/// The largest blob, with room to spare.
inline constexpr size_t largestHttpBody = 128 << 20;

enum class HttpMethod : uint8_t { Get, Head, Post, Put, Patch, Delete };

struct HttpRequest {
  HttpMethod method = HttpMethod::Get;
  std::string target;  ///< path and query, already encoded
  std::map<std::string, std::string> headers;
  std::string body;
  size_t largestAnswer = largestHttpBody;  ///< bytes of its body; a longer one is an error
};

struct HttpAnswer {
  unsigned status = 0;
  std::string reason;                          ///< of the status line
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;

  bool good() const { return status / 100 == 2; }
  /// The value of a header (name in lower case); empty when it is absent.
  std::string header(const std::string& name) const;
};

class HttpClient {
 public:
  /// For connecting and for the whole exchange.
  static constexpr auto defaultTimeout = std::chrono::seconds(10);

  /// `server`: http, https, ws or wss, its path does not matter. `token`: sent as `Authorization: Bearer`
  /// where it is not empty.
  static base::Expected<HttpClient> create(const std::string& server, std::string token,
                                           call::TlsTrust trust);

  void setTimeout(std::chrono::seconds timeout) { timeout_ = timeout; }
  const std::string& server() const { return server_; }
  const std::string& token() const { return token_; }
  const call::TlsTrust& trust() const { return trust_; }

  using Done = std::function<void(base::Expected<HttpAnswer>)>;
  /// Asks on this loop, which calls `done` later, once; not at all when the loop ends before. Otherwise as
  /// perform().
  void start(boost::asio::io_context& loop, const HttpRequest& request, Done done) const;
  /// Blocks. The error names the server and says why there is no answer; any status is an answer.
  base::Expected<HttpAnswer> perform(const HttpRequest& request) const;

 private:
  HttpClient(std::string server, call::WebSocketUrl url, std::string token, call::TlsTrust trust)
      : server_(std::move(server)),
        url_(std::move(url)),
        token_(std::move(token)),
        trust_(std::move(trust)) {}

  std::string server_;
  call::WebSocketUrl url_;
  std::string token_;
  call::TlsTrust trust_;
  std::chrono::seconds timeout_ = defaultTimeout;
};

}  // namespace sotto::client::directory
