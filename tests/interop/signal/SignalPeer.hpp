// One device of ours behind the line protocol of README.md.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>

#include "client/native/e2ee/signal/DeviceStore.hpp"

namespace sotto::interop {

class SignalPeer {
 public:
  /// Answers one line with one line, without line feeds.
  std::string answer(const std::string& line);

 private:
  using Json = nlohmann::json;

  Json run(const Json& request);
  Json runOnDevice(const std::string& op, const Json& request);
  Json runOnSession(const std::string& op, const Json& request);
  Json runVerification(const std::string& op, const Json& request);

  Json init(const Json& request);
  Json describe() const;
  Json bundle(const Json& request);
  Json initiate(const Json& request);
  Json encrypt(const Json& request);
  Json decrypt(const Json& request);
  Json session(const Json& request) const;
  Json importState(const Json& request);

  std::unique_ptr<base::Random> random_;
  std::optional<e2ee::signal::DeviceStore> device_;
  std::set<uint32_t> handedOut_;  ///< ids of one-time prekeys
};

}  // namespace sotto::interop
