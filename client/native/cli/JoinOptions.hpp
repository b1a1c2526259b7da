// What `sotto-client join` was told on its command line, as plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/native/call/CallTypes.hpp"
#include "client/native/cli/DeviceOptions.hpp"
#include "media/base/Expected.hpp"

namespace CLI {
class App;
}

namespace sotto::client::cli {

struct JoinOptions {
  std::string server, room, name;
  std::string token;       ///< empty: asked of the server, which gives one in development mode
  std::string passphrase;  ///< at most one of passphrase and keyHex
  std::string keyHex;
  bool unsealed = false;  ///< neither keys nor encryption
  /// Without passphrase, key and `unsealed`: the device that agrees on keys. Its server, token and `insecure`
  /// are those above; no user means one of our name.
  DeviceOptions device;
  std::vector<std::string> chat;       ///< said once everybody there can hear it
  std::vector<std::string> reactions;  ///< emoji, likewise
  std::vector<std::string> rotate;     ///< others who join and leave: NAME:FROM-TO
  std::vector<std::string> invited;    ///< users whose devices get keys before they are there
  std::vector<std::string> videoFiles;
  std::string audioFile;
  std::string synthetic;  ///< "720p"; empty: none
  unsigned temporalLayers = 1;
  std::vector<std::string> wants;  ///< NAME:HEIGHT
  std::optional<uint64_t> rateCap;
  std::string suite;  ///< empty: the first of the room's
  std::string recordDirectory;
  double durationSeconds = 0;  ///< 0: until interrupted
  std::string reportFile;      ///< empty or "-": standard output
  bool insecure = false;
  std::string caFile;  ///< PEM; empty: the certificate authorities of the system
};

/// Whether keys are agreed upon by devices.
bool automaticKeys(const JoinOptions& options);

/// Declares the options on a CLI11 command; values land in `options`.
void declareJoinOptions(CLI::App& command, JoinOptions& options);

/// Reads NAME:HEIGHT, NAME/screen:HEIGHT, auto:HEIGHT (the latest speaker) or either without a height.
base::Expected<call::Want> parseWant(const std::string& text);

/// The room secret from --key or --key-passphrase; empty when neither was given.
base::Expected<std::vector<uint8_t>> roomSecret(const JoinOptions& options);

}  // namespace sotto::client::cli
