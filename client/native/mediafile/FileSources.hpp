// Media files as endless sources.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "client/native/mediafile/IvfFile.hpp"
#include "client/native/mediafile/MediaSource.hpp"
#include "client/native/mediafile/OggOpusFile.hpp"

namespace sotto::client::mediafile {

/// One IVF file for each simulcast layer, in any order (sorted by size here); one codec for all. Fails when a
/// file cannot be read, does not start with a key frame, or the files do not go together.
base::Expected<std::unique_ptr<MediaSource>> openVideoFiles(const std::vector<std::string>& paths);

/// An Ogg Opus file.
base::Expected<std::unique_ptr<MediaSource>> openAudioFile(const std::string& path);

}  // namespace sotto::client::mediafile
