#include "client/native/call/DirectoryMessages.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "client/native/call/Base64.hpp"
#include "client/native/e2ee/signal/KeyStore.hpp"

namespace sotto::client::call {
namespace {

using Json = nlohmann::json;
namespace signal = e2ee::signal;

struct Device {
  base::SeededRandom random{9};
  signal::KeyStore keys = signal::KeyStore::create(random, 1'700'000'000);

  Json bundle(bool oneTime = true) {
    const signal::PublicSignedPreKey signedKey = keys.signedPreKey();
    Json entry{{"device", "phone"},
               {"registrationId", keys.registrationId()},
               {"identityKey", toBase64(keys.identity().publicKey.serialize())},
               {"signedPreKey", Json::parse(makeSignedPreKey(signedKey))},
               {"oneTimePreKey", nullptr}};
    if (oneTime) {
      const auto key = keys.createOneTimePreKeys(1, random).front();
      entry["oneTimePreKey"] = {{"id", key.id}, {"key", toBase64(key.key.serialize())}};
    }
    return entry;
  }
};

}  // namespace

TEST_CASE("A bundle is read as the directory writes it, with a one-time prekey or without") {
  Device device;
  const bool oneTime = GENERATE(true, false);
  const auto bundles = parseBundles(Json{{"devices", {device.bundle(oneTime)}}}.dump());
  REQUIRE(bundles);
  REQUIRE(bundles->size() == 1);
  CHECK((*bundles)[0].device == "phone");
  CHECK((*bundles)[0].bundle.identityKey == device.keys.identity().publicKey);
  CHECK((*bundles)[0].bundle.oneTimePreKey.has_value() == oneTime);
  CHECK((*bundles)[0].bundle.isSigned());
}

TEST_CASE("A bundle with keys that are none, or that nobody has signed, is left out") {
  Device device;
  Json bundle = device.bundle();
  SECTION("identity of 32 bytes") {
    bundle["identityKey"] = toBase64(std::vector<uint8_t>(32, 5));
  }
  SECTION("no identity") {
    bundle.erase("identityKey");
  }
  SECTION("forged signature") {
    bundle["signedPreKey"]["signature"] = toBase64(std::vector<uint8_t>(64, 1));
  }
  SECTION("no signed prekey") {
    bundle["signedPreKey"] = nullptr;
  }
  SECTION("a one-time prekey of the wrong type") {
    bundle["oneTimePreKey"]["key"] = "AAAA";
  }
  SECTION("not even an object") {
    bundle = 7;
  }
  const auto bundles = parseBundles(Json{{"devices", {bundle}}}.dump());
  REQUIRE(bundles);
  CHECK(bundles->empty());
}

TEST_CASE("Answers that are something else are errors") {
  for (const char* answer : {"", "null", "[]", "{}", R"({"devices":7})", "<html>"}) {
    INFO(answer);
    CHECK(parseBundles(answer).error().code == "bad_answer");
    CHECK(parseDevices(answer).error().code == "bad_answer");
    CHECK(parsePreKeyCount(answer).error().code == "bad_answer");
  }
  CHECK(parseDirectoryError(429, R"({"error":{"code":"rate_limited","message":"too many"}})").code ==
        "rate_limited");
  CHECK(parseDirectoryError(502, "<html>").code == "status_502");
}

TEST_CASE("Registrations carry what docs/directory.md says") {
  Device device;
  e2ee::DeviceKeys keys{device.keys.identity().publicKey, device.keys.registrationId(),
                        device.keys.signedPreKey(), device.keys.createOneTimePreKeys(2, device.random)};
  const Json body = Json::parse(makeKeys(keys));
  CHECK(fromBase64(body["identityKey"].get<std::string>())->size() == 33);
  CHECK(body["registrationId"] == device.keys.registrationId());
  CHECK(fromBase64(body["signedPreKey"]["signature"].get<std::string>())->size() == 64);
  CHECK(body["oneTimePreKeys"].size() == 2);
  CHECK(Json::parse(makeBundleRequest({"phone"})) == Json{{"devices", {"phone"}}});
}

TEST_CASE("Names in paths are percent-encoded") {
  CHECK(pathSegment("alice-1_~") == "alice-1_~");
  CHECK(pathSegment("a/b c%") == "a%2Fb%20c%25");
  CHECK(pathSegment("..") == "%2E%2E");
  CHECK(pathSegment("é") == "%C3%A9");
}

}  // namespace sotto::client::call
