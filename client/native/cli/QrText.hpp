// A QR code (ISO/IEC 18004) in text: two rows of modules in each line, as half blocks, dark on light whatever
// the terminal's colours are.
#pragma once

#include <string>
#include <vector>

#include "media/base/Bytes.hpp"
#include "media/base/Expected.hpp"

namespace sotto::client::cli {

/// The modules of a code that carries `bytes` (byte mode, error correction M), without a quiet zone.
struct QrModules {
  size_t width = 0;
  std::vector<bool> dark;  ///< row by row
  bool at(size_t x, size_t y) const { return dark[y * width + x]; }
};
base::Expected<QrModules> makeQr(base::ByteView bytes);

/// Lines with their ends. `colours`: escape sequences that force black on white; without them light modules
/// are drawn, for terminals with a dark background and for files.
std::string drawQr(const QrModules& modules, bool colours);

}  // namespace sotto::client::cli
