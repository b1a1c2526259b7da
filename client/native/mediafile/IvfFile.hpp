// IVF files (VP8 and VP9): a 32-byte header, then each frame behind a 12-byte header; little-endian.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "media/base/Expected.hpp"
#include "media/frame/Frame.hpp"

namespace sotto::client::mediafile {

/// A whole IVF file in memory, checked from end to end while loading.
class IvfFile {
 public:
  struct Entry {
    size_t offset = 0;  ///< of the frame's first byte
    uint32_t size = 0;
    uint64_t timestamp = 0;  ///< in units of the file's time base
    bool keyFrame = false;
    uint16_t width = 0, height = 0;  ///< pixels, of the last key frame up to here
  };

  /// Errors name the file, the byte offset and what was expected there.
  static base::Expected<IvfFile> load(const std::string& path);
  /// The same from bytes; `name` stands in for the path in errors.
  static base::Expected<IvfFile> parse(const std::string& name, std::vector<uint8_t> bytes);

  frame::CodecType codec() const { return codec_; }
  const std::vector<Entry>& entries() const { return entries_; }
  base::ByteView frame(size_t index) const {
    return base::ByteView(bytes_).subspan(entries_[index].offset, entries_[index].size);
  }
  /// Since the first frame.
  base::TimeDelta timeOf(size_t index) const;
  /// From the first frame to the end of the last one.
  base::TimeDelta duration() const;

 private:
  base::Expected<void> index(const std::string& name, size_t offset);

  std::vector<uint8_t> bytes_;
  std::vector<Entry> entries_;
  frame::CodecType codec_ = frame::CodecType::Vp8;
  uint32_t ticksPerUnit_ = 1;     ///< numerator of the time base
  uint32_t unitsPerSecond_ = 30;  ///< denominator of the time base
};

/// Writes an IVF file with a time base of 1/90000 s, the RTP clock of video. Frame count and size in the
/// header are set by `close`; a file that was never closed can be played all the same.
class IvfWriter {
 public:
  static constexpr uint32_t clockRate = 90'000;

  static base::Expected<IvfWriter> create(const std::string& path, frame::CodecType codec);
  IvfWriter(IvfWriter&&) noexcept = default;
  IvfWriter& operator=(IvfWriter&&) noexcept = default;
  ~IvfWriter();

  /// `timestamp`: 90 kHz ticks since the recording's start, never going back. The first frame's size is taken
  /// for the file's.
  base::Expected<void> write(base::ByteView frame, uint64_t timestamp);
  /// Finishes the header. Called by the destructor too, which cannot tell of an error.
  base::Expected<void> close();
  uint32_t frameCount() const { return frameCount_; }

 private:
  struct FileCloser {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  IvfWriter(std::string path, frame::CodecType codec, std::FILE* file);
  bool writeHeader();

  std::string path_;
  frame::CodecType codec_;
  std::unique_ptr<std::FILE, FileCloser> file_;
  uint32_t frameCount_ = 0;
  uint16_t width_ = 0, height_ = 0;
};

}  // namespace sotto::client::mediafile
