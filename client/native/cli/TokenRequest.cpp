// Asking for a token over HTTP; see the header.
#include "client/native/cli/TokenRequest.hpp"

#include <nlohmann/json.hpp>

#include "client/native/directory/BlobTransfer.hpp"
#include "client/native/directory/HttpClient.hpp"

namespace sotto::client::cli {
namespace {

using nlohmann::json;

base::Expected<std::string> readToken(const std::string& server, const directory::HttpAnswer& answer) {
  if (answer.status != 200) {
    return base::fail(server + " gives no token (" + reasonOf(answer) +
                      "): outside of development mode one has to be passed with --token");
  }
  const auto body = json::parse(answer.body, nullptr, false);
  if (!body.is_object() || !body.contains("token") || !body["token"].is_string()) {
    return base::fail(server +
                      " answered the request for a token with something else: is it a Sotto server?");
  }
  return body["token"].get<std::string>();
}

std::optional<std::string> decodeBase64Url(std::string_view text) {
  static constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const size_t value = alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<uint32_t>(value)) & 0xFFFFFF;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xFF);
  }
  return out;
}

}  // namespace

base::Expected<std::string> requestToken(const std::string& server, const TokenWish& wish,
                                         const call::TlsTrust& trust) {
  const auto http = directory::HttpClient::create(server, "", trust);
  if (!http) return tl::make_unexpected(http.error());
  json body{{"name", wish.name}};
  if (!wish.room.empty()) body["room"] = wish.room;
  if (!wish.user.empty()) body["user"] = wish.user;
  if (!wish.device.empty()) body["device"] = wish.device;
  const auto answer = http->perform({directory::HttpMethod::Post,
                                     "/api/token",
                                     {{"content-type", "application/json"}},
                                     body.dump(-1, ' ', false, json::error_handler_t::replace)});
  if (!answer) return tl::make_unexpected(answer.error());
  return readToken(server, *answer);
}

std::optional<TokenClaims> claimsOfToken(const std::string& token) {
  const size_t first = token.find('.'), second = token.find('.', first + 1);
  if (first == std::string::npos || second == std::string::npos) return std::nullopt;
  const auto payload = decodeBase64Url(std::string_view(token).substr(first + 1, second - first - 1));
  if (!payload) return std::nullopt;
  const auto claims = json::parse(*payload, nullptr, false);
  if (!claims.is_object()) return std::nullopt;
  const auto text = [&claims](const char* key, const char* otherwise) -> std::string {
    const auto found = claims.find(key);
    return found != claims.end() && found->is_string() ? found->get<std::string>() : otherwise;
  };
  return TokenClaims{text("room", ""), text("sub", ""), text("device", "default")};
}

}  // namespace sotto::client::cli
