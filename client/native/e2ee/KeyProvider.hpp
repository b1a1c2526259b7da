// Where media keys come from. A call tells its provider who is there; the provider fills sealer and opener.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "client/native/e2ee/FrameOpener.hpp"
#include "client/native/e2ee/FrameSealer.hpp"
#include "media/base/Expected.hpp"

namespace sotto::client::e2ee {

/// What a participant publishes about its keys through signaling (the `e2ee` object of docs/signaling.md).
struct PublishedKeyInfo {
  static constexpr size_t saltSize = 16;

  frame::Suite suite = frame::Suite::Duo;
  std::array<uint8_t, saltSize> salt{};

  std::string saltHex() const;
  bool operator==(const PublishedKeyInfo&) const = default;
  /// From the two members of the `e2ee` object; an error says which is wrong.
  static base::Expected<PublishedKeyInfo> parse(std::string_view suite, std::string_view saltHex);
};

/// "duo", "aes128gcm", "aes256gcm", as in signaling and on the command line.
std::string_view suiteName(frame::Suite suite);
std::optional<frame::Suite> suiteFromName(std::string_view name);
/// Hexadecimal digits to bytes; nullopt for anything else.
std::optional<SecretBytes> secretFromHex(std::string_view hex);

class KeyProvider {
 public:
  virtual ~KeyProvider() = default;

  /// We have joined afresh under `sender` (not: resumed): installs a sending key into `sealer` and returns
  /// what to publish about it. From here on the sealer works.
  virtual PublishedKeyInfo joined(uint16_t sender, FrameSealer& sealer) = 0;
  /// A participant is there, or what it publishes has changed. Installs its key into `opener`.
  virtual void participantPresent(uint16_t sender, const PublishedKeyInfo& info, FrameOpener& opener) = 0;
  virtual void participantLeft(uint16_t sender, FrameOpener& opener) = 0;
};

}  // namespace sotto::client::e2ee
