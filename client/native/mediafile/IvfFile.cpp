// Reading IVF files; see the header.
#include "client/native/mediafile/IvfFile.hpp"

#include <cmath>
#include <cstring>

#include "client/native/mediafile/ReadWholeFile.hpp"
#include "client/native/mediafile/VideoHeader.hpp"

namespace sotto::client::mediafile {
namespace {

constexpr size_t fileHeaderSize = 32;
constexpr size_t frameHeaderSize = 12;

uint32_t littleU32(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8 | static_cast<uint32_t>(p[2]) << 16 |
         static_cast<uint32_t>(p[3]) << 24;
}
uint32_t littleU16(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8;
}

std::string fourCc(const uint8_t* p) {
  std::string text;
  for (int i = 0; i < 4; ++i) text += p[i] >= 0x20 && p[i] < 0x7f ? static_cast<char>(p[i]) : '?';
  return text;
}

}  // namespace

base::Expected<IvfFile> IvfFile::load(const std::string& path) {
  auto bytes = readWholeFile(path);
  if (!bytes) return tl::make_unexpected(bytes.error());
  return parse(path, std::move(*bytes));
}

base::Expected<IvfFile> IvfFile::parse(const std::string& name, std::vector<uint8_t> bytes) {
  const auto at = [&name](size_t offset, const std::string& what) {
    return base::fail(name + ": at byte " + std::to_string(offset) + ": " + what);
  };
  if (bytes.size() < fileHeaderSize) {
    return at(bytes.size(), "the file ends, expected the 32 bytes of an IVF header");
  }
  const uint8_t* header = bytes.data();
  if (std::memcmp(header, "DKIF", 4) != 0) {
    return at(0, "found \"" + fourCc(header) + "\", expected \"DKIF\": not an IVF file");
  }
  const size_t headerSize = littleU16(header + 6);
  if (headerSize < fileHeaderSize || headerSize > bytes.size()) {
    return at(6, "header length " + std::to_string(headerSize) + ", expected 32");
  }
  IvfFile file;
  if (std::memcmp(header + 8, "VP80", 4) == 0) {
    file.codec_ = frame::CodecType::Vp8;
  } else if (std::memcmp(header + 8, "VP90", 4) == 0) {
    file.codec_ = frame::CodecType::Vp9;
  } else {
    return at(8, "codec \"" + fourCc(header + 8) + "\", expected \"VP80\" or \"VP90\"");
  }
  file.unitsPerSecond_ = littleU32(header + 16);
  file.ticksPerUnit_ = littleU32(header + 20);
  if (file.unitsPerSecond_ == 0 || file.ticksPerUnit_ == 0) return at(16, "time base with a zero in it");
  file.bytes_ = std::move(bytes);
  if (auto indexed = file.index(name, headerSize); !indexed) return tl::make_unexpected(indexed.error());
  return file;
}

base::Expected<void> IvfFile::index(const std::string& name, size_t offset) {
  const auto at = [&name](size_t where, const std::string& what) {
    return base::fail(name + ": at byte " + std::to_string(where) + ": " + what);
  };
  Entry entry;
  while (offset < bytes_.size()) {
    if (bytes_.size() - offset < frameHeaderSize) {
      return at(offset, "the file ends inside a frame header, expected 12 bytes: truncated");
    }
    const uint32_t size = littleU32(&bytes_[offset]);
    const uint64_t timestamp =
        littleU32(&bytes_[offset + 4]) | static_cast<uint64_t>(littleU32(&bytes_[offset + 8])) << 32;
    if (size > bytes_.size() - offset - frameHeaderSize) {
      return at(offset, "frame " + std::to_string(entries_.size()) + " is said to have " +
                            std::to_string(size) + " bytes, only " +
                            std::to_string(bytes_.size() - offset - frameHeaderSize) +
                            " are left: truncated");
    }
    if (!entries_.empty() && timestamp < entry.timestamp) {
      return at(offset + 4, "timestamp " + std::to_string(timestamp) + " goes back, expected at least " +
                                std::to_string(entry.timestamp));
    }
    entry.offset = offset + frameHeaderSize;
    entry.size = size;
    entry.timestamp = timestamp;
    const auto header = readVideoHeader(codec_, base::ByteView(bytes_).subspan(entry.offset, size));
    if (!header) {
      return at(entry.offset, std::string("expected a ") + (codec_ == frame::CodecType::Vp8 ? "VP8" : "VP9") +
                                  " frame header");
    }
    entry.keyFrame = header->keyFrame;
    if (header->keyFrame) {
      entry.width = header->width;
      entry.height = header->height;
    }
    entries_.push_back(entry);
    offset = entry.offset + size;
  }
  if (entries_.empty()) return at(offset, "the file ends, expected at least one frame");
  // Times are computed as ticks in 64 bits of microseconds; a foreign file may claim anything.
  const double seconds = static_cast<double>(entries_.back().timestamp - entries_.front().timestamp) *
                         ticksPerUnit_ / unitsPerSecond_;
  constexpr double longest = 7 * 24 * 3'600.0;
  if (seconds > longest) return at(16, "timestamps and time base make the file longer than a week");
  return {};
}

base::TimeDelta IvfFile::timeOf(size_t index) const {
  const auto ticks = static_cast<double>(entries_[index].timestamp - entries_.front().timestamp);
  return base::TimeDelta::micros(std::llround(ticks * 1e6 * ticksPerUnit_ / unitsPerSecond_));
}

base::TimeDelta IvfFile::duration() const {
  const size_t last = entries_.size() - 1;
  // The last frame plays as long as the one before it; a lone frame for a second.
  if (last == 0) return base::TimeDelta::seconds(1);
  const base::TimeDelta lastFrame = timeOf(last) - timeOf(last - 1);
  return timeOf(last) + std::max(lastFrame, base::TimeDelta::millis(1));
}

}  // namespace sotto::client::mediafile
