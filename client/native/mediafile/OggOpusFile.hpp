// Opus in Ogg (RFC 7845): reading whole files and writing recordings. Pages and their CRCs are libogg's work.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "media/base/Bytes.hpp"
#include "media/base/Expected.hpp"
#include "media/base/Units.hpp"

namespace sotto::client::mediafile {

/// How long an Opus packet plays (RFC 6716 section 3.1), 2.5..120 ms; zero when it is no Opus packet.
base::TimeDelta opusPacketDuration(base::ByteView packet);

/// A whole Ogg Opus file in memory (one logical stream, mono or stereo), checked from end to end while
/// loading.
class OggOpusFile {
 public:
  /// Errors name the file, the byte offset and what was expected there.
  static base::Expected<OggOpusFile> load(const std::string& path);
  static base::Expected<OggOpusFile> parse(const std::string& name, base::ByteView bytes);

  unsigned channels() const { return channels_; }
  uint16_t preSkip() const { return preSkip_; }  ///< 48 kHz samples that a player drops at the start
  size_t packetCount() const { return packetEnds_.size(); }
  base::ByteView packet(size_t index) const;
  base::TimeDelta duration() const { return duration_; }

 private:
  friend class OggOpusParser;
  std::vector<uint8_t> packets_;  ///< all packets back to back
  std::vector<size_t> packetEnds_;
  base::TimeDelta duration_;
  unsigned channels_ = 1;
  uint16_t preSkip_ = 0;
};

/// Records Opus packets as they come from the network.
class OggOpusWriter {
 public:
  static base::Expected<OggOpusWriter> create(const std::string& path, unsigned channels = 2);
  OggOpusWriter(OggOpusWriter&&) noexcept;
  OggOpusWriter& operator=(OggOpusWriter&&) noexcept;
  ~OggOpusWriter();

  /// `position`: 48 kHz samples from the recording's start to the start of this packet (the RTP clock), never
  /// going back; a gap in it stays a gap in the file.
  base::Expected<void> write(base::ByteView packet, uint64_t position);
  /// Writes what is pending and marks the end of the stream. Called by the destructor too.
  base::Expected<void> close();
  uint64_t packetCount() const;

 private:
  struct State;
  explicit OggOpusWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sotto::client::mediafile
