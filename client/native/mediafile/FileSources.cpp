// Media files as endless sources; see the header.
#include "client/native/mediafile/FileSources.hpp"

#include <algorithm>

#include "client/native/mediafile/OpusLevelMeter.hpp"

namespace sotto::client::mediafile {
namespace {

using base::TimeDelta;

// Requests for key frames come in bunches (several recipients, one loss): one jump answers them all.
constexpr TimeDelta minKeyFrameDistance = TimeDelta::millis(200);

class VideoFileSource final : public MediaSource {
 public:
  explicit VideoFileSource(std::vector<IvfFile> files) {
    for (IvfFile& file : files) {
      period_ = std::max(period_, file.duration());
      layers_.push_back(describe(file));
      tracks_.emplace_back(std::move(file));
    }
    aligned_ = keyFramesAligned();
  }

  frame::CodecType codec() const override { return tracks_.front().file.codec(); }
  std::span<const SourceLayer> layers() const override { return layers_; }

  TimeDelta nextDue() const override { return tracks_[nextTrack()].due(); }

  SourceFrame next(int64_t /*wallClockUs*/) override {
    applyRequests();
    const size_t layer = nextTrack();
    Track& track = tracks_[layer];
    const IvfFile::Entry& entry = track.file.entries()[track.index];
    SourceFrame frame;
    frame.payload = track.file.frame(track.index);
    frame.due = track.due();
    frame.layer = layer;
    frame.keyFrame = entry.keyFrame;
    frame.width = entry.width;
    frame.height = entry.height;
    if (entry.keyFrame) {
      track.lastKeyFrame = frame.due;
      track.keyFrameWanted = false;
    }
    if (++track.index == track.file.entries().size()) {
      track.index = 0;
      track.start += period_;
    }
    return frame;
  }

  void requestKeyFrame(size_t layer) override {
    if (layer < tracks_.size()) tracks_[layer].keyFrameWanted = true;
  }

 private:
  struct Track {
    explicit Track(IvfFile content) : file(std::move(content)) {}

    IvfFile file;
    size_t index = 0;  ///< of the next frame
    TimeDelta start;   ///< when the file's first frame is (or was, or would have been) due
    TimeDelta lastKeyFrame = TimeDelta::seconds(-1);
    bool keyFrameWanted = false;

    TimeDelta due() const { return start + file.timeOf(index); }
  };

  static SourceLayer describe(const IvfFile& file) {
    int64_t bytes = 0;
    for (const auto& entry : file.entries()) bytes += entry.size;
    const auto& first = file.entries().front();
    return {first.width, first.height, base::DataSize::bytes(bytes) / file.duration()};
  }

  /// The lowest layer among those that are due first.
  size_t nextTrack() const {
    size_t first = 0;
    for (size_t i = 1; i < tracks_.size(); ++i) {
      if (tracks_[i].due() < tracks_[first].due()) first = i;
    }
    return first;
  }

  bool keyFramesAligned() const {
    const auto& first = tracks_.front().file;
    return std::all_of(tracks_.begin(), tracks_.end(), [&first](const Track& track) {
      if (track.file.entries().size() != first.entries().size()) return false;
      for (size_t i = 0; i < first.entries().size(); ++i) {
        if (track.file.entries()[i].keyFrame != first.entries()[i].keyFrame) return false;
        if (track.file.timeOf(i) != first.timeOf(i)) return false;
      }
      return true;
    });
  }

  void applyRequests() {
    const bool betweenPictures = std::all_of(tracks_.begin(), tracks_.end(), [this](const Track& track) {
      return track.index == tracks_.front().index;
    });
    if (aligned_ && !betweenPictures) return;  // the layers of one picture stay together
    bool jump = false;
    for (Track& track : tracks_) {
      if (!track.keyFrameWanted || track.due() - track.lastKeyFrame < minKeyFrameDistance) continue;
      jump = true;
      if (!aligned_) jumpToKeyFrame(track);
    }
    if (!aligned_ || !jump) return;
    for (Track& track : tracks_) jumpToKeyFrame(track);
  }

  /// Goes on at the next key frame of the file, or at its beginning, without a pause.
  static void jumpToKeyFrame(Track& track) {
    track.keyFrameWanted = false;
    const auto& entries = track.file.entries();
    const TimeDelta due = track.due();
    const auto found = std::find_if(entries.begin() + static_cast<std::ptrdiff_t>(track.index), entries.end(),
                                    [](const IvfFile::Entry& entry) { return entry.keyFrame; });
    track.index = found == entries.end() ? 0 : static_cast<size_t>(found - entries.begin());
    track.start = due - track.file.timeOf(track.index);
  }

  std::vector<Track> tracks_;
  std::vector<SourceLayer> layers_;
  TimeDelta period_;
  bool aligned_ = false;
};

class AudioFileSource final : public MediaSource {
 public:
  explicit AudioFileSource(OggOpusFile file) : file_(std::move(file)), meter_(file_.channels()) {}

  frame::CodecType codec() const override { return frame::CodecType::Opus; }
  std::span<const SourceLayer> layers() const override { return {}; }
  TimeDelta nextDue() const override { return due_; }

  SourceFrame next(int64_t /*wallClockUs*/) override {
    SourceFrame frame;
    frame.payload = file_.packet(index_);
    frame.due = due_;
    frame.audioLevel = meter_.level(frame.payload);
    frame.voiceActivity = frame.audioLevel < OpusLevelMeter::voiceThreshold;
    due_ += opusPacketDuration(frame.payload);
    index_ = (index_ + 1) % file_.packetCount();
    return frame;
  }
  void requestKeyFrame(size_t /*layer*/) override {}

 private:
  OggOpusFile file_;
  OpusLevelMeter meter_;
  size_t index_ = 0;
  TimeDelta due_;
};

uint32_t area(const IvfFile& file) {
  const auto& first = file.entries().front();
  return static_cast<uint32_t>(first.width) * first.height;
}

}  // namespace

base::Expected<std::unique_ptr<MediaSource>> openVideoFiles(const std::vector<std::string>& paths) {
  constexpr size_t maxLayers = 3;
  if (paths.empty() || paths.size() > maxLayers) {
    return base::fail(std::to_string(paths.size()) + " video files given, expected one to three layers");
  }
  std::vector<IvfFile> files;
  for (const std::string& path : paths) {
    auto file = IvfFile::load(path);
    if (!file) return tl::make_unexpected(file.error());
    if (!file->entries().front().keyFrame) {
      return base::fail(path + ": at byte " + std::to_string(file->entries().front().offset) +
                        ": expected a key frame first");
    }
    if (!files.empty() && files.front().codec() != file->codec()) {
      return base::fail(path + ": has another codec than " + paths.front());
    }
    files.push_back(std::move(*file));
  }
  std::stable_sort(files.begin(), files.end(),
                   [](const IvfFile& a, const IvfFile& b) { return area(a) < area(b); });
  for (size_t i = 1; i < files.size(); ++i) {
    if (area(files[i - 1]) == area(files[i])) {
      return base::fail("two of the video files have the same size, expected one for each layer");
    }
  }
  return std::make_unique<VideoFileSource>(std::move(files));
}

base::Expected<std::unique_ptr<MediaSource>> openAudioFile(const std::string& path) {
  auto file = OggOpusFile::load(path);
  if (!file) return tl::make_unexpected(file.error());
  return std::make_unique<AudioFileSource>(std::move(*file));
}

}  // namespace sotto::client::mediafile
