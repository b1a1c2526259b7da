// Keys from one secret that the application hands to everyone in the room (docs/frame-format.md, External
// keys).
#pragma once

#include "client/native/e2ee/KeyProvider.hpp"
#include "media/base/Random.hpp"

namespace sotto::client::e2ee {

/// SK = HKDF-SHA256(secret, salt, "SottoExternalKey" || sender, 32) under generation 0, step 0. The salt is
/// drawn afresh at each join and published with the media, so no two senders, joins or calls share an SK.
class ExternalKeyProvider final : public KeyProvider {
 public:
  /// A shorter secret cannot carry the strength of the suites.
  static constexpr size_t minSecretSize = 16;

  /// `random` must outlive the provider, and must be the system's generator outside of simulations.
  ExternalKeyProvider(SecretBytes secret, frame::Suite suite, base::Random& random);

  PublishedKeyInfo joined(uint16_t self, const std::vector<KeyMember>& others, base::Timestamp now) override;
  void memberPresent(const KeyMember& member, base::Timestamp now) override;
  void memberLeft(uint16_t sender, base::Timestamp now) override;

  /// The derivation alone.
  static SecretBytes mediaKey(base::ByteView secret, base::ByteView salt, uint16_t sender);

 private:
  SecretBytes secret_;
  base::Random& random_;
};

}  // namespace sotto::client::e2ee
