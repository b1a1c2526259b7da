// Tokens: nobody without the secret gets in, and whatever a holder of the secret signs is either refused or
// gives claims within their bounds. The first byte chooses between the two.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>

#include "signaling/Identifiers.hpp"
#include "signaling/Tokens.hpp"

using namespace sotto::signaling;

namespace {

const std::string secret = "an hmac key of thirty-two bytes!";
constexpr int64_t now = 1'800'000'000;

void require(bool holds) {
  if (!holds) std::abort();
}

std::string base64Url(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

std::string sign(std::string_view claims) {
  const std::string body = base64Url(R"({"alg":"HS256","typ":"JWT"})") + "." + base64Url(claims);
  unsigned char mac[32];
  unsigned int length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), mac, &length);
  return body + "." + base64Url({reinterpret_cast<char*>(mac), length});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] & 1) {
    const auto forged = verifyToken(secret, text, now);
    require(!forged && !forged.error().error.message.empty());
    return 0;
  }
  const auto verified = verifyToken(secret, sign(text), now);
  if (!verified) {
    require(!verified.error().error.message.empty());
    return 0;
  }
  require(verified->expiresAt > now && (!verified->notBefore || *verified->notBefore <= now));
  for (const std::string* claim : {&verified->user, &verified->device, &verified->name}) {
    require(isDisplayable(*claim, maxNameBytes));
  }
  // A token for keys and messages alone names no room.
  require(verified->room.empty() || isDisplayable(verified->room, maxNameBytes));
  return 0;
}
