#include "server/Api.hpp"

#include <algorithm>

#include "server/Routes.hpp"

namespace sotto::server {

using signaling::ErrorCode;
using signaling::RequestError;

namespace {

unsigned statusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::BadMessage:
    case ErrorCode::BadKey:
      return 400;
    case ErrorCode::Unauthorized:
      return 401;
    case ErrorCode::Forbidden:
      return 403;
    case ErrorCode::UnknownUser:
    case ErrorCode::UnknownDevice:
    case ErrorCode::NotFound:
      return 404;
    case ErrorCode::DuplicatePrekey:
      return 409;
    case ErrorCode::TooLarge:
      return 413;
    case ErrorCode::RateLimited:
      return 429;
    case ErrorCode::StorageFailed:
      return 503;
    case ErrorCode::QuotaExceeded:
      return 507;
    default:
      return 500;
  }
}

std::string_view pathOf(std::string_view target) {
  return target.substr(0, target.find_first_of("?#"));
}

/// The parameters of `path` when it fits the pattern: each {name} takes one whole segment.
std::optional<std::vector<std::string>> fit(std::string_view pattern, std::string_view path) {
  std::vector<std::string> parameters;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = pattern.substr(0, pattern.find('/', 1));
    const std::string_view found = path.substr(0, path.find('/', 1));
    pattern.remove_prefix(wanted.size());
    path.remove_prefix(found.size());
    if (wanted.size() > 1 && wanted[1] == '{') {
      auto decoded = percentDecoded(found.substr(1));
      if (!decoded || decoded->empty()) return std::nullopt;
      parameters.push_back(*std::move(decoded));
    } else if (wanted != found) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return parameters;
}

}  // namespace

HttpResponse jsonResponse(unsigned status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.contentType = "application/json";
  response.body = std::move(body) + "\n";
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

HttpResponse apiError(const RequestError& error) {
  HttpResponse response =
      errorResponse(statusOf(error.code), signaling::errorCodeName(error.code), error.message);
  if (error.code == ErrorCode::Unauthorized) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (error.retryAfter != 0) response.headers.emplace_back("Retry-After", std::to_string(error.retryAfter));
  return response;
}

std::optional<std::string> percentDecoded(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = digit(text[i + 1]);
    const int low = digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::optional<std::string> queryValue(std::string_view target, std::string_view name) {
  const size_t question = target.find('?');
  std::string_view query = question == target.npos ? std::string_view() : target.substr(question + 1);
  query = query.substr(0, query.find('#'));
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const size_t equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    return percentDecoded(equals == pair.npos ? std::string_view() : pair.substr(equals + 1));
  }
  return std::nullopt;
}

std::vector<Api::Route> Api::routes() {
  std::vector<Route> all;
  for (const auto table : {keyRoutes(), messageRoutes(), blobRoutes()}) {
    all.insert(all.end(), table.begin(), table.end());
  }
  return all;
}

struct Api::Match {
  std::optional<Route> route;
  std::vector<std::string> parameters;
  std::string allowed;  ///< methods of this path, where none fits
};

Api::Match Api::match(const HttpRequest& request) const {
  static const std::vector<Route> all = routes();
  const std::string_view path = pathOf(request.target).substr(prefix.size());
  Match match;
  for (const Route& route : all) {
    auto parameters = fit(route.pattern, path);
    if (!parameters) continue;
    if (route.method == request.method) {
      match.route = route;
      match.parameters = *std::move(parameters);
      return match;
    }
    match.allowed += (match.allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  return match;
}

std::optional<BodyRule> Api::bodyRule(const HttpRequest& head) const {
  const Match found = match(head);
  if (!found.route) return std::nullopt;
  return BodyRule{found.route->bodyLimit, found.route->open != nullptr};
}

std::optional<Api::Call> Api::admit(const HttpRequest& request, const Match& match, Respond respond) const {
  if (!match.route) {
    HttpResponse refusal =
        match.allowed.empty()
            ? errorResponse(404, "not_found", "there is nothing at this path")
            : errorResponse(405, "method_not_allowed", "this path takes only " + match.allowed);
    if (!match.allowed.empty()) refusal.headers.emplace_back("Allow", match.allowed);
    respond(std::move(refusal));
    return std::nullopt;
  }
  constexpr std::string_view scheme = "Bearer ";
  const bool bearer = std::string_view(request.authorization).substr(0, scheme.size()) == scheme;
  const std::string_view token =
      bearer ? std::string_view(request.authorization).substr(scheme.size()) : std::string_view();
  auto claims = context_.service.authenticate(token, context_.now());
  if (!claims) {
    respond(apiError(claims.error()));
    return std::nullopt;
  }
  signaling::DeviceName device{claims->user, claims->device};
  const std::string party = device.key('a');
  if (!requests_.take(party, context_.now().monotonic)) {
    RequestError error{ErrorCode::RateLimited, "too many requests; slow down", 0, {}, {}};
    error.retryAfter = requests_.secondsUntil(party);
    respond(apiError(error));
    return std::nullopt;
  }
  return Call{context_, request, std::move(device), match.parameters, std::move(respond)};
}

void Api::handle(const HttpRequest& request, Respond respond) const {
  const Match found = match(request);
  auto call = admit(request, found, std::move(respond));
  if (!call) return;
  if (found.route->run == nullptr) {
    return call->respond(errorResponse(411, "bad_message", "this request needs its body streamed"));
  }
  found.route->run(*std::move(call));
}

std::shared_ptr<BodySink> Api::openUpload(const HttpRequest& head, Respond respond) const {
  const Match found = match(head);
  auto call = admit(head, found, std::move(respond));
  return call ? found.route->open(*std::move(call)) : nullptr;
}

}  // namespace sotto::server
