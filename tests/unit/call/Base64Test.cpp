#include "client/native/call/Base64.hpp"

#include <catch2/catch.hpp>

namespace sotto::client::call {

TEST_CASE("Base64 gives the answers of RFC 4648 and takes them back") {
  const std::pair<std::string, std::string> vectors[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {
    const std::vector<uint8_t> bytes(plain.begin(), plain.end());
    CHECK(toBase64(bytes) == text);
    CHECK(fromBase64(text) == bytes);
  }
  CHECK(toBase64(std::vector<uint8_t>{0xFB, 0xFF}) == "+/8=");
}

TEST_CASE("What is not base64 is refused") {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "Z===", "=Zg=", "Zg==Zg==", "Zh==", "Zm9=", "Zm9-", "Zm 9"}) {
    INFO(text);
    CHECK_FALSE(fromBase64(text));
  }
}

}  // namespace sotto::client::call
