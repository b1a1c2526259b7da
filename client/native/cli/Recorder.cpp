// Recording remote streams; see the header.
#include "client/native/cli/Recorder.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "client/native/cli/SourceNames.hpp"

namespace sotto::client::cli {
namespace {

constexpr int64_t microsPerSecond = 1'000'000;
// RTP and arrival clocks that part by more than this are not the same stream going on.
constexpr int64_t maxDisagreementSeconds = 2;

bool isPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

}  // namespace

std::string fileNamePart(const std::string& name) {
  std::string part = name;
  for (char& c : part) {
    if (!isPlain(c)) c = '_';
  }
  if (part.empty() || part.front() == '.') part.insert(part.begin(), '_');
  constexpr size_t longest = 100;
  return part.substr(0, longest);
}

uint64_t RecordingClock::position(const call::RemoteFrame& frame) {
  if (started_) {
    const int64_t arrival = (frame.received - lastReceived_).us() * frame.clockRate / microsPerSecond;
    int64_t advance = frame.rtpTimestamp - lastRtp_;
    const bool sameClock = slot_ == frame.slot && advance >= 0 &&
                           std::abs(advance - arrival) <= maxDisagreementSeconds * frame.clockRate;
    if (!sameClock) advance = std::max<int64_t>(arrival, 0);
    position_ += static_cast<uint64_t>(advance);
  }
  started_ = true;
  lastRtp_ = frame.rtpTimestamp;
  lastReceived_ = frame.received;
  slot_ = frame.slot;
  return position_;
}

base::Expected<Recorder> Recorder::open(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return base::fail(directory + ": cannot be created: " + error.message());
  return Recorder(directory);
}

std::string Recorder::newPath(const call::RemoteFrame& frame) {
  const std::string stem =
      directory_ + "/" + fileNamePart(frame.name) + "-" + std::string(sourceName(frame.source));
  const std::string extension = frame.codec == frame::CodecType::Opus ? ".opus" : ".ivf";
  std::string path = stem + extension;
  // Two people of one name, or a changed codec: a file of its own.
  for (int number = 2; !paths_.insert(path).second; ++number) {
    path = stem;
    path.append("-").append(std::to_string(number)).append(extension);
  }
  return path;
}

base::Expected<void> Recorder::begin(Recording& recording, const call::RemoteFrame& frame) {
  recording.path = newPath(frame);
  recording.codec = frame.codec;
  recording.clock = {};
  if (frame.codec == frame::CodecType::Opus) {
    auto writer = mediafile::OggOpusWriter::create(recording.path);
    if (!writer) return tl::make_unexpected(writer.error());
    recording.writer = std::move(*writer);
  } else {
    auto writer = mediafile::IvfWriter::create(recording.path, frame.codec);
    if (!writer) return tl::make_unexpected(writer.error());
    recording.writer = std::move(*writer);
  }
  return {};
}

base::Expected<void> Recorder::write(const call::RemoteFrame& frame) {
  Recording& recording = recordings_[{frame.participant, frame.source}];
  if (recording.failed) return {};
  const bool begun = !std::holds_alternative<std::monostate>(recording.writer);
  const bool video = frame.codec != frame::CodecType::Opus;
  if (!begun || recording.codec != frame.codec) {
    if (video && !frame.metadata.keyFrame) return {};
    if (auto done = begin(recording, frame); !done) {
      recording.failed = true;
      return done;
    }
  }
  const uint64_t position = recording.clock.position(frame);
  auto* ivf = std::get_if<mediafile::IvfWriter>(&recording.writer);
  auto done = ivf != nullptr
                  ? ivf->write(frame.data, position)
                  : std::get<mediafile::OggOpusWriter>(recording.writer).write(frame.data, position);
  recording.failed = !done;
  return done;
}

base::Expected<void> Recorder::close() {
  base::Expected<void> result;
  for (auto& [key, recording] : recordings_) {
    base::Expected<void> done;
    if (auto* ivf = std::get_if<mediafile::IvfWriter>(&recording.writer)) done = ivf->close();
    if (auto* opus = std::get_if<mediafile::OggOpusWriter>(&recording.writer)) done = opus->close();
    if (!done && result) result = done;
  }
  return result;
}

std::string Recorder::pathOf(const std::string& participant, call::TrackSource source) const {
  const auto found = recordings_.find({participant, source});
  return found == recordings_.end() ? "" : found->second.path;
}

}  // namespace sotto::client::cli
