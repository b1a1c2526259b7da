// The one-time-key form: known answers, and that it opens in no other context.
#include "client/native/e2ee/content/OneTimeKey.hpp"

#include <catch2/catch.hpp>

#include "tests/unit/e2ee/E2eeTestSupport.hpp"

namespace sotto::client::e2ee {
namespace {

using test::fromHex;
using test::toHex;

SharedContext context() {
  return {Purpose::MediaKey, "call", {"alice", "phone"}, {1, 2, 3}};
}

}  // namespace

TEST_CASE("The one-time key form gives the known answer") {
  const auto vector = test::loadVectors("duo-paper-known-answers.json")["otk"];
  const auto km = fromHex(vector["KM"]), plain = fromHex(vector["plaintext"]), aad = fromHex(vector["aad"]);
  const auto sealed = sealOneTime(km, plain, aad);
  CHECK(toHex(sealed) == vector["ciphertext_and_tag"]);
  const auto opened = openOneTime(km, sealed, aad);
  REQUIRE(opened);
  CHECK(toHex(opened->view()) == vector["plaintext"]);
}

TEST_CASE("The associated data names purpose, group, sender and message") {
  CHECK(toHex(context().aad()) ==
        "01"
        "0463616c6c"
        "05616c696365"
        "0570686f6e65"
        "01020300000000000000000000000000");
}

TEST_CASE("A shared body opens in its own context and in no other") {
  base::SeededRandom random(5);
  const std::vector<uint8_t> plain(320, 7);
  const SharedBody shared = sealShared(plain, context(), random);
  CHECK(shared.sealed.size() == 336);
  REQUIRE(openShared(shared.key, shared.sealed, context()));
  CHECK(openShared(shared.key, shared.sealed, context())->equals(plain));
  SharedContext other = context();
  SECTION("purpose") {
    other.purpose = Purpose::Text;
  }
  SECTION("group") {
    other.group = "another call";
  }
  SECTION("user") {
    other.sender.user = "bob";
  }
  SECTION("device") {
    other.sender.device = "laptop";
  }
  SECTION("bytes moved from one name to the next") {
    other.group = "callalice";
    other.sender.user = "";
  }
  SECTION("message") {
    other.message[15] = 1;
  }
  CHECK_FALSE(openShared(shared.key, shared.sealed, other));
}

TEST_CASE("A shared body with a wrong digest, a changed byte or a missing end is refused") {
  base::SeededRandom random(6);
  const SharedBody shared = sealShared(std::vector<uint8_t>(160, 7), context(), random);
  SharedKey wrong{shared.key.km.clone(), shared.key.digest};
  wrong.digest[0] ^= 1;
  CHECK_FALSE(openShared(wrong, shared.sealed, context()));
  for (const size_t at : {size_t{0}, size_t{100}, shared.sealed.size() - 1}) {
    auto changed = shared.sealed;
    changed[at] ^= 1;
    CHECK_FALSE(openShared(shared.key, changed, context()));
    wrong.digest = sha256(changed);
    INFO("also with a digest that fits");
    CHECK_FALSE(openShared(wrong, changed, context()));
  }
  for (const size_t length : {0u, 15u, 16u, 175u}) {
    const base::ByteView cut = base::ByteView(shared.sealed).first(length);
    wrong.digest = sha256(cut);
    CHECK_FALSE(openShared(wrong, cut, context()));
  }
}

}  // namespace sotto::client::e2ee
