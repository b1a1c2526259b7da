// Mailboxes over HTTP, for devices that have no socket open.
#include <array>
#include <charconv>

#include "server/Api.hpp"
#include "server/Routes.hpp"

namespace sotto::server {

namespace {

using signaling::Mailboxes;
using signaling::Result;

/// Room for the most recipients with bodies of a few hundred bytes each.
constexpr uint64_t sendBody = 1024 * 1024;
constexpr uint64_t smallBody = 1024;

Mailboxes& mailboxesOf(const Api::Call& call) {
  return call.api.service.mailboxes(call.api.now());
}

void send(Api::Call call) {
  auto request = signaling::parseSend(call.request.body, call.api.limits.messages, sendBody);
  if (!request) return call.respond(apiError(request.error()));
  mailboxesOf(call).send(
      call.device, *std::move(request),
      [respond = std::move(call.respond)](Result<signaling::SendResult> result) {
        respond(result ? jsonResponse(200, signaling::sendResultJson(*result)) : apiError(result.error()));
      });
}

void list(Api::Call call) {
  uint64_t after = 0;
  if (const auto text = queryValue(call.request.target, "after")) {
    const char* end = text->data() + text->size();
    const auto [stop, status] = std::from_chars(text->data(), end, after);
    if (stop != end || status != std::errc() || text->empty()) {
      return call.respond(errorResponse(400, "bad_message", "\"after\" must be a whole number"));
    }
  }
  mailboxesOf(call).list(call.device, after,
                         [respond = std::move(call.respond)](Result<Mailboxes::Page> page) {
                           if (!page) return respond(apiError(page.error()));
                           std::string body = R"({"messages":[)";
                           for (size_t i = 0; i < page->messages.size(); ++i) {
                             body += (i == 0 ? "" : ",") + page->messages[i];
                           }
                           body += page->more ? R"(],"more":true})" : R"(],"more":false})";
                           respond(jsonResponse(200, std::move(body)));
                         });
}

void acknowledge(Api::Call call) {
  const auto upTo = signaling::parseAck(call.request.body);
  if (!upTo) return call.respond(apiError(upTo.error()));
  mailboxesOf(call).acknowledge(call.device, *upTo,
                                [respond = std::move(call.respond)](Result<Mailboxes::None> done) {
                                  respond(done ? jsonResponse(200, "{}") : apiError(done.error()));
                                });
}

}  // namespace

std::span<const Api::Route> messageRoutes() {
  static constexpr std::array<Api::Route, 3> routes{
      {{"POST", "/messages", sendBody, send, nullptr},
       {"GET", "/messages", 0, list, nullptr},
       {"POST", "/messages/ack", smallBody, acknowledge, nullptr}}};
  return routes;
}

}  // namespace sotto::server
