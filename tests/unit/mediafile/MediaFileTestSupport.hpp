// Shared by the tests of media files: files in memory and on disk.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "client/native/mediafile/IvfFile.hpp"
#include "client/native/mediafile/OggOpusFile.hpp"

namespace sotto::client::mediafile::test {

using Bytes = std::vector<uint8_t>;

/// A directory of this test process alone, removed at its end.
class WorkDirectory {
 public:
  explicit WorkDirectory(const std::string& name)
      : path_(std::filesystem::path(SOTTO_WORK_DIR) / (name + "-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~WorkDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  WorkDirectory(const WorkDirectory&) = delete;
  WorkDirectory& operator=(const WorkDirectory&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline Bytes readFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

inline void writeFile(const std::string& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

inline Bytes toBytes(base::ByteView view) {
  return {view.begin(), view.end()};
}

/// A VP8 key frame's 10 header bytes and filler.
inline Bytes vp8KeyFrame(uint16_t width, uint16_t height, size_t size = 100) {
  Bytes frame(size, 0x77);
  const Bytes header{0x10,
                     0x02,
                     0x00,
                     0x9d,
                     0x01,
                     0x2a,
                     static_cast<uint8_t>(width),
                     static_cast<uint8_t>(width >> 8),
                     static_cast<uint8_t>(height),
                     static_cast<uint8_t>(height >> 8)};
  std::copy(header.begin(), header.end(), frame.begin());
  return frame;
}

inline Bytes vp8DeltaFrame(uint8_t fill, size_t size = 50) {
  Bytes frame(size, fill);
  frame[0] = 0x31;
  return frame;
}

/// An IVF file with a key frame every `keyDistance` frames, 30 to the second.
inline void writeTestIvf(const std::string& path, uint16_t width, uint16_t height, size_t frames,
                         size_t keyDistance) {
  auto writer = IvfWriter::create(path, frame::CodecType::Vp8);
  if (!writer) throw std::runtime_error(writer.error().message);
  for (size_t i = 0; i < frames; ++i) {
    const Bytes frame =
        i % keyDistance == 0 ? vp8KeyFrame(width, height, 100 + i) : vp8DeltaFrame(static_cast<uint8_t>(i));
    if (!writer->write(frame, i * 3'000)) throw std::runtime_error("cannot write " + path);
  }
}

}  // namespace sotto::client::mediafile::test
