// Contents: what goes in comes out, all small ones look alike, and nothing out of bounds gets through.
#include "client/native/e2ee/content/Content.hpp"

#include <catch2/catch.hpp>

#include "client/native/e2ee/content/Utf8.hpp"
#include "client/native/e2ee/signal/Protobuf.hpp"
#include "tests/unit/e2ee/E2eeTestSupport.hpp"

namespace sotto::client::e2ee {
namespace {

using sotto::e2ee::signal::ProtobufWriter;
using test::fromHex;
using test::toHex;

Body keyBody() {
  Body body;
  body.group = "00112233445566778899aabbccddeeff";
  body.sentMs = 1'700'000'000'123;
  body.what = MediaKey{{65'535, 255, 7}, frame::Suite::Aes256Gcm, SecretBytes(test::mediaKey())};
  return body;
}

Body textBody(std::string text) {
  Body body;
  body.group = "family";
  body.what = TextMessage{std::move(text)};
  return body;
}

base::ByteView bytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// Padded by hand, as a hostile sender could.
std::vector<uint8_t> padded(std::vector<uint8_t> plain) {
  plain.push_back(0x80);
  return plain;
}

/// A body with the given purpose and one field.
std::vector<uint8_t> bodyWith(uint64_t purpose, uint32_t field, base::ByteView inner) {
  ProtobufWriter out;
  out.varint(1, purpose);
  out.bytes(2, bytesOf("g"));
  out.bytes(field, inner);
  return padded(out.take());
}

ContentError errorOf(base::ByteView bytes) {
  const auto body = decodeBody(bytes);
  REQUIRE_FALSE(body);
  return body.error();
}

}  // namespace

TEST_CASE("A media key in a content comes out as it went in, in 320 bytes") {
  const SecretBytes wire = encodeContent(keyBody());
  CHECK(wire.size() == 320);
  const auto content = decodeContent(wire.view());
  REQUIRE(content);
  const Body& body = std::get<Body>(*content);
  CHECK(body.purpose() == Purpose::MediaKey);
  CHECK(body.group == keyBody().group);
  CHECK(body.sentMs == 1'700'000'000'123);
  const MediaKey& key = std::get<MediaKey>(body.what);
  CHECK(key.id == KeyId{65'535, 255, 7});
  CHECK(key.suite == frame::Suite::Aes256Gcm);
  CHECK(key.secret.equals(test::mediaKey()));
}

TEST_CASE("Bytes on the wire are those of the schema") {
  Body body;
  body.group = "g";
  body.what = KeyRequest{3, 1, std::nullopt};
  CHECK(toHex(encodeBody(body).view()).substr(0, 26) == "08021201672a04080310018000");
  // body 1 { purpose 1: 2, group 2: "g", key_request 5 { sender 1: 3, generation 2: 1 } }
  CHECK(toHex(encodeContent(std::move(body)).view()).substr(0, 30) == "0a0b08021201672a04080310018000");
}

TEST_CASE("Every kind of body comes out as it went in") {
  Body body;
  body.group = "g";
  SECTION("key request with everything") {
    body.what = KeyRequest{1, 2, 3};
  }
  SECTION("key request with nothing") {
    body.what = KeyRequest{1, std::nullopt, std::nullopt};
  }
  SECTION("text") {
    body.what = TextMessage{"Grüße 👋"};
  }
  SECTION("empty text") {
    body.what = TextMessage{""};
  }
  SECTION("reaction") {
    body.what = Reaction{{1, 2, 3}, "🎉", false};
  }
  SECTION("reaction taken back") {
    body.what = Reaction{{1, 2, 3}, "🎉", true};
  }
  const auto back = decodeBody(encodeBody(body).view());
  REQUIRE(back);
  CHECK(back->purpose() == body.purpose());
  if (const auto* request = std::get_if<KeyRequest>(&body.what)) {
    CHECK(std::get<KeyRequest>(back->what) == *request);
  } else if (const auto* text = std::get_if<TextMessage>(&body.what)) {
    CHECK(std::get<TextMessage>(back->what) == *text);
  } else {
    CHECK(std::get<Reaction>(back->what) == std::get<Reaction>(body.what));
  }
}

TEST_CASE("A media message comes out as it went in") {
  Body body;
  body.group = "g";
  MediaMessage media;
  media.blob = std::string(64, 'a');
  media.km = SecretBytes(test::mediaKey());
  media.digest[31] = 9;
  media.size = 104'857'600;
  media.name = "Urlaub.jpg";
  media.type = "image/jpeg";
  body.what = std::move(media);
  const auto back = decodeBody(encodeBody(body).view());
  REQUIRE(back);
  const auto& out = std::get<MediaMessage>(back->what);
  CHECK(out.blob == std::string(64, 'a'));
  CHECK(out.km.equals(test::mediaKey()));
  CHECK(out.digest[31] == 9);
  CHECK(out.size == 104'857'600);
  CHECK(out.name == "Urlaub.jpg");
  CHECK(out.type == "image/jpeg");
}

TEST_CASE("Key messages, key requests, shared keys and receipts cannot be told apart by length") {
  Body request;
  request.group = "g";
  request.what = KeyRequest{1, std::nullopt, std::nullopt};
  SharedKey shared{SecretBytes(SharedKey::kmSize), {}};
  CHECK(encodeContent(keyBody()).size() == 320);
  CHECK(encodeBody(keyBody()).size() == 320);
  CHECK(encodeContent(std::move(request)).size() == 320);
  CHECK(encodeContent(std::move(shared)).size() == 320);
  CHECK(encodeContent(Receipt{{MessageId{}}}).size() == 320);
  CHECK(encodeContent(Receipt{std::vector<MessageId>(16)}).size() == 320);
}

TEST_CASE("Texts are padded to multiples of 160 bytes") {
  for (const size_t length : {0u, 1u, 140u, 141u, 150u, 151u, 320u, 16'384u}) {
    const SecretBytes wire = encodeContent(textBody(std::string(length, 'x')));
    INFO(length);
    CHECK(wire.size() % 160 == 0);
    CHECK(wire.size() > length);
    CHECK(wire.size() <= length + 160 + 40);
    const auto back = decodeContent(wire.view());
    REQUIRE(back);
    CHECK(std::get<TextMessage>(std::get<Body>(*back).what).text.size() == length);
  }
}

TEST_CASE("Receipts and shared keys come out as they went in") {
  const auto receipt = decodeContent(encodeContent(Receipt{{MessageId{1}, MessageId{2}}}).view());
  REQUIRE(receipt);
  CHECK(std::get<Receipt>(*receipt).messages == std::vector<MessageId>{MessageId{1}, MessageId{2}});
  const auto shared =
      decodeContent(encodeContent(SharedKey{SecretBytes(test::mediaKey()), Sha256Digest{7}}).view());
  REQUIRE(shared);
  CHECK(std::get<SharedKey>(*shared).km.equals(test::mediaKey()));
  CHECK(std::get<SharedKey>(*shared).digest == Sha256Digest{7});
}

TEST_CASE("Without padding nothing is read") {
  for (const char* hex : {"", "00", "0000", "0a0b", "0a0b00"}) {
    INFO(hex);
    CHECK(errorOf(fromHex(hex)) == ContentError::Padding);
  }
  CHECK(errorOf(std::vector<uint8_t>(maxContentSize + 1, 0x80)) == ContentError::TooLarge);
}

TEST_CASE("Fields out of bounds, missing, of the wrong type or from the future are refused") {
  ProtobufWriter inner;
  SECTION("sender 0") {
    inner.varint(1, 0);
    CHECK(errorOf(bodyWith(2, 5, inner.written())) == ContentError::OutOfBounds);
  }
  SECTION("sender above 16 bits") {
    inner.varint(1, 65'536);
    CHECK(errorOf(bodyWith(2, 5, inner.written())) == ContentError::OutOfBounds);
  }
  SECTION("generation above 8 bits") {
    inner.varint(1, 1);
    inner.varint(2, 256);
    CHECK(errorOf(bodyWith(2, 5, inner.written())) == ContentError::OutOfBounds);
  }
  SECTION("sender as text") {
    inner.bytes(1, bytesOf("1"));
    CHECK(errorOf(bodyWith(2, 5, inner.written())) == ContentError::Malformed);
  }
  SECTION("purpose and field that do not belong together") {
    inner.varint(1, 1);
    CHECK(errorOf(bodyWith(1, 5, inner.written())) == ContentError::Missing);
  }
  SECTION("a purpose that nobody knows") {
    CHECK(errorOf(bodyWith(6, 9, {})) == ContentError::UnknownPurpose);
    CHECK(errorOf(bodyWith(0, 9, {})) == ContentError::UnknownPurpose);
  }
  SECTION("a key of 31 bytes, an unknown suite, no key at all") {
    for (uint32_t number = 1; number <= 3; ++number) inner.varint(number, 1);
    ProtobufWriter shortKey = inner, wrongSuite = inner, none = inner;
    shortKey.varint(4, 0xD0);
    shortKey.bytes(5, std::vector<uint8_t>(31));
    CHECK(errorOf(bodyWith(1, 4, shortKey.written())) == ContentError::OutOfBounds);
    wrongSuite.varint(4, 3);
    wrongSuite.bytes(5, std::vector<uint8_t>(32));
    CHECK(errorOf(bodyWith(1, 4, wrongSuite.written())) == ContentError::OutOfBounds);
    none.varint(4, 0xD0);
    CHECK(errorOf(bodyWith(1, 4, none.written())) == ContentError::Missing);
  }
  SECTION("text that is not UTF-8, or too long") {
    inner.bytes(1, fromHex("c0af"));
    CHECK(errorOf(bodyWith(3, 6, inner.written())) == ContentError::OutOfBounds);
    ProtobufWriter tooLong;
    tooLong.bytes(1, std::vector<uint8_t>(TextMessage::maxSize + 1, 'x'));
    CHECK(errorOf(bodyWith(3, 6, tooLong.written())) == ContentError::OutOfBounds);
  }
  SECTION("a reaction to half a message id") {
    inner.bytes(1, std::vector<uint8_t>(8));
    inner.bytes(2, bytesOf("x"));
    CHECK(errorOf(bodyWith(5, 8, inner.written())) == ContentError::OutOfBounds);
  }
}

TEST_CASE("A group of no bytes or of 65 is refused") {
  for (const size_t length : {0u, 65u}) {
    ProtobufWriter out, inner;
    inner.varint(1, 1);
    out.varint(1, 2);
    out.bytes(2, std::vector<uint8_t>(length, 'g'));
    out.bytes(5, inner.written());
    CHECK(errorOf(padded(out.take())) == ContentError::OutOfBounds);
  }
}

TEST_CASE("Unknown fields are skipped") {
  ProtobufWriter out, inner;
  inner.varint(1, 9);
  inner.bytes(77, bytesOf("from the future"));
  out.varint(1, 2);
  out.bytes(2, bytesOf("g"));
  out.varint(1'000'000, 5);
  out.bytes(5, inner.written());
  const auto body = decodeBody(padded(out.take()));
  REQUIRE(body);
  CHECK(std::get<KeyRequest>(body->what).sender == 9);
}

TEST_CASE("A content is exactly one of the three, and a receipt names 1 to 64 messages") {
  ProtobufWriter receipt;
  receipt.bytes(1, MessageId{});
  ProtobufWriter two;
  two.bytes(2, {});
  two.bytes(3, receipt.written());
  CHECK(decodeContent(padded(two.take())).error() == ContentError::Missing);
  CHECK(decodeContent(padded({})).error() == ContentError::Missing);
  ProtobufWriter none, many, all;
  none.bytes(3, {});
  CHECK(decodeContent(padded(none.take())).error() == ContentError::Missing);
  for (int i = 0; i < 65; ++i) many.bytes(1, MessageId{});
  all.bytes(3, many.written());
  CHECK(decodeContent(padded(all.take())).error() == ContentError::OutOfBounds);
}

TEST_CASE("Truncated or changed contents never crash, and never give another key") {
  const SecretBytes wire = encodeContent(keyBody());
  for (size_t length = 0; length < wire.size(); ++length) {
    const auto cut = decodeContent(wire.view().first(length));
    if (cut) CHECK(std::get<MediaKey>(std::get<Body>(*cut).what).secret.equals(test::mediaKey()));
  }
}

TEST_CASE("Error receipts are 17 bytes and have three reasons") {
  const ErrorReceipt receipt{{1, 2, 3}, ErrorReceipt::Reason::UnknownPreKey};
  const auto wire = encodeErrorReceipt(receipt);
  CHECK(toHex(wire) == "0102030000000000000000000000000003");
  CHECK(decodeErrorReceipt(wire) == receipt);
  CHECK_FALSE(decodeErrorReceipt(base::ByteView(wire).first(16)));
  auto other = wire;
  other[16] = 0;
  CHECK_FALSE(decodeErrorReceipt(other));
  other[16] = 4;
  CHECK_FALSE(decodeErrorReceipt(other));
}

TEST_CASE("UTF-8 is told from what only looks like it") {
  for (const char* good : {"", "41", "c3a4", "e282ac", "f09f918b", "f48fbfbf", "ed9fbf", "ee8080"}) {
    INFO(good);
    CHECK(isUtf8(fromHex(good)));
  }
  for (const char* bad : {"80", "c3", "c0af", "c1bf", "e08080", "eda080", "f0808080", "f4908080", "f5808080",
                          "c341", "e28241", "ff"}) {
    INFO(bad);
    CHECK_FALSE(isUtf8(fromHex(bad)));
  }
}

}  // namespace sotto::client::e2ee
