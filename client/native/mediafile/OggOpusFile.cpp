// Reading Ogg Opus files; see the header. libogg finds the pages and checks their CRCs; what it would skip
// over in silence is an error here, so that a damaged file is refused before a call begins.
#include "client/native/mediafile/OggOpusFile.hpp"

#include <ogg/ogg.h>

#include <cstring>

#include "client/native/mediafile/ReadWholeFile.hpp"

namespace sotto::client::mediafile {
namespace {

// RFC 6716 section 3.1, table 2: frame length by configuration number, in microseconds.
int64_t frameMicros(uint8_t configuration) {
  static constexpr int64_t silk[] = {10'000, 20'000, 40'000, 60'000};
  static constexpr int64_t hybrid[] = {10'000, 20'000};
  static constexpr int64_t celt[] = {2'500, 5'000, 10'000, 20'000};
  if (configuration < 12) return silk[configuration % 4];
  if (configuration < 16) return hybrid[configuration % 2];
  return celt[configuration % 4];
}

}  // namespace

base::TimeDelta opusPacketDuration(base::ByteView packet) {
  constexpr int64_t longestPacket = 120'000;
  if (packet.empty()) return base::TimeDelta::zero();
  int64_t frames = 0;
  switch (packet[0] & 3) {
    case 0:
      frames = 1;
      break;
    case 1:
    case 2:
      frames = 2;
      break;
    default:
      if (packet.size() < 2) return base::TimeDelta::zero();
      frames = packet[1] & 0x3f;
  }
  const int64_t micros = frames * frameMicros(packet[0] >> 3);
  return micros > longestPacket ? base::TimeDelta::zero() : base::TimeDelta::micros(micros);
}

/// Walks over the pages of a file in memory and collects its packets.
class OggOpusParser {
 public:
  explicit OggOpusParser(const std::string& name) : name_(name) { ogg_sync_init(&sync_); }
  ~OggOpusParser() {
    if (streaming_) ogg_stream_clear(&stream_);
    ogg_sync_clear(&sync_);
  }
  OggOpusParser(const OggOpusParser&) = delete;
  OggOpusParser& operator=(const OggOpusParser&) = delete;

  base::Expected<OggOpusFile> parse(base::ByteView bytes) {
    char* buffer = ogg_sync_buffer(&sync_, static_cast<long>(bytes.size()));
    if (buffer == nullptr) return base::fail(name_ + ": does not fit into memory");
    if (!bytes.empty()) std::memcpy(buffer, bytes.data(), bytes.size());
    ogg_sync_wrote(&sync_, static_cast<long>(bytes.size()));
    while (offset_ < bytes.size()) {
      ogg_page page;
      const long found = ogg_sync_pageseek(&sync_, &page);
      if (found <= 0) return noPage(bytes, found);
      if (auto taken = takePage(page); !taken) return tl::make_unexpected(taken.error());
      offset_ += static_cast<size_t>(found);
    }
    return finish();
  }

 private:
  tl::unexpected<base::Error> at(const std::string& what) const {
    return base::fail(name_ + ": at byte " + std::to_string(offset_) + ": " + what);
  }

  tl::unexpected<base::Error> noPage(base::ByteView bytes, long found) const {
    const base::ByteView rest = bytes.subspan(offset_);
    const bool capture = rest.size() >= 4 && std::memcmp(rest.data(), "OggS", 4) == 0;
    if (!capture && offset_ == 0) return at("expected \"OggS\": not an Ogg file");
    if (!capture) return at("expected the next page (\"OggS\")");
    if (found < 0) return at("the page's checksum is wrong: the file is damaged");
    return at("the file ends inside a page: truncated");
  }

  base::Expected<void> takePage(ogg_page& page) {
    if (!streaming_) {
      if (ogg_page_bos(&page) == 0) return at("expected the first page of a stream");
      ogg_stream_init(&stream_, ogg_page_serialno(&page));
      streaming_ = true;
    } else if (ogg_page_serialno(&page) != stream_.serialno) {
      return at("a second logical stream begins, expected Opus alone");
    }
    if (ogg_page_pageno(&page) != nextPage_++) return at("expected page " + std::to_string(nextPage_ - 1));
    if (ogg_stream_pagein(&stream_, &page) != 0) return at("libogg refuses the page");
    ended_ = ogg_page_eos(&page) != 0;
    ogg_packet packet;
    for (;;) {
      const int result = ogg_stream_packetout(&stream_, &packet);
      if (result == 0) return {};
      if (result < 0) return at("a packet's beginning is missing");
      if (auto taken = takePacket({packet.packet, static_cast<size_t>(packet.bytes)}); !taken) return taken;
    }
  }

  base::Expected<void> takePacket(base::ByteView packet) {
    switch (headersSeen_) {
      case 0:
        ++headersSeen_;
        return takeHead(packet);
      case 1:
        ++headersSeen_;
        if (packet.size() < 16 || std::memcmp(packet.data(), "OpusTags", 8) != 0) {
          return at("expected an OpusTags packet");
        }
        return {};
      default:
        break;
    }
    const base::TimeDelta duration = opusPacketDuration(packet);
    if (duration == base::TimeDelta::zero()) {
      return at("packet " + std::to_string(file_.packetEnds_.size()) + " is not Opus");
    }
    file_.packets_.insert(file_.packets_.end(), packet.begin(), packet.end());
    file_.packetEnds_.push_back(file_.packets_.size());
    file_.duration_ += duration;
    return {};
  }

  // RFC 7845 section 5.1; numbers are little-endian.
  base::Expected<void> takeHead(base::ByteView packet) {
    if (packet.size() < 19 || std::memcmp(packet.data(), "OpusHead", 8) != 0) {
      return at("expected an OpusHead packet: not Opus");
    }
    if (packet[8] >> 4 != 0) return at("OpusHead of version " + std::to_string(packet[8]) + ", expected 1");
    file_.channels_ = packet[9];
    file_.preSkip_ = static_cast<uint16_t>(packet[10] | packet[11] << 8);
    const uint8_t mappingFamily = packet[18];
    if (mappingFamily != 0 || file_.channels_ < 1 || file_.channels_ > 2) {
      return at(std::to_string(file_.channels_) + " channels in mapping family " +
                std::to_string(mappingFamily) + ", expected mono or stereo in family 0");
    }
    return {};
  }

  base::Expected<OggOpusFile> finish() {
    if (file_.packetEnds_.empty()) return at("the file ends, expected at least one Opus packet");
    if (!ended_) return at("the file ends without the last page of the stream: truncated");
    return std::move(file_);
  }

  const std::string& name_;
  ogg_sync_state sync_{};
  ogg_stream_state stream_{};
  bool streaming_ = false;
  bool ended_ = false;
  long nextPage_ = 0;
  int headersSeen_ = 0;
  size_t offset_ = 0;
  OggOpusFile file_;
};

base::Expected<OggOpusFile> OggOpusFile::load(const std::string& path) {
  const auto bytes = readWholeFile(path);
  if (!bytes) return tl::make_unexpected(bytes.error());
  return parse(path, *bytes);
}

base::Expected<OggOpusFile> OggOpusFile::parse(const std::string& name, base::ByteView bytes) {
  if (bytes.empty()) return base::fail(name + ": is empty");
  return OggOpusParser(name).parse(bytes);
}

base::ByteView OggOpusFile::packet(size_t index) const {
  const size_t begin = index == 0 ? 0 : packetEnds_[index - 1];
  return base::ByteView(packets_).subspan(begin, packetEnds_[index] - begin);
}

}  // namespace sotto::client::mediafile
