// Options about the device; see the header.
#include "client/native/cli/DeviceOptions.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>

#include "client/native/call/DirectoryMessages.hpp"
#include "client/native/call/WebSocketClient.hpp"

namespace sotto::client::cli {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread is started
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

void declareStoreOptions(CLI::App& command, DeviceOptions& options) {
  command
      .add_option("--store", options.storeFile,
                  "This device's keys and sessions; by default a file for the server and the user under "
                  "$XDG_DATA_HOME/sotto or ~/.local/share/sotto")
      ->type_name("FILE")
      ->group("Device");
  command
      .add_option("--store-passphrase", options.storePassphrase,
                  "What the store is locked with; by default a key file next to it")
      ->envname("SOTTO_STORE_PASSPHRASE")
      ->type_name("TEXT")
      ->group("Device");
}

void declareDeviceOptions(CLI::App& command, DeviceOptions& options) {
  command.add_option("--server", options.server, "The server's URL (http, https, ws or wss)")
      ->required()
      ->type_name("URL");
  command.add_option("--user", options.user, "Whose device this is")->type_name("USER");
  command
      .add_option("--token", options.token,
                  "JWT of the user and device; without it the server is asked for one, which works in "
                  "development mode")
      ->type_name("JWT");
  auto* insecure = command.add_flag("--insecure", options.insecure, "Accept any TLS certificate");
  command
      .add_option("--ca-file", options.caFile,
                  "Certificates (PEM) that may have signed the server's, instead of the system's")
      ->type_name("FILE")
      ->excludes(insecure);
  declareStoreOptions(command, options);
}

base::Expected<std::string> storePath(const DeviceOptions& options) {
  if (!options.storeFile.empty()) return options.storeFile;
  const auto url = call::WebSocketUrl::parse(options.server);
  if (!url) return tl::make_unexpected(url.error());
  if (options.user.empty()) return base::fail("whose device? Give --user or --store");
  std::filesystem::path folder = environment("XDG_DATA_HOME");
  if (folder.empty()) {
    const std::string home = environment("HOME");
    if (home.empty()) return base::fail("there is no home directory: give --store");
    folder = std::filesystem::path(home) / ".local" / "share";
  }
  return (folder / "sotto" / call::pathSegment(url->host + "_" + url->port) /
          call::pathSegment(options.user) / "device")
      .string();
}

}  // namespace sotto::client::cli
