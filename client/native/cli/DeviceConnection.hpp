// A device connected to its mailbox: sealed messages over the WebSocket (docs/directory.md, "attach"), opened
// into the inbox, acknowledged when that is stored. Comes back by itself when the connection is lost.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/native/call/WebSocketClient.hpp"
#include "client/native/cli/Inbox.hpp"
#include "client/native/cli/LocalDevice.hpp"
#include "client/native/directory/HttpDirectory.hpp"
#include "client/native/e2ee/messenger/DeviceRegistration.hpp"
#include "client/native/e2ee/messenger/Messenger.hpp"

namespace sotto::client::cli {

/// What a command learns of its connection. Called from the event loop.
class DeviceEvents {
 public:
  virtual ~DeviceEvents() = default;
  /// Messages can come and go. `pending`: how many wait at the server.
  virtual void onAttached(size_t /*pending*/) {}
  /// The inbox has something new, stored and acknowledged.
  virtual void onInbox() {}
  /// A sealed message has been dealt with, whatever was in it.
  virtual void onMessage() {}
  /// Something has been dealt with: idle() may have changed.
  virtual void onHandled() {}
  /// A message of ours has left for this device under this id, and the server has accepted it or will say
  /// that it does not (onUndelivered).
  virtual void onSent(const e2ee::DeviceId& /*to*/, const e2ee::MessageId& /*id*/) {}
  /// The server has stored or passed on all of one message.
  virtual void onAccepted(const e2ee::MessageId& /*id*/) {}
  virtual void onReceipt(const e2ee::DeviceId& /*from*/, uint64_t /*token*/) {}
  virtual void onUndelivered(const e2ee::DeviceId& /*to*/, uint64_t /*token*/, e2ee::Undelivered /*why*/) {}
  virtual void onIdentityChanged(const e2ee::DeviceId& /*device*/) {}
  virtual void onWarning(const std::string& /*message*/) {}
  /// For good: refused, or another process has taken the device's place.
  virtual void onGone(const std::string& /*reason*/) {}
};

class DeviceConnection final : private e2ee::MessengerObserver, private e2ee::MessageTransport {
 public:
  /// `reconnect`: tries again when the connection is lost, else that is the end. References must outlive
  /// this.
  static base::Expected<std::unique_ptr<DeviceConnection>> create(boost::asio::io_context& loop,
                                                                  LocalDevice& device, DeviceEvents& events,
                                                                  bool reconnect);
  ~DeviceConnection() override;

  void open();
  /// Closes after what was sent; no event comes any more.
  void close();
  /// Sends to these devices; `token` comes back.
  void send(const e2ee::Body& body, const std::vector<e2ee::DeviceId>& to, uint64_t token);
  /// Whether the messenger is at rest: no request of ours unanswered, nothing waiting to be sent.
  bool idle() const;

  Inbox& inbox() { return inbox_; }

 private:
  DeviceConnection(boost::asio::io_context& loop, LocalDevice& device, DeviceEvents& events, bool reconnect,
                   call::WebSocketUrl url);
  void onText(std::string_view text);
  void onClosed(const std::string& reason);
  void onReply(uint64_t id, bool good, const std::string& error, e2ee::SendOutcome outcome);
  void onMessage(e2ee::IncomingMessage message);
  /// After the messenger was handed something.
  void handled();
  void acknowledgeStored();
  void armTimer();

  // MessengerObserver
  void onBody(const e2ee::DeviceId& from, const e2ee::MessageId& id, e2ee::Body& body) override;
  void onReceipt(const e2ee::DeviceId& from, uint64_t token) override;
  void onUndelivered(const e2ee::DeviceId& to, uint64_t token, e2ee::Undelivered why) override;
  void onIdentityChanged(const e2ee::DeviceId& device, const signal::PublicKey& now) override;
  void onMessengerWork() override;
  void onMessengerWarning(const std::string& message) override;
  // MessageTransport
  void send(e2ee::OutgoingMessage message, std::function<void(e2ee::SendOutcome)> done) override;
  void acknowledge(uint64_t upTo) override;

  struct Request {
    e2ee::MessageId id{};
    bool receipt = false;
    std::function<void(e2ee::SendOutcome)> done;
  };

  boost::asio::io_context& loop_;
  LocalDevice& device_;
  DeviceEvents& events_;
  bool reconnect_;
  call::WebSocketUrl url_;
  directory::HttpDirectory directory_;
  std::shared_ptr<call::WebSocketClient> socket_;
  boost::asio::steady_timer timer_, reconnectTimer_;
  bool attached_ = false, closed_ = false, everAttached_ = false;
  unsigned attempts_ = 0;
  uint64_t lastRequest_ = 0, attachRequest_ = 0;
  std::map<uint64_t, Request> requests_;
  uint64_t acknowledgeUpTo_ = 0;
  bool inboxChanged_ = false;
  Inbox inbox_;
  e2ee::Messenger messenger_;
  e2ee::DeviceRegistration registration_;
};

}  // namespace sotto::client::cli
