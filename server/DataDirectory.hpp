// The folder for what the server keeps (storage.directory).
#pragma once

#include <string>

#include "media/base/Expected.hpp"

namespace sotto::server {

/// Makes the folder where it is not there (mode 0700) and gives its absolute path. One that others may write
/// to is refused: they could put files of their own in the place of ours.
base::Expected<std::string> prepareDataDirectory(const std::string& path);

}  // namespace sotto::server
