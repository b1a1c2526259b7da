// The key directory over HTTP or HTTPS (docs/directory.md), on an Asio event loop.
#pragma once

#include <memory>
#include <string>

#include "client/native/call/TlsTrust.hpp"
#include "client/native/e2ee/messenger/MessengerPorts.hpp"
#include "media/base/Expected.hpp"

namespace boost::asio {
class io_context;
}

namespace sotto::client::call {

/// Answers come from the event loop, never from within a call; none come after the object is gone.
class HttpDirectory final : public e2ee::DirectoryClient {
 public:
  /// Requests under way at once; more wait.
  static constexpr size_t maxConcurrent = 8;

  /// `server`: as CallOptions::url. `token`: whose device asks.
  static base::Expected<std::unique_ptr<HttpDirectory>> create(boost::asio::io_context& loop,
                                                               const std::string& server, std::string token,
                                                               TlsTrust trust);
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
  struct Impl;
  explicit HttpDirectory(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace sotto::client::call
