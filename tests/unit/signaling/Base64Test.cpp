#include "signaling/Base64.hpp"

#include <catch2/catch.hpp>

#include "media/base/Random.hpp"

namespace sotto::signaling {

TEST_CASE("Base64 has the known answers of RFC 4648") {
  const std::pair<const char*, const char*> known[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : known) {
    CHECK(encodeBase64(plain) == text);
    CHECK(decodeBase64(text) == plain);
    CHECK(base64Size(text) == std::string(plain).size());
  }
}

TEST_CASE("Base64 of random bytes comes back") {
  base::SeededRandom random(7);
  for (size_t size = 0; size < 200; ++size) {
    std::string bytes(size, '\0');
    random.fill({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
    INFO("seed 7, size " << size);
    CHECK(decodeBase64(encodeBase64(bytes)) == bytes);
  }
}

TEST_CASE("Texts that are no base64, or not the only one for their value, are refused") {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm9v\n", "Zm9v ", "Zm-_",
                           "=Zg=", "====", "Zm=v", "Z===", "Zm9v="}) {
    INFO(text);
    CHECK_FALSE(decodeBase64(text).has_value());
    CHECK_FALSE(base64Size(text).has_value());
  }
}

}  // namespace sotto::signaling
