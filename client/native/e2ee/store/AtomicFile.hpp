// Replaces a small file as a whole: after a crash it is the old one or the new one, never a piece of either.
#pragma once

#include <string>
#include <vector>

#include "media/base/Bytes.hpp"
#include "media/base/Expected.hpp"

namespace sotto::e2ee::store {

/// Writes beside `path`, flushes to the disk, renames, and flushes the folder. Readable by the owner alone.
/// Returns only when the new content would survive a crash.
base::Expected<void> replaceFile(const std::string& path, base::ByteView content);

/// Makes a file that did not exist; the same promises.
base::Expected<void> createFile(const std::string& path, base::ByteView content);

/// Reads a file of at most `limit` bytes.
base::Expected<std::vector<uint8_t>> readFile(const std::string& path, size_t limit);

}  // namespace sotto::e2ee::store
