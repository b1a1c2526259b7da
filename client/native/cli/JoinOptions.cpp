// The join command's options; see the header.
#include "client/native/cli/JoinOptions.hpp"

#include <CLI/CLI.hpp>
#include <charconv>

#include "client/native/e2ee/ExternalKeyProvider.hpp"
#include "client/native/e2ee/Hkdf.hpp"

namespace sotto::client::cli {

void declareJoinOptions(CLI::App& command, JoinOptions& options) {
  command.add_option("--server", options.server, "The server's URL (http, https, ws or wss)")
      ->required()
      ->type_name("URL");
  command.add_option("--room", options.room, "The room to join")->required()->type_name("ROOM");
  command.add_option("--name", options.name, "Our name, as others see it")->required()->type_name("NAME");
  command
      .add_option("--token", options.token,
                  "JWT for the room; without it the server is asked for one, which works in development mode")
      ->type_name("JWT");
  auto* insecure = command.add_flag("--insecure", options.insecure, "Accept any TLS certificate");
  command
      .add_option("--ca-file", options.caFile,
                  "Certificates (PEM) that may have signed the server's, instead of the system's")
      ->type_name("FILE")
      ->excludes(insecure);

  auto* passphrase = command
                         .add_option("--key-passphrase", options.passphrase,
                                     "The room's passphrase (on the call page: what stands behind #key=)")
                         ->type_name("TEXT")
                         ->group("Encryption");
  auto* key = command.add_option("--key", options.keyHex, "The room's secret itself, 16 bytes or more")
                  ->type_name("HEX")
                  ->excludes(passphrase)
                  ->group("Encryption");
  command
      .add_flag("--unsealed", options.unsealed,
                "Neither seal nor open frames, for rooms with end-to-end encryption off")
      ->excludes(passphrase)
      ->excludes(key)
      ->group("Encryption");
  command
      .add_option("--suite", options.suite,
                  "What our frames are sealed with; by default the first suite that the room takes")
      ->check(CLI::IsMember({"duo", "aes128gcm", "aes256gcm"}))
      ->group("Encryption");

  command
      .add_option("--user", options.device.user,
                  "Whose device this is, with keys that devices agree on; by default a user of our name")
      ->type_name("USER")
      ->group("Device");
  command.add_option("--device", options.device.device, "The device's name; drawn where none is given")
      ->type_name("NAME")
      ->group("Device");
  declareStoreOptions(command, options.device);
  command
      .add_option("--invite", options.invited,
                  "Users to invite: their devices get our key before they are there; with commas")
      ->delimiter(',')
      ->type_name("USER[,USER...]")
      ->group("Device");

  command.add_option("--chat", options.chat, "Say this to everybody in the call; may be repeated")
      ->expected(1)
      ->take_all()
      ->type_name("TEXT")
      ->group("Messages");
  command.add_option("--reaction", options.reactions, "Show this to everybody in the call; may be repeated")
      ->expected(1)
      ->take_all()
      ->type_name("EMOJI")
      ->group("Messages");

  command
      .add_option(
          "--rotate", options.rotate,
          "Others who join this call from this machine, with devices of their own, and leave again: the "
          "seconds count from when our media first flows. The report and a table say how all keys "
          "changed. May be repeated, or with commas")
      ->delimiter(',')
      ->type_name("NAME:FROM-TO[,...]")
      ->excludes(passphrase)
      ->excludes(key)
      ->group("Device");

  auto* video =
      command
          .add_option("--video", options.videoFiles,
                      "IVF files (VP8 or VP9), one for each simulcast layer, one to three, with commas")
          ->delimiter(',')
          ->type_name("FILE[,FILE...]")
          ->group("Sending");
  command.add_option("--audio", options.audioFile, "Ogg Opus file")->type_name("FILE")->group("Sending");
  auto* synthetic =
      command
          .add_option(
              "--synthetic", options.synthetic,
              "Send made-up frames whose content receivers can verify and time: up to this size, in up to "
              "three layers, with audio unless --audio is given")
          ->type_name("180p|360p|720p|1080p")
          ->check(CLI::IsMember({"180p", "360p", "720p", "1080p"}))
          ->excludes(video)
          ->group("Sending");
  command.add_option("--temporal-layers", options.temporalLayers, "Temporal layers of --synthetic")
      ->check(CLI::Range(1, 3))
      ->capture_default_str()
      ->needs(synthetic)
      ->group("Sending");

  command
      .add_option(
          "--want", options.wants,
          "Whom to see and up to what height: NAME:HEIGHT, NAME/screen:HEIGHT, auto:HEIGHT (the latest "
          "speaker); may be repeated. Without it: everybody")
      ->type_name("NAME:HEIGHT")
      ->group("Receiving");
  command.add_option("--rate-cap", options.rateCap, "Upper bound on media towards us")
      ->type_name("BITS/S")
      ->group("Receiving");
  command
      .add_option("--record", options.recordDirectory,
                  "Write what we receive to DIR/<participant>-<source>.ivf and .opus")
      ->type_name("DIR")
      ->group("Receiving");

  command
      .add_option("--duration", options.durationSeconds, "Leave after so many seconds; 0: when interrupted")
      ->check(CLI::NonNegativeNumber)
      ->type_name("SECONDS");
  command.add_option("--json", options.reportFile, "Write the report here instead of to standard output")
      ->type_name("FILE");
}

bool automaticKeys(const JoinOptions& options) {
  return options.keyHex.empty() && options.passphrase.empty() && !options.unsealed;
}

base::Expected<call::Want> parseWant(const std::string& text) {
  call::Want want;
  std::string who = text;
  if (const size_t colon = text.rfind(':'); colon != std::string::npos) {
    who = text.substr(0, colon);
    const char* begin = text.data() + colon + 1;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(begin, end, want.maxHeight);
    constexpr uint32_t tallest = 8'192;
    if (error != std::errc() || stop != end || want.maxHeight > tallest) {
      return base::fail("--want " + text + ": expected a height in pixels (0..8192) behind the colon");
    }
  }
  static constexpr std::string_view screen = "/screen";
  if (who.ends_with(screen)) {
    want.source = call::TrackSource::Screen;
    who.resize(who.size() - screen.size());
  }
  if (who.empty()) return base::fail("--want " + text + ": expected a name before the colon");
  if (who != "auto") want.participant = who;
  return want;
}

base::Expected<std::vector<uint8_t>> roomSecret(const JoinOptions& options) {
  e2ee::SecretBytes secret;
  if (!options.keyHex.empty()) {
    auto bytes = e2ee::secretFromHex(options.keyHex);
    if (!bytes) return base::fail("--key: expected an even number of hexadecimal digits");
    secret = std::move(*bytes);
    constexpr size_t shortest = e2ee::ExternalKeyProvider::minSecretSize;
    if (secret.size() < shortest) {
      return base::fail("--key: " + std::to_string(secret.size()) + " bytes, expected at least " +
                        std::to_string(shortest));
    }
  } else if (!options.passphrase.empty()) {
    secret = e2ee::stretchPassphrase(options.passphrase, options.room);
  }
  return std::vector<uint8_t>(secret.view().begin(), secret.view().end());
}

}  // namespace sotto::client::cli
