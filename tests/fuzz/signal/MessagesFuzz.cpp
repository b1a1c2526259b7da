// What arrives as a Signal message or is scanned as a QR code: what parses survives being written and parsed
// again.
#include <algorithm>
#include <cstdlib>

#include "client/native/e2ee/signal/Fingerprint.hpp"
#include "client/native/e2ee/signal/PreKeySignalMessage.hpp"

using namespace sotto;
using namespace sotto::e2ee::signal;

namespace {

bool sameFields(const SignalMessage& a, const SignalMessage& b) {
  return a.fields().ratchetKey == b.fields().ratchetKey && a.fields().counter == b.fields().counter &&
         a.fields().previousCounter == b.fields().previousCounter &&
         a.fields().ciphertext == b.fields().ciphertext;
}

void tryFirst(base::ByteView input) {
  const auto parsed = PreKeySignalMessage::parse(input);
  if (!parsed) return;
  const auto again = PreKeySignalMessage::parse(parsed->serialize());
  if (!again || again->preKeyId != parsed->preKeyId || again->signedPreKeyId != parsed->signedPreKeyId ||
      again->registrationId != parsed->registrationId || again->baseKey != parsed->baseKey ||
      again->identityKey != parsed->identityKey || !sameFields(again->message, parsed->message)) {
    std::abort();
  }
}

void tryRatchet(base::ByteView input) {
  const auto parsed = SignalMessage::parse(input);
  if (!parsed) return;
  if (!std::ranges::equal(parsed->wire(), input)) std::abort();
  const Secret32 macKey;
  const MessageParties parties{parsed->fields().ratchetKey, parsed->fields().ratchetKey};
  const SignalMessage sealed = SignalMessage::seal(parsed->fields(), macKey, parties);
  const auto again = SignalMessage::parse(sealed.wire());
  if (!again || !sameFields(*again, *parsed) || !again->hasMac(macKey, parties)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteView input(data, size);
  tryFirst(input);
  tryRatchet(input);
  static const Fingerprint fingerprint(
      {{}, PublicKey()}, {base::ByteView(reinterpret_cast<const uint8_t*>("b"), 1), PublicKey()});
  const auto scanned = fingerprint.compare(input);
  if (scanned && *scanned == Fingerprint::ScanResult::Match && size < 2 * 32) std::abort();
  return 0;
}
