// A whole file into memory, with an error that names it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "media/base/Expected.hpp"

namespace sotto::client::mediafile {

/// Refuses directories, unreadable files, and files above 1 GiB: nobody means to send those.
base::Expected<std::vector<uint8_t>> readWholeFile(const std::string& path);

}  // namespace sotto::client::mediafile
