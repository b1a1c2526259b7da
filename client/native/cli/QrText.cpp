// QR codes with libqrencode; see the header.
#include "client/native/cli/QrText.hpp"

#include <qrencode.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace sotto::client::cli {
namespace {

/// What ISO/IEC 18004 asks to be light around a code.
constexpr int quietZone = 4;

struct FreeCode {
  void operator()(QRcode* code) const { QRcode_free(code); }
};

}  // namespace

base::Expected<QrModules> makeQr(base::ByteView bytes) {
  const std::unique_ptr<QRcode, FreeCode> code(
      QRcode_encodeData(static_cast<int>(bytes.size()), bytes.data(), 0, QR_ECLEVEL_M));
  if (!code) return base::fail(std::string("no QR code can be made: ") + std::strerror(errno));
  QrModules modules;
  modules.width = static_cast<size_t>(code->width);
  modules.dark.resize(modules.width * modules.width);
  for (size_t i = 0; i < modules.dark.size(); ++i) modules.dark[i] = (code->data[i] & 1) != 0;
  return modules;
}

std::string drawQr(const QrModules& modules, bool colours) {
  const int width = static_cast<int>(modules.width);
  const auto light = [&](int x, int y) {
    const bool inside = x >= 0 && y >= 0 && x < width && y < width;
    return !inside || !modules.at(static_cast<size_t>(x), static_cast<size_t>(y));
  };
  std::string text;
  for (int y = -quietZone; y < width + quietZone; y += 2) {
    if (colours) text += "\x1b[97;40m";
    for (int x = -quietZone; x < width + quietZone; ++x) {
      // Below the last row of the quiet zone there is nothing of ours.
      const bool upper = light(x, y), lower = y + 1 < width + quietZone && light(x, y + 1);
      text += upper && lower ? "█" : upper ? "▀" : lower ? "▄" : " ";
    }
    if (colours) text += "\x1b[0m";
    text += "\n";
  }
  return text;
}

}  // namespace sotto::client::cli
