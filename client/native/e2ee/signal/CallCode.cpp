// The code of a whole call; see the header.
#include "client/native/e2ee/signal/CallCode.hpp"

#include <sodium/crypto_hash_sha512.h>

#include <set>
#include <vector>

#include "client/native/e2ee/signal/Fingerprint.hpp"

namespace sotto::e2ee::signal {
namespace {

constexpr std::string_view label = "SottoCallCode";

constexpr CallEmoji emojiTable[64] = {
    {"🐶", "dog"},      {"🐱", "cat"},      {"🐯", "tiger"},     {"🐴", "horse"},      {"🐮", "cow"},
    {"🐷", "pig"},      {"🐸", "frog"},     {"🐵", "monkey"},    {"🐰", "rabbit"},     {"🐻", "bear"},
    {"🐼", "panda"},    {"🐘", "elephant"}, {"🐭", "mouse"},     {"🐑", "sheep"},      {"🐓", "rooster"},
    {"🐧", "penguin"},  {"🐳", "whale"},    {"🐙", "octopus"},   {"🐢", "turtle"},     {"🐟", "fish"},
    {"🐌", "snail"},    {"🐝", "bee"},      {"🐞", "ladybird"},  {"🐍", "snake"},      {"🌳", "tree"},
    {"🌴", "palm"},     {"🌵", "cactus"},   {"🌻", "sunflower"}, {"🌹", "rose"},       {"🌷", "tulip"},
    {"🍄", "mushroom"}, {"🍀", "clover"},   {"🍎", "apple"},     {"🍌", "banana"},     {"🍇", "grapes"},
    {"🍋", "lemon"},    {"🍒", "cherries"}, {"🍍", "pineapple"}, {"🍓", "strawberry"}, {"🍅", "tomato"},
    {"🌽", "corn"},     {"🍞", "bread"},    {"🍕", "pizza"},     {"🎂", "cake"},       {"🍦", "ice cream"},
    {"🍪", "cookie"},   {"🌙", "moon"},     {"🌟", "star"},      {"🔥", "fire"},       {"🌈", "rainbow"},
    {"🌂", "umbrella"}, {"🔑", "key"},      {"🔒", "lock"},      {"🔔", "bell"},       {"📕", "book"},
    {"🎁", "present"},  {"🎈", "balloon"},  {"🎸", "guitar"},    {"🎺", "trumpet"},    {"🏆", "trophy"},
    {"🚗", "car"},      {"🚲", "bicycle"},  {"🚀", "rocket"},    {"🏠", "house"},
};

void append(std::vector<uint8_t>& out, std::string_view name) {
  uint8_t length[2];
  base::storeU16(length, static_cast<uint16_t>(name.size()));
  out.insert(out.end(), length, length + 2);
  out.insert(out.end(), name.begin(), name.end());
}

using Hash = std::array<uint8_t, crypto_hash_sha512_BYTES>;

/// D, then 5,200 times H = SHA-512(H || D).
Hash stretch(base::ByteView input) {
  Hash digest;
  crypto_hash_sha512(digest.data(), input.data(), input.size());
  Hash hash = digest;
  std::array<uint8_t, size_t{2} * crypto_hash_sha512_BYTES> both;
  std::copy(digest.begin(), digest.end(), both.begin() + crypto_hash_sha512_BYTES);
  for (unsigned i = 0; i < CallCode::iterations; ++i) {
    std::copy(hash.begin(), hash.end(), both.begin());
    crypto_hash_sha512(hash.data(), both.data(), both.size());
  }
  return hash;
}

}  // namespace

Result<CallCode> callCode(std::span<const CallMember> members) {
  std::set<std::vector<uint8_t>> entries;
  for (const CallMember& member : members) {
    if (member.user.size() > UINT16_MAX || member.device.size() > UINT16_MAX) {
      return refuse(SignalError::Malformed);
    }
    std::vector<uint8_t> entry;
    append(entry, member.user);
    append(entry, member.device);
    const PublicKey::Wire key = member.identityKey.serialize();
    entry.insert(entry.end(), key.begin(), key.end());
    entries.insert(std::move(entry));
  }
  std::vector<uint8_t> input(label.begin(), label.end());
  uint8_t count[4];
  base::storeU32(count, static_cast<uint32_t>(entries.size()));
  input.insert(input.end(), count, count + 4);
  for (const auto& entry : entries) input.insert(input.end(), entry.begin(), entry.end());

  const Hash hash = stretch(input);
  CallCode code;
  code.digits = thirtyDigits(hash);
  const uint32_t bits = base::loadU32(&hash[32]);
  for (size_t i = 0; i < CallCode::emojiCount; ++i) {
    code.emojiIndexes[i] = static_cast<uint8_t>((bits >> (26 - 6 * i)) & 63);
  }
  return code;
}

std::string CallCode::emoji() const {
  std::string text;
  for (const uint8_t index : emojiIndexes) text += callEmoji(index).picture;
  return text;
}

const CallEmoji& callEmoji(size_t index) {
  return emojiTable[index % 64];
}

}  // namespace sotto::e2ee::signal
