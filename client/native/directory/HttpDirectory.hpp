// The key directory over HTTP or HTTPS (docs/directory.md), on an Asio event loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/native/directory/HttpClient.hpp"
#include "client/native/e2ee/messenger/MessengerPorts.hpp"

namespace sotto::client::directory {

/// Answers come from the event loop, never from within a call; none come after the object is gone.
class HttpDirectory final : public e2ee::DirectoryClient {
 public:
  /// Requests under way at once; more wait.
  static constexpr size_t maxConcurrent = 8;

  /// `http`: with the token of the device that asks. The loop must outlive this.
  HttpDirectory(boost::asio::io_context& loop, HttpClient http);
  ~HttpDirectory() override;

  void fetchBundles(const std::string& user, const std::vector<std::string>& devices,
                    e2ee::DirectoryDone<std::vector<e2ee::DeviceBundle>> done) override;
  void listDevices(const std::string& user, e2ee::DirectoryDone<std::vector<std::string>> done) override;
  void putKeys(const e2ee::DeviceKeys& keys, e2ee::DirectoryDone<size_t> done) override;
  void renewSignedPreKey(const e2ee::signal::PublicSignedPreKey& key,
                         e2ee::DirectoryDone<bool> done) override;
  void addOneTimePreKeys(const std::vector<e2ee::signal::PublicPreKey>& keys,
                         e2ee::DirectoryDone<size_t> done) override;

 private:
  struct Queue;
  std::shared_ptr<Queue> queue_;
};

}  // namespace sotto::client::directory
