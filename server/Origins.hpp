// Which web pages may use this server: its own, and those of the origins that the operator has named
// (http.allowed_origins). Programs that are no browsers send no Origin, and are not asked for one.
#pragma once

#include <string>
#include <vector>

#include "server/Http.hpp"

namespace sotto::server {

class Origins {
 public:
  Origins() = default;
  /// As in the configuration: origins, or "*".
  explicit Origins(std::vector<std::string> allowed) : allowed_(std::move(allowed)) {}

  /// False for a page of another origin that is not named.
  bool allows(const HttpRequest& request) const;
  /// The answer to a browser that asks before it sends (CORS preflight); only for requests that allows()
  /// takes.
  HttpResponse preflight() const;
  /// Lets the page that asked read the response: adds nothing for one of our own origin.
  void admit(const HttpRequest& request, HttpResponse& response) const;

 private:
  bool isNamed(const std::string& origin) const;
  std::vector<std::string> allowed_;
};

}  // namespace sotto::server
