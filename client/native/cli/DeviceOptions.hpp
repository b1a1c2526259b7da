// Which device a command acts for, as plain values: the options that device, send, receive, verify and join
// share.
#pragma once

#include <string>

#include "client/native/call/TlsTrust.hpp"
#include "media/base/Expected.hpp"

namespace CLI {
class App;
}

namespace sotto::client::cli {

struct DeviceOptions {
  std::string server;
  std::string user;    ///< empty: as the store or the token says
  std::string device;  ///< empty: as the store or the token says, or drawn when a store is made
  std::string token;   ///< empty: asked of the server, which gives one in development mode
  std::string storeFile;
  std::string storePassphrase;  ///< empty: a key file next to the store
  bool insecure = false;
  std::string caFile;  ///< PEM; empty: the certificate authorities of the system

  call::TlsTrust trust() const { return {!insecure, caFile}; }
};

/// Declares --store and --store-passphrase.
void declareStoreOptions(CLI::App& command, DeviceOptions& options);
/// Declares these and --server, --user, --token, --insecure.
void declareDeviceOptions(CLI::App& command, DeviceOptions& options);

/// --store, or a file for this server and user under $XDG_DATA_HOME/sotto (~/.local/share/sotto). An error
/// when neither a user nor a home is known, or the server is no URL.
base::Expected<std::string> storePath(const DeviceOptions& options);

}  // namespace sotto::client::cli
