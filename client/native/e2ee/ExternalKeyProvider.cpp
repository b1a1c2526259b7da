// Keys from the application's secret; see the header.
#include "client/native/e2ee/ExternalKeyProvider.hpp"

#include <stdexcept>

#include "client/native/e2ee/Hkdf.hpp"

namespace sotto::client::e2ee {

ExternalKeyProvider::ExternalKeyProvider(SecretBytes secret, frame::Suite suite, base::Random& random)
    : secret_(std::move(secret)), suite_(suite), random_(random) {
  if (secret_.size() < minSecretSize) throw std::invalid_argument("room secret shorter than 16 bytes");
}

SecretBytes ExternalKeyProvider::mediaKey(base::ByteView secret, base::ByteView salt, uint16_t sender) {
  static constexpr std::string_view label = "SottoExternalKey";
  std::array<uint8_t, label.size() + 2> info{};
  base::ByteWriter writer(info);
  writer.bytes({reinterpret_cast<const uint8_t*>(label.data()), label.size()});
  writer.u16(sender);
  return hkdf(HashType::Sha256, secret, salt, base::ByteView(info), 32);
}

PublishedKeyInfo ExternalKeyProvider::joined(uint16_t sender, FrameSealer& sealer) {
  PublishedKeyInfo info;
  info.suite = suite_;
  random_.fill(info.salt);
  sealer.installKey({sender, 0, 0}, mediaKey(secret_.view(), info.salt, sender).view());
  return info;
}

void ExternalKeyProvider::participantPresent(uint16_t sender, const PublishedKeyInfo& info,
                                             FrameOpener& opener) {
  opener.installKey({sender, 0, 0}, info.suite, mediaKey(secret_.view(), info.salt, sender).view());
}

void ExternalKeyProvider::participantLeft(uint16_t sender, FrameOpener& opener) {
  opener.removeSender(sender);
}

}  // namespace sotto::client::e2ee
