// The file in which a process under test says what its secrets are (sotto-client --log-secrets).
#pragma once

#include <string>

#include "media/base/Expected.hpp"

namespace sotto::client::cli {

/// From now on every secret of this process is appended to `path`, which only its owner can read: lines of
/// its kind, a tab, and its bytes in hexadecimal digits. Says so on standard error. An error when the file
/// cannot be opened.
base::Expected<void> logSecrets(const std::string& path);

}  // namespace sotto::client::cli
