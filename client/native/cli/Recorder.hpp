// Records remote streams to files: DIR/<participant>-<source>.ivf for video, .opus for audio.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "client/native/call/CallTypes.hpp"
#include "client/native/mediafile/IvfFile.hpp"
#include "client/native/mediafile/OggOpusFile.hpp"

namespace sotto::client::cli {

/// The time of a frame in a recording: the RTP clock while a stream stays in its slot, and the clock of
/// arrival over a change of slots or a jump of the RTP clock, so that a recording never goes back and has no
/// false gaps.
class RecordingClock {
 public:
  /// In units of the frame's clock rate, 0 for the first frame.
  uint64_t position(const call::RemoteFrame& frame);

 private:
  bool started_ = false;
  uint64_t position_ = 0;
  int64_t lastRtp_ = 0;
  base::Timestamp lastReceived_;
  std::string slot_;
};

class Recorder {
 public:
  /// Creates the directory where it does not exist.
  static base::Expected<Recorder> open(const std::string& directory);

  /// Writes one frame; video begins with its first key frame. An error ends that one recording.
  base::Expected<void> write(const call::RemoteFrame& frame);
  /// Finishes all files; the first error, if any.
  base::Expected<void> close();
  /// The file of a stream; empty when there is none.
  std::string pathOf(const std::string& participant, call::TrackSource source) const;

 private:
  struct Recording {
    std::string path;
    frame::CodecType codec = frame::CodecType::Opus;
    std::variant<std::monostate, mediafile::IvfWriter, mediafile::OggOpusWriter> writer;
    RecordingClock clock;
    bool failed = false;
  };
  using Key = std::pair<std::string, call::TrackSource>;

  explicit Recorder(std::string directory) : directory_(std::move(directory)) {}
  std::string newPath(const call::RemoteFrame& frame);
  base::Expected<void> begin(Recording& recording, const call::RemoteFrame& frame);

  std::string directory_;
  std::map<Key, Recording> recordings_;
  std::set<std::string> paths_;
};

/// A participant's name as part of a file name: letters, digits, '.', '_', '-' stay, anything else becomes
/// '_'.
std::string fileNamePart(const std::string& name);

}  // namespace sotto::client::cli
