// Writing IVF files; see IvfFile.hpp.
#include <array>
#include <cerrno>
#include <cstring>

#include "client/native/mediafile/IvfFile.hpp"
#include "client/native/mediafile/VideoHeader.hpp"

namespace sotto::client::mediafile {
namespace {

void putLittle(uint8_t* out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<uint8_t>(value >> 8 * i);
}

}  // namespace

base::Expected<IvfWriter> IvfWriter::create(const std::string& path, frame::CodecType codec) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return base::fail(path + ": cannot be written: " + std::strerror(errno));
  IvfWriter writer(path, codec, file);
  if (!writer.writeHeader()) return base::fail(path + ": cannot be written: " + std::strerror(errno));
  return writer;
}

IvfWriter::IvfWriter(std::string path, frame::CodecType codec, std::FILE* file)
    : path_(std::move(path)), codec_(codec), file_(file) {}

IvfWriter::~IvfWriter() {
  (void)close();
}

bool IvfWriter::writeHeader() {
  std::array<uint8_t, 32> header{'D', 'K', 'I', 'F'};
  putLittle(&header[6], header.size(), 2);
  std::memcpy(&header[8], codec_ == frame::CodecType::Vp9 ? "VP90" : "VP80", 4);
  putLittle(&header[12], width_, 2);
  putLittle(&header[14], height_, 2);
  putLittle(&header[16], clockRate, 4);
  putLittle(&header[20], 1, 4);
  putLittle(&header[24], frameCount_, 4);
  return std::fwrite(header.data(), header.size(), 1, file_.get()) == 1;
}

base::Expected<void> IvfWriter::write(base::ByteView frame, uint64_t timestamp) {
  if (!file_) return base::fail(path_ + ": is closed");
  if (width_ == 0) {
    if (const auto header = readVideoHeader(codec_, frame); header && header->keyFrame) {
      width_ = header->width;
      height_ = header->height;
    }
  }
  std::array<uint8_t, 12> header{};
  putLittle(header.data(), frame.size(), 4);
  putLittle(&header[4], timestamp, 8);
  if (std::fwrite(header.data(), header.size(), 1, file_.get()) != 1 ||
      (!frame.empty() && std::fwrite(frame.data(), frame.size(), 1, file_.get()) != 1)) {
    return base::fail(path_ + ": cannot be written: " + std::strerror(errno));
  }
  ++frameCount_;
  return {};
}

base::Expected<void> IvfWriter::close() {
  if (!file_) return {};
  const bool good =
      std::fseek(file_.get(), 0, SEEK_SET) == 0 && writeHeader() && std::fflush(file_.get()) == 0;
  const int reason = errno;
  file_.reset();
  if (!good) return base::fail(path_ + ": cannot be finished: " + std::strerror(reason));
  return {};
}

}  // namespace sotto::client::mediafile
