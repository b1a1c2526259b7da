// The device's mailbox over the WebSocket; see the header.
#include "client/native/cli/DeviceConnection.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "client/native/call/Call.hpp"
#include "client/native/call/SignalingMessages.hpp"

namespace sotto::client::cli {
namespace {

using base::Timestamp;

/// Between attempts to come back: doubled each time.
constexpr auto firstBackoff = std::chrono::milliseconds(500);
constexpr unsigned maxDoublings = 6;

uint64_t unixMilliseconds() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

std::chrono::steady_clock::time_point toSteady(Timestamp time) {
  // What is due at once may be due at minus infinity, which no time_point can hold.
  return std::chrono::steady_clock::time_point(std::chrono::microseconds(std::max<int64_t>(time.us(), 0)));
}

/// How many messages wait, from the reply to attach.
size_t pendingIn(std::string_view reply) {
  const auto object = nlohmann::json::parse(reply, nullptr, false);
  if (!object.is_object() || !object.contains("pending") || !object["pending"].is_number_unsigned()) return 0;
  return object["pending"].get<size_t>();
}

}  // namespace

base::Expected<std::unique_ptr<DeviceConnection>> DeviceConnection::create(boost::asio::io_context& loop,
                                                                           LocalDevice& device,
                                                                           DeviceEvents& events,
                                                                           bool reconnect) {
  auto url = call::WebSocketUrl::parse(device.http().server());
  if (!url) return tl::make_unexpected(url.error());
  return std::unique_ptr<DeviceConnection>(
      new DeviceConnection(loop, device, events, reconnect, std::move(*url)));
}

DeviceConnection::DeviceConnection(boost::asio::io_context& loop, LocalDevice& device, DeviceEvents& events,
                                   bool reconnect, call::WebSocketUrl url)
    : loop_(loop),
      device_(device),
      events_(events),
      reconnect_(reconnect),
      url_(std::move(url)),
      directory_(loop, device.http()),
      timer_(loop),
      reconnectTimer_(loop),
      inbox_(device.store()),
      messenger_(device.store(), device.storage(), directory_, *this, device.random(), *this),
      registration_(device.store(), device.storage(), directory_, device.random()) {}

DeviceConnection::~DeviceConnection() {
  if (socket_) socket_->drop();
}

void DeviceConnection::open() {
  call::WebSocketClient::Handlers handlers;
  handlers.onOpen = [this] {
    attachRequest_ = ++lastRequest_;
    socket_->send(call::makeAttach(attachRequest_, device_.token()));
  };
  handlers.onText = [this](std::string_view text) { onText(text); };
  handlers.onClosed = [this](const std::string& reason, uint16_t /*code*/) { onClosed(reason); };
  socket_ = call::WebSocketClient::open(loop_, url_, device_.http().trust(), std::move(handlers));
}

void DeviceConnection::close() {
  closed_ = true;
  timer_.cancel();
  reconnectTimer_.cancel();
  if (socket_) socket_->close();
}

bool DeviceConnection::idle() const {
  return requests_.empty() && messenger_.resting();
}

void DeviceConnection::send(const e2ee::Body& body, const std::vector<e2ee::DeviceId>& to, uint64_t token) {
  messenger_.send(body, to, token, /*store=*/true, call::Call::now());
  armTimer();
}

// ---- the socket -------------------------------------------------------------------------------------

void DeviceConnection::onClosed(const std::string& reason) {
  attached_ = false;
  attachRequest_ = 0;
  // Whether the server had accepted them is not known: sent again under the same id they would not come
  // twice, but whoever asked decides.
  for (auto& [id, request] : std::exchange(requests_, {})) {
    if (request.done) request.done({reason, {}, {}});
  }
  armTimer();
  if (closed_) return;
  if (!reconnect_ || !everAttached_) {
    closed_ = true;
    return events_.onGone(reason);
  }
  events_.onWarning(reason + "; trying again");
  const unsigned doublings = std::min(attempts_++, maxDoublings);
  reconnectTimer_.expires_after(firstBackoff * (1u << doublings));
  reconnectTimer_.async_wait([this](boost::system::error_code error) {
    if (!error && !closed_) open();
  });
}

void DeviceConnection::onText(std::string_view text) {
  auto message = call::parseServerMessage(text);
  if (!message) return events_.onWarning(message.error().message);
  if (const auto* reply = std::get_if<call::ReplyMessage>(&*message)) {
    if (reply->id != attachRequest_) {
      return onReply(reply->id, !reply->error, reply->error ? reply->error->message : "",
                     {std::nullopt, reply->unknown, reply->full});
    }
    if (reply->error) {
      closed_ = true;
      socket_->close();
      return events_.onGone("the server refuses this device: " + reply->error->message);
    }
    attached_ = everAttached_ = true;
    attempts_ = 0;
    events_.onAttached(pendingIn(text));
    device_.store().setTime(unixMilliseconds() / 1'000);
    // What waited in the store.
    messenger_.resume(call::Call::now());
    return handled();
  }
  if (auto* sealed = std::get_if<call::DeviceMessage>(&*message))
    return onMessage(std::move(sealed->message));
  if (const auto* low = std::get_if<call::PreKeysLow>(&*message)) {
    return registration_.refill(low->remaining, [this](const std::string& problem) {
      if (!problem.empty()) events_.onWarning("prekeys were not refilled: " + problem);
    });
  }
  if (std::holds_alternative<call::Detached>(*message)) {
    closed_ = true;
    return events_.onGone("this device has connected from somewhere else");
  }
  if (const auto* error = std::get_if<call::ErrorEvent>(&*message)) events_.onWarning(error->error.message);
}

void DeviceConnection::onReply(uint64_t id, bool good, const std::string& error, e2ee::SendOutcome outcome) {
  auto found = requests_.extract(id);
  if (found.empty()) return;
  Request& request = found.mapped();
  if (!good) outcome.error = error;
  if (!good && !request.done) events_.onWarning(error);
  if (request.done) request.done(outcome);
  if (good && request.done && !request.receipt) events_.onAccepted(request.id);
  armTimer();
  events_.onHandled();
}

// ---- what comes -------------------------------------------------------------------------------------

void DeviceConnection::onMessage(e2ee::IncomingMessage message) {
  messenger_.onMessage(std::move(message), call::Call::now());
  events_.onMessage();
  handled();
}

void DeviceConnection::handled() {
  acknowledgeStored();
  if (std::exchange(inboxChanged_, false)) events_.onInbox();
  armTimer();
  events_.onHandled();
}

void DeviceConnection::acknowledgeStored() {
  if (acknowledgeUpTo_ == 0 || !attached_) return;
  const uint64_t id = ++lastRequest_;
  requests_[id] = {};
  socket_->send(call::makeAck(id, std::exchange(acknowledgeUpTo_, 0)));
}

void DeviceConnection::onBody(const e2ee::DeviceId& from, const e2ee::MessageId& id, e2ee::Body& body) {
  // Before the messenger saves the session that has opened it: both are stored, or neither.
  const size_t before = inbox_.messages().size();
  inbox_.add({from, id, unixMilliseconds(), std::move(body)});
  if (inbox_.messages().size() != before) inboxChanged_ = true;
}

void DeviceConnection::onReceipt(const e2ee::DeviceId& from, uint64_t token) {
  events_.onReceipt(from, token);
}

void DeviceConnection::onUndelivered(const e2ee::DeviceId& to, uint64_t token, e2ee::Undelivered why) {
  events_.onUndelivered(to, token, why);
}

void DeviceConnection::onIdentityChanged(const e2ee::DeviceId& device, const signal::PublicKey& /*now*/) {
  events_.onIdentityChanged(device);
}

void DeviceConnection::onMessengerWork() {
  armTimer();
}

void DeviceConnection::onMessengerWarning(const std::string& message) {
  events_.onWarning(message);
}

// ---- what goes --------------------------------------------------------------------------------------

void DeviceConnection::send(e2ee::OutgoingMessage message, std::function<void(e2ee::SendOutcome)> done) {
  if (!attached_) return done({"the connection to the server is gone", {}, {}});
  const bool receipt = message.purpose == e2ee::purposeReceipt;
  if (!receipt) {
    for (const e2ee::Envelope& envelope : message.recipients) events_.onSent(envelope.to, message.id);
  }
  const uint64_t id = ++lastRequest_;
  requests_[id] = {message.id, receipt, std::move(done)};
  socket_->send(call::makeSend(id, message));
}

void DeviceConnection::acknowledge(uint64_t upTo) {
  acknowledgeUpTo_ = std::max(acknowledgeUpTo_, upTo);
}

void DeviceConnection::armTimer() {
  const Timestamp due = messenger_.nextDeadline();
  if (due == Timestamp::plusInfinity() || closed_) return;
  timer_.expires_at(toSteady(std::max(due, call::Call::now())));
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    messenger_.onTime(call::Call::now());
    acknowledgeStored();
    armTimer();
    events_.onHandled();
  });
}

}  // namespace sotto::client::cli
