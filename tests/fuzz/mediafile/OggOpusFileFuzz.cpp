// OggOpusFile on arbitrary bytes, and on pages whose checksums have been put right, so that the fuzzer gets
// behind them.
#include <ogg/ogg.h>

#include <cstdlib>
#include <cstring>

#include "client/native/mediafile/OggOpusFile.hpp"

namespace {

using sotto::client::mediafile::OggOpusFile;

void check(const std::vector<uint8_t>& bytes) {
  const auto file = OggOpusFile::parse("fuzz", bytes);
  if (!file) {
    if (!file.error().message.starts_with("fuzz: ")) std::abort();
    return;
  }
  volatile uint8_t sink = 0;
  for (size_t i = 0; i < file->packetCount(); ++i) {
    for (const uint8_t byte : file->packet(i)) sink = byte;
  }
  if (file->packetCount() == 0 || file->duration() <= sotto::base::TimeDelta::zero()) std::abort();
  static_cast<void>(sink);
}

/// Walks from page to page and writes each one's checksum.
std::vector<uint8_t> withChecksums(std::vector<uint8_t> bytes) {
  constexpr size_t headerSize = 27;
  size_t offset = 0;
  while (offset + headerSize <= bytes.size() && std::memcmp(&bytes[offset], "OggS", 4) == 0) {
    const size_t segments = bytes[offset + 26];
    if (offset + headerSize + segments > bytes.size()) break;
    size_t body = 0;
    for (size_t i = 0; i < segments; ++i) body += bytes[offset + headerSize + i];
    if (offset + headerSize + segments + body > bytes.size()) break;
    ogg_page page{&bytes[offset], static_cast<long>(headerSize + segments),
                  &bytes[offset] + headerSize + segments, static_cast<long>(body)};
    ogg_page_checksum_set(&page);
    offset += headerSize + segments + body;
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<uint8_t> bytes(data, data + size);
  check(bytes);
  check(withChecksums(bytes));
  return 0;
}
