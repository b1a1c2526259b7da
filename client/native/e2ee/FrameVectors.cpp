// The check of known sealed frames; see the header. The file's form is described in docs/sotto-client.md.
#include "client/native/e2ee/FrameVectors.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "client/native/e2ee/KeyProvider.hpp"

namespace sotto::client::e2ee {
namespace {

using nlohmann::json;
using Bytes = std::vector<uint8_t>;

// Thrown inside this file only, and turned into the error value of checkFrameVectors.
struct Mismatch {
  std::string message;
};

std::string toHex(base::ByteView bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const uint8_t byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

template <typename T>
T field(const json& entry, const char* name) {
  if (!entry.is_object() || !entry.contains(name)) throw Mismatch{"has no \"" + std::string(name) + "\""};
  try {
    return entry.at(name).get<T>();
  } catch (const json::exception&) {
    throw Mismatch{"\"" + std::string(name) + "\" has the wrong type"};
  }
}

Bytes hexField(const json& entry, const char* name) {
  const auto bytes = secretFromHex(field<std::string>(entry, name));
  if (!bytes) throw Mismatch{"\"" + std::string(name) + "\" is not hexadecimal"};
  return {bytes->view().begin(), bytes->view().end()};
}

uint64_t numberField(const json& entry, const char* name) {
  std::string text = field<std::string>(entry, name);
  if (text.starts_with("0x")) text.erase(0, 2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    throw Mismatch{"\"" + std::string(name) + "\" is not a hexadecimal number of at most 64 bits"};
  }
  return value;
}

uint16_t sizeField(const json& entry, const char* name) {
  return !entry.contains(name) || entry.at(name).is_null() ? uint16_t{0} : field<uint16_t>(entry, name);
}

frame::Suite suiteField(const json& entry) {
  const uint64_t number = numberField(entry, "suite");
  for (const frame::Suite suite : {frame::Suite::Duo, frame::Suite::Aes128Gcm, frame::Suite::Aes256Gcm}) {
    if (number == static_cast<uint64_t>(suite)) return suite;
  }
  throw Mismatch{"names the unknown suite " + field<std::string>(entry, "suite")};
}

frame::FrameMetadata metadataOf(const json& entry) {
  frame::FrameMetadata metadata;
  metadata.video = field<bool>(entry, "video");
  metadata.keyFrame = field<bool>(entry, "key_frame");
  metadata.discardable = field<bool>(entry, "discardable");
  metadata.temporalSwitchingPoint = field<bool>(entry, "switching_point");
  metadata.spatialIndex = field<uint8_t>(entry, "spatial");
  metadata.temporalIndex = field<uint8_t>(entry, "temporal");
  metadata.width = sizeField(entry, "width");
  metadata.height = sizeField(entry, "height");
  metadata.clearLength = field<uint16_t>(entry, "clear_len");
  metadata.suite = suiteField(entry);
  metadata.keyId = numberField(entry, "kid_hex");
  metadata.counter = numberField(entry, "ctr_hex");
  if (metadata.keyId >> 32 != 0) throw Mismatch{"\"kid_hex\" has more than 32 bits"};
  return metadata;
}

void expectSame(const json& entry, const char* name, base::ByteView made) {
  if (!entry.contains(name)) return;  // intermediate values may be left out
  const std::string expected = field<std::string>(entry, name);
  if (toHex(made) != expected) {
    throw Mismatch{"differs in \"" + std::string(name) + "\": expected " + expected + ", made " +
                   toHex(made)};
  }
}

void checkPieces(const json& entry, const frame::FrameMetadata& metadata, const Bytes& mediaKey,
                 base::ByteView sealed) {
  const SuiteCipher cipher(metadata.suite, mediaKey, metadata.keyId);
  const auto nonce = cipher.nonce(metadata.counter);
  Bytes iv(nonce.begin(), nonce.end());
  expectSame(entry, "nonce", iv);
  iv.resize(16);
  expectSame(entry, "iv", iv);
  expectSame(entry, "key", deriveSuiteKeys(metadata.suite, mediaKey, metadata.keyId).encryption.view());

  std::array<uint8_t, frame::FrameMetadata::maxEncodedSize> buffer{};
  const size_t headerSize = frame::writeSFrameHeader(metadata.keyId, metadata.counter, buffer);
  expectSame(entry, "sframe_header", base::ByteView(buffer).first(headerSize));
  const size_t trailerSize = frame::writeFrameMetadata(metadata, buffer);
  expectSame(entry, "frame_metadata", base::ByteView(buffer).first(trailerSize));
  expectSame(entry, "mac",
             sealed.subspan(sealed.size() - trailerSize - cipher.macLength(), cipher.macLength()));
}

void checkEntry(const json& entry) {
  const frame::FrameMetadata metadata = metadataOf(entry);
  const Bytes mediaKey = hexField(entry, "sk"), plain = hexField(entry, "frame");
  const Bytes expected = hexField(entry, "sframe_payload");
  const KeyId keyId = KeyId::fromValue(metadata.keyId);

  FrameSealer sealer(metadata.suite, metadata.counter);
  sealer.installKey(keyId, mediaKey);
  Bytes sealed;
  const auto size = sealer.seal(plain, metadata, sealed);
  if (!size) throw Mismatch{std::string("cannot be sealed: ") + toString(size.error())};
  checkPieces(entry, metadata, mediaKey, sealed);
  expectSame(entry, "sframe_payload", sealed);

  FrameOpener opener;
  opener.installKey(keyId, metadata.suite, mediaKey);
  Bytes opened;
  const auto read = opener.open(expected, opened);
  if (!read) throw Mismatch{std::string("cannot be opened: ") + toString(read.error())};
  expectSame(entry, "frame", opened);
  if (*read != metadata) throw Mismatch{"opens with other metadata than was sealed"};
}

size_t checkRatchet(const json& ratchet) {
  SecretBytes key{base::ByteView(hexField(ratchet, "sk"))};
  size_t steps = 0;
  for (;; ++steps) {
    const std::string name = "step" + std::to_string(steps + 1);
    if (!ratchet.contains(name)) break;
    key = ratchetKey(key.view());
    expectSame(ratchet, name.c_str(), key.view());
  }
  if (steps == 0) throw Mismatch{"has no \"step1\""};
  return steps;
}

}  // namespace

tl::expected<FrameVectorReport, FrameVectorFault> checkFrameVectors(const std::string& path) {
  const auto fail = [&path](FrameVectorFault::Kind kind, const std::string& what) {
    return tl::make_unexpected(FrameVectorFault{kind, path + ": " + what});
  };
  std::ifstream file(path);
  if (!file)
    return fail(FrameVectorFault::Kind::File, std::string("cannot be opened: ") + std::strerror(errno));
  file.peek();
  if (file.bad())
    return fail(FrameVectorFault::Kind::File, std::string("cannot be read: ") + std::strerror(errno));
  const json document = json::parse(file, nullptr, false);
  if (document.is_discarded()) return fail(FrameVectorFault::Kind::File, "is not JSON");
  if (!document.is_object() || !document.contains("frames") || !document.at("frames").is_array() ||
      document.at("frames").empty()) {
    return fail(FrameVectorFault::Kind::File, "has no list of \"frames\"");
  }
  FrameVectorReport report;
  std::string where;
  try {
    for (const json& entry : document.at("frames")) {
      where = "frames[" + std::to_string(report.frames) + "]";
      checkEntry(entry);
      ++report.frames;
    }
    where = "ratchet";
    if (document.contains("ratchet")) report.ratchetSteps = checkRatchet(document.at("ratchet"));
  } catch (const Mismatch& mismatch) {
    return fail(FrameVectorFault::Kind::Mismatch, where + " " + mismatch.message);
  }
  return report;
}

}  // namespace sotto::client::e2ee
