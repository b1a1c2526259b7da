// A whole file into memory; see the header.
#include "client/native/mediafile/ReadWholeFile.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace sotto::client::mediafile {
namespace {

constexpr uintmax_t maxFileSize = uintmax_t{1} << 30;

}  // namespace

base::Expected<std::vector<uint8_t>> readWholeFile(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return base::fail(path + ": is a directory");
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error) return base::fail(path + ": cannot be opened: " + error.message());
  if (size > maxFileSize) return base::fail(path + ": is larger than 1 GiB");
  std::ifstream file(path, std::ios::binary);
  if (!file) return base::fail(path + ": cannot be opened: " + std::strerror(errno));
  std::vector<uint8_t> bytes(static_cast<size_t>(size));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (static_cast<size_t>(file.gcount()) != bytes.size())
    return base::fail(path + ": cannot be read to its end");
  return bytes;
}

}  // namespace sotto::client::mediafile
