// Sending; see the header.
#include "client/native/cli/SendCommand.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "client/native/cli/DeviceConnection.hpp"
#include "client/native/cli/MessageText.hpp"
#include "client/native/cli/Say.hpp"
#include "client/native/directory/AccountClient.hpp"
#include "client/native/directory/BlobTransfer.hpp"
#include "client/native/e2ee/content/MediaBlob.hpp"
#include "client/native/e2ee/content/Utf8.hpp"
#include "client/native/mediafile/ReadWholeFile.hpp"

namespace sotto::client::cli {
namespace {

using nlohmann::json;
namespace asio = boost::asio;

/// What the server takes at most for one blob.
constexpr size_t maxFile = 100 << 20;
/// For the server to accept the message.
constexpr auto acceptDeadline = std::chrono::seconds(20);

enum class Fate : uint8_t { Waiting, Accepted, Confirmed, Failed };

base::ByteView bytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

const char* toString(Fate fate) {
  switch (fate) {
    case Fate::Waiting:
      return "waiting";
    case Fate::Accepted:
      return "accepted";
    case Fate::Confirmed:
      return "confirmed";
    case Fate::Failed:
      return "failed";
  }
  return "";
}

/// One body on its way to the devices of one user.
class Sending final : private DeviceEvents {
 public:
  Sending(LocalDevice& device, const SendOptions& options) : options_(options), device_(device) {}

  DeviceResult<void> run(const e2ee::Body& body, const std::vector<e2ee::DeviceId>& to) {
    body_ = &body;
    to_ = to;
    for (const e2ee::DeviceId& each : to) fates_[each] = {};
    auto connection = DeviceConnection::create(loop_, device_, *this, /*reconnect=*/false);
    if (!connection) {
      return tl::make_unexpected(DeviceProblem{ExitCode::BadInput, connection.error().message});
    }
    connection_ = std::move(*connection);
    deadline_.expires_after(acceptDeadline);
    deadline_.async_wait([this](boost::system::error_code error) {
      if (!error) finish();
    });
    connection_->open();
    loop_.run();
    return problem_.empty() ? DeviceResult<void>()
                            : tl::make_unexpected(DeviceProblem{ExitCode::CallFailed, std::move(problem_)});
  }

  struct State {
    Fate fate = Fate::Waiting;
    e2ee::MessageId id{};
    std::string why;
    bool identityChanged = false;
  };
  const std::map<e2ee::DeviceId, State>& fates() const { return fates_; }

 private:
  void onAttached(size_t /*pending*/) override { connection_->send(*body_, to_, 1); }
  void onSent(const e2ee::DeviceId& to, const e2ee::MessageId& id) override {
    // Others are devices that could not open what was sent to them before.
    if (const auto found = fates_.find(to); found != fates_.end()) found->second.id = id;
  }
  void onAccepted(const e2ee::MessageId& id) override {
    for (auto& [device, state] : fates_) {
      if (state.id == id && state.fate == Fate::Waiting) state.fate = Fate::Accepted;
    }
  }
  void onReceipt(const e2ee::DeviceId& from, uint64_t token) override {
    if (token != 1) return;
    fates_[from].fate = Fate::Confirmed;
  }
  void onUndelivered(const e2ee::DeviceId& to, uint64_t token, e2ee::Undelivered why) override {
    if (token != 1) return;
    State& state = fates_[to];
    state.fate = Fate::Failed;
    state.why = e2ee::toString(why);
    state.identityChanged = why == e2ee::Undelivered::IdentityChanged;
  }
  void onHandled() override {
    // What was opened for others is acknowledged and receipted before we go.
    if (allOf(Fate::Confirmed) && connection_->idle()) return finish();
    if (allOf(Fate::Accepted) && !std::exchange(waiting_, true)) waitForReceipts();
  }
  void onWarning(const std::string& message) override { say(message); }
  void onGone(const std::string& reason) override {
    problem_ = reason;
    finish();
  }

  /// Everybody has come so far, or failed.
  bool allOf(Fate least) const {
    for (const auto& [device, state] : fates_) {
      if (state.fate < least) return false;
    }
    return true;
  }
  void waitForReceipts() {
    const auto wait = std::chrono::duration<double>(options_.waitSeconds);
    deadline_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(wait));
    deadline_.async_wait([this](boost::system::error_code error) {
      if (!error) finish();
    });
  }
  void finish() {
    deadline_.cancel();
    connection_->close();
    loop_.stop();
  }

