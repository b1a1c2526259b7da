// Where media keys come from. A call tells its provider what happens; the provider fills sealer and opener.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/native/e2ee/DataOpener.hpp"
#include "client/native/e2ee/DataSealer.hpp"
#include "client/native/e2ee/FrameOpener.hpp"
#include "client/native/e2ee/FrameSealer.hpp"
#include "client/native/e2ee/keys/DeviceId.hpp"
#include "media/base/Expected.hpp"
#include "media/base/Units.hpp"

namespace sotto::client::e2ee {

/// What a participant publishes about its keys through signaling (the `e2ee` object of docs/signaling.md).
struct PublishedKeyInfo {
  static constexpr size_t saltSize = 16;
  using Salt = std::array<uint8_t, saltSize>;

  frame::Suite suite = frame::Suite::Duo;
  std::optional<Salt> salt;  ///< external keys; absent with keys that devices agree on

  std::string saltHex() const;  ///< empty without a salt
  bool operator==(const PublishedKeyInfo&) const = default;
  /// From the two members of the `e2ee` object (no salt: an empty text); an error says which is wrong.
  static base::Expected<PublishedKeyInfo> parse(std::string_view suite, std::string_view saltHex);
};

/// All that we can seal and open with.
inline constexpr frame::Suite allSuites[] = {frame::Suite::Duo, frame::Suite::Aes128Gcm,
                                             frame::Suite::Aes256Gcm};
/// "duo", "aes128gcm", "aes256gcm", as in signaling and on the command line.
std::string_view suiteName(frame::Suite suite);
std::optional<frame::Suite> suiteFromName(std::string_view name);
/// Hexadecimal digits to bytes; nullopt for anything else.
std::optional<SecretBytes> secretFromHex(std::string_view hex);

/// Somebody in the roster, as far as keys are concerned.
struct KeyMember {
  uint16_t sender = 0;
  DeviceId device;
  std::optional<PublishedKeyInfo> published;
  bool connected = true;  ///< to the server, at the moment
  bool data = false;      ///< can be reached over its data channel
};

/// Holds the keys of a call: seals with our own, opens with those of the others. Told of what happens, it
/// fills both, at once or whenever keys arrive.
class KeyProvider {
 public:
  explicit KeyProvider(frame::Suite suite) : sealer_(suite) {}
  virtual ~KeyProvider() = default;
  KeyProvider(const KeyProvider&) = delete;
  KeyProvider& operator=(const KeyProvider&) = delete;

  /// Lives as long as the call, and its counter with it. Fails closed while there is no key.
  FrameSealer& sealer() { return sealer_; }
  FrameOpener& opener() { return opener_; }
  /// The same keys, for data messages.
  DataSealer& dataSealer() { return dataSealer_; }
  DataOpener& dataOpener() { return dataOpener_; }

  /// What our own frames are sealed with from now on. To be called before joined(), whose keys are of that
  /// suite.
  virtual void setSuite(frame::Suite suite) { sealer_.setSuite(suite); }

  /// We have joined afresh (not: resumed) under `self`, among these. Returns what to publish. From here on
  /// the sealer works.
  virtual PublishedKeyInfo joined(uint16_t self, const std::vector<KeyMember>& others,
                                  base::Timestamp now) = 0;
  /// A member is there, or something about it has changed.
  virtual void memberPresent(const KeyMember& member, base::Timestamp now) = 0;
  virtual void memberLeft(uint16_t sender, base::Timestamp now) = 0;
  /// A frame was opened with this key; one named a key that we do not have.
  virtual void frameOpened(KeyId /*key*/, base::Timestamp /*now*/) {}
  virtual void keyUnknown(KeyId /*key*/, base::Timestamp /*now*/) {}

 protected:
  /// Seals frames and data messages with this key from now on.
  void useKey(KeyId key, base::ByteView mediaKey) {
    sealer_.installKey(key, mediaKey);
    dataSealer_.installKey(key, mediaKey);
  }
  void stopSealing() {
    sealer_.removeKey();
    dataSealer_.removeKey();
  }
  /// Opens those of another with this one.
  void takeKey(KeyId key, frame::Suite suite, base::ByteView mediaKey) {
    opener_.installKey(key, suite, mediaKey);
    dataOpener_.installKey(key, mediaKey);
  }
  void forgetGeneration(uint16_t sender, uint8_t generation) {
    opener_.removeGeneration(sender, generation);
    dataOpener_.removeGeneration(sender, generation);
  }
  void forgetSender(uint16_t sender) {
    opener_.removeSender(sender);
    dataOpener_.removeSender(sender);
  }

 private:
  FrameSealer sealer_;
  FrameOpener opener_;
  DataSealer dataSealer_;
  DataOpener dataOpener_;
};

}  // namespace sotto::client::e2ee
