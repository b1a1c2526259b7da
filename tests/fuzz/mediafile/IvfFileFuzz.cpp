// IvfFile on arbitrary bytes: an error with a place in it, or frames that lie inside of the file.
#include <cstdlib>

#include "client/native/mediafile/IvfFile.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using sotto::client::mediafile::IvfFile;
  const auto file = IvfFile::parse("fuzz", std::vector<uint8_t>(data, data + size));
  if (!file) {
    if (!file.error().message.starts_with("fuzz: at byte ")) std::abort();
    return 0;
  }
  volatile uint8_t sink = 0;
  sotto::base::TimeDelta last;
  for (size_t i = 0; i < file->entries().size(); ++i) {
    for (const uint8_t byte : file->frame(i)) sink = byte;
    if (file->timeOf(i) < last) std::abort();
    last = file->timeOf(i);
  }
  if (file->duration() <= last) std::abort();
  static_cast<void>(sink);
  return 0;
}
