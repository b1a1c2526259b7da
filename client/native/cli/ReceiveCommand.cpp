// Receiving; see the header.
#include "client/native/cli/ReceiveCommand.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "client/native/cli/DeviceConnection.hpp"
#include "client/native/cli/MessageText.hpp"
#include "client/native/cli/Say.hpp"
#include "client/native/directory/BlobTransfer.hpp"
#include "client/native/e2ee/content/MediaBlob.hpp"

namespace sotto::client::cli {
namespace {

namespace asio = boost::asio;

/// For the receipts of the last messages to leave.
constexpr auto restDeadline = std::chrono::seconds(5);

class Receiving final : private DeviceEvents {
 public:
  Receiving(LocalDevice& device, const ReceiveOptions& options)
      : options_(options), device_(device), signals_(loop_, SIGINT, SIGTERM) {}

  DeviceResult<void> run() {
    auto connection = DeviceConnection::create(loop_, device_, *this, options_.follow);
    if (!connection) {
      return tl::make_unexpected(DeviceProblem{ExitCode::BadInput, connection.error().message});
    }
    connection_ = std::move(*connection);
    signals_.async_wait([this](boost::system::error_code error, int /*signal*/) {
      if (!error) finish();
    });
    show();
    if (!over_) {
      connection_->open();
      loop_.run();
    }
    if (problem_.empty()) return {};
    return tl::make_unexpected(DeviceProblem{code_, std::move(problem_)});
  }

 private:
  void onAttached(size_t pending) override {
    expected_ = handled_ + pending;
    attached_ = true;
    endWhenIdle();
  }
  void onInbox() override { show(); }
  void onHandled() override { endWhenIdle(); }
  void onMessage() override { ++handled_; }
  void onIdentityChanged(const e2ee::DeviceId& device) override {
    const std::string text = "THE IDENTITY OF " + device.user + "'s DEVICE " + device.device +
                             " HAS CHANGED. What it sends is kept sealed until you accept it: compare "
                             "numbers (sotto-client verify " +
                             device.user + "), then verify --accept";
    say(text);
    if (options_.asJson) {
      const nlohmann::json line{{"type", "identity-changed"},
                                {"from", {{"user", device.user}, {"device", device.device}}}};
      print(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    }
    code_ = ExitCode::IdentityChanged;
  }
  void onWarning(const std::string& message) override { say(message); }
  void onGone(const std::string& reason) override {
    problem_ = reason;
    finish();
  }

  /// Everything that waited has come and is answered: goes, or stays for as long as was asked.
  void endWhenIdle() {
    if (options_.follow || !attached_ || handled_ < expected_ || !connection_->idle() || ending_) return;
    ending_ = true;
    const auto wait = std::chrono::duration<double>(options_.waitSeconds);
    end_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(wait));
    end_.async_wait([this](boost::system::error_code error) {
      if (!error) rest();
    });
  }
  /// The wait is over; what came in its last moment is answered still.
  void rest() {
    if (connection_->idle()) return finish();
    if (restEnd_ == std::chrono::steady_clock::time_point()) {
      restEnd_ = std::chrono::steady_clock::now() + restDeadline;
    }
    if (std::chrono::steady_clock::now() > restEnd_) return finish();
    end_.expires_after(std::chrono::milliseconds(20));
    end_.async_wait([this](boost::system::error_code error) {
      if (!error) rest();
    });
  }

  void show() {
    Inbox& inbox = connection_->inbox();
    while (!inbox.messages().empty() && !over_) {
      const InboxMessage& message = inbox.messages().front();
      std::string savedAs;
      if (const auto* file = std::get_if<e2ee::MediaMessage>(&message.body.what)) {
        const Fetched fetched = fetch(*file, savedAs);
        if (fetched == Fetched::Later) return finish();  // it stays in the inbox
      }
      print(options_.asJson ? messageJson(message, savedAs) : messageSentence(message, savedAs));
      inbox.removeFirst();
      if (const auto saved = device_.save(); !saved) return fail(saved.error().message);
    }
  }

  enum class Fetched : uint8_t { Saved, Never, Later };
  Fetched fetch(const e2ee::MediaMessage& file, std::string& savedAs) {
    const auto sealed = directory::BlobTransfer(device_.http()).download(file.blob, file.size);
    if (!sealed) {
      if (!sealed.error().permanent) {
        fail(sealed.error().message);
        return Fetched::Later;
      }
      say("a file cannot be had: " + sealed.error().message);
      code_ = ExitCode::FramesUnopened;
      return Fetched::Never;
    }
    const auto plain = e2ee::openBlob(file, *sealed);
    if (!plain) {
      say("a file is not what its message says: dropped unread");
      code_ = ExitCode::FramesUnopened;
      return Fetched::Never;
    }
    const std::string path = pathForFile(options_.directory, file.name);
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(plain->data()), static_cast<std::streamsize>(plain->size()));
    if (!out.flush()) {
      fail(path + ": cannot be written");
      return Fetched::Later;
    }
    savedAs = path;
    return Fetched::Saved;
  }

  void print(const std::string& line) {
    std::printf("%s\n", line.c_str());
    if (std::fflush(stdout) != 0) fail("standard output is closed");
  }
  void fail(const std::string& problem) {
    problem_ = problem;
    code_ = ExitCode::CallFailed;
    finish();
  }
  void finish() {
    over_ = true;
    end_.cancel();
    connection_->close();
    loop_.stop();
  }

 public:
  ExitCode code() const { return code_; }

 private:
  const ReceiveOptions& options_;
  LocalDevice& device_;
  asio::io_context loop_;
  asio::signal_set signals_;
  asio::steady_timer end_{loop_};
  std::chrono::steady_clock::time_point restEnd_;
  std::unique_ptr<DeviceConnection> connection_;
  size_t expected_ = 0, handled_ = 0;
  bool attached_ = false, ending_ = false, over_ = false;
  ExitCode code_ = ExitCode::Ok;
  std::string problem_;
};

}  // namespace

ExitCode runReceive(const ReceiveOptions& options) {
  const auto complain = [](const DeviceProblem& problem) {
    say(problem.message);
    return problem.code == ExitCode::Ok ? ExitCode::CallFailed : problem.code;
  };
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  if (error) return complain({ExitCode::BadInput, options.directory + ": " + error.message()});
  auto device = LocalDevice::open(options.device);
  if (!device) return complain(device.error());
  if (auto token = (*device)->authorize(options.device, "", (*device)->self().user); !token) {
    return complain(token.error());
  }
  if (auto registered = (*device)->keepRegistered(false); !registered) return complain(registered.error());
  Receiving receiving(**device, options);
  const auto done = receiving.run();
  return done ? receiving.code() : complain(done.error());
}

}  // namespace sotto::client::cli