  const SendOptions& options_;
  LocalDevice& device_;
  asio::io_context loop_;
  asio::steady_timer deadline_{loop_};
  std::unique_ptr<DeviceConnection> connection_;
  const e2ee::Body* body_ = nullptr;
  std::vector<e2ee::DeviceId> to_;
  std::map<e2ee::DeviceId, State> fates_;
  std::string problem_;
  bool waiting_ = false;  ///< for receipts alone
};

/// Seals the file and puts it into the blob store.
DeviceResult<e2ee::MediaMessage> uploadFile(LocalDevice& device, const std::string& path) {
  auto plain = mediafile::readWholeFile(path);
  if (!plain) return tl::make_unexpected(DeviceProblem{ExitCode::BadInput, plain.error().message});
  if (plain->size() > maxFile) {
    return tl::make_unexpected(
        DeviceProblem{ExitCode::BadInput, path + ": more than 100 MiB, which the server does not take"});
  }
  e2ee::MediaMessage message;
  message.km = e2ee::SecretBytes(e2ee::MediaMessage::kmSize);
  device.random().fill(message.km.writable());
  message.size = plain->size();
  // A name that is no text stays at home.
  const std::string name = std::filesystem::path(path).filename().string();
  if (name.size() <= e2ee::MediaMessage::maxName && e2ee::isUtf8(bytesOf(name))) message.name = name;
  const e2ee::SealedBlob sealed = e2ee::sealBlob(message.km.view(), *plain);
  message.digest = sealed.digest;
  auto id = directory::BlobTransfer(device.http()).upload(sealed.bytes);
  if (!id) return tl::make_unexpected(DeviceProblem{ExitCode::CallFailed, id.error().message});
  message.blob = std::move(*id);
  return message;
}

DeviceResult<e2ee::Body> bodyFor(LocalDevice& device, const SendOptions& options) {
  e2ee::Body body;
  body.group = options.group;
  body.sentMs = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
  if (!options.file.empty()) {
    auto message = uploadFile(device, options.file);
    if (!message) return tl::make_unexpected(message.error());
    body.what = std::move(*message);
  } else if (!options.reaction.empty()) {
    const auto id = messageIdFromHex(options.reaction[0]);
    const std::string& emoji = options.reaction[1];
    if (!id || emoji.empty() || emoji.size() > e2ee::Reaction::maxEmoji) {
      return tl::make_unexpected(
          DeviceProblem{ExitCode::BadInput,
                        "--react: expected the 32 digits of a message id, and an emoji of 1 to 64 bytes"});
    }
    body.what = e2ee::Reaction{*id, emoji, options.removeReaction};
  } else {
    if (options.text.size() > e2ee::TextMessage::maxSize || !e2ee::isUtf8(bytesOf(options.text))) {
      return tl::make_unexpected(DeviceProblem{ExitCode::BadInput, "--text: more than 16 KiB, or no UTF-8"});
    }
    body.what = e2ee::TextMessage{options.text};
  }
  return body;
}

/// The user's devices; refused as a whole when the identity of one has changed.
DeviceResult<std::vector<e2ee::DeviceId>> recipientsOf(LocalDevice& device, const std::string& user) {
  const auto known = directory::AccountClient(device.http()).devicesOf(user);
  if (!known) return tl::make_unexpected(DeviceProblem{ExitCode::CallFailed, known.error().message});
  std::vector<e2ee::DeviceId> recipients;
  for (const directory::KnownDevice& each : *known) {
    const e2ee::DeviceId id{user, each.device};
    if (id == device.self()) continue;
    if (device.store().trust(id, each.identityKey) == signal::Trust::Changed) {
      std::ostringstream warning;
      warning << "THE IDENTITY OF " << user << "'s DEVICE " << each.device
              << " HAS CHANGED: nothing was sent. Ask them, compare numbers (sotto-client verify " << user
              << "), then accept it with verify --accept";
      return tl::make_unexpected(DeviceProblem{ExitCode::IdentityChanged, warning.str()});
    }
    recipients.push_back(id);
  }
  if (recipients.empty()) {
    return tl::make_unexpected(DeviceProblem{ExitCode::CallFailed, user + " has no registered device"});
  }
  return recipients;
}

ExitCode report(const Sending& sending, const SendOptions& options) {
  ExitCode code = ExitCode::Ok;
  json devices = json::array();
  for (const auto& [device, state] : sending.fates()) {
    const bool failed = state.fate == Fate::Failed || state.fate == Fate::Waiting;
    if (failed && code == ExitCode::Ok) code = ExitCode::CallFailed;
    if (state.identityChanged) code = ExitCode::IdentityChanged;
    devices.push_back({{"user", device.user},
                       {"device", device.device},
                       {"id", hexOf(state.id)},
                       {"state", toString(state.fate)},
                       {"reason", state.why}});
    if (failed) {
      say("not sent to " + device.user + "'s device " + device.device + ": " +
          (state.why.empty() ? "the server did not answer" : state.why));
    } else if (!options.asJson) {
      std::printf("%s %s %s\n", hexOf(state.id).c_str(), printable(device.device).c_str(),
                  toString(state.fate));
    }
  }
  if (options.asJson) {
    std::printf("%s\n", json{{"to", devices}}.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
  }
  return code;
}

}  // namespace

ExitCode runSend(const SendOptions& options) {
  const auto complain = [](const DeviceProblem& problem) {
    say(problem.message);
    return problem.code;
  };
  auto device = LocalDevice::open(options.device);
  if (!device) return complain(device.error());
  if (auto token = (*device)->authorize(options.device, "", (*device)->self().user); !token) {
    return complain(token.error());
  }
  if (auto registered = (*device)->keepRegistered(false); !registered) return complain(registered.error());
  const auto recipients = recipientsOf(**device, options.to);
  if (!recipients) return complain(recipients.error());
  const auto body = bodyFor(**device, options);
  if (!body) return complain(body.error());
  Sending sending(**device, options);
  const auto done = sending.run(*body, *recipients);
  const ExitCode code = report(sending, options);
  return done || code == ExitCode::Ok ? code : complain(done.error());
}

}  // namespace sotto::client::cli
