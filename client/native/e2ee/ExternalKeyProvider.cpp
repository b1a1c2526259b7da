// Keys from the application's secret; see the header.
#include "client/native/e2ee/ExternalKeyProvider.hpp"

#include <stdexcept>

#include "client/native/e2ee/Hkdf.hpp"

namespace sotto::client::e2ee {

ExternalKeyProvider::ExternalKeyProvider(SecretBytes secret, frame::Suite suite, base::Random& random)
    : KeyProvider(suite), secret_(std::move(secret)), random_(random) {
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

PublishedKeyInfo ExternalKeyProvider::joined(uint16_t self, const std::vector<KeyMember>& others,
                                             base::Timestamp now) {
  PublishedKeyInfo info;
  info.suite = sealer().suite();
  random_.fill(info.salt.emplace());
  useKey({self, 0, 0}, mediaKey(secret_.view(), *info.salt, self).view());
  for (const KeyMember& other : others) memberPresent(other, now);
  return info;
}

void ExternalKeyProvider::memberPresent(const KeyMember& member, base::Timestamp /*now*/) {
  if (!member.published || !member.published->salt) return;
  takeKey({member.sender, 0, 0}, member.published->suite,
          mediaKey(secret_.view(), *member.published->salt, member.sender).view());
}

void ExternalKeyProvider::memberLeft(uint16_t sender, base::Timestamp /*now*/) {
  forgetSender(sender);
}

}  // namespace sotto::client::e2ee
