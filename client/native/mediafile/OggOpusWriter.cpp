// Writing Ogg Opus files (RFC 7845); see OggOpusFile.hpp.
#include <ogg/ogg.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "client/native/mediafile/OggOpusFile.hpp"

namespace sotto::client::mediafile {
namespace {

// What libopus' encoder delays at 48 kHz, and so what a player should drop of the first packet.
constexpr uint16_t preSkip = 312;
// A page about every second: RFC 7845 section 6 asks for no more.
constexpr uint64_t pageSamples = 48'000;
constexpr int serialNumber = 0x50770;

void putLittle(std::vector<uint8_t>& out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<uint8_t>(value >> 8 * i));
}
void putText(std::vector<uint8_t>& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

std::vector<uint8_t> opusHead(unsigned channels) {
  std::vector<uint8_t> head;
  putText(head, "OpusHead");
  head.push_back(1);
  head.push_back(static_cast<uint8_t>(channels));
  putLittle(head, preSkip, 2);
  putLittle(head, 48'000, 4);  // of the original input, for information
  putLittle(head, 0, 2);       // output gain
  head.push_back(0);           // mapping family
  return head;
}

std::vector<uint8_t> opusTags() {
  static constexpr std::string_view vendor = "Sotto";
  std::vector<uint8_t> tags;
  putText(tags, "OpusTags");
  putLittle(tags, vendor.size(), 4);
  putText(tags, vendor);
  putLittle(tags, 0, 4);
  return tags;
}

}  // namespace

struct OggOpusWriter::State {
  std::string path;
  std::FILE* file = nullptr;
  ogg_stream_state stream{};
  int64_t packets = 0;   ///< in the Ogg stream, headers included
  uint64_t written = 0;  ///< Opus packets
  uint64_t end = 0;      ///< samples up to the end of the last packet
  uint64_t pageStart = 0;
  std::vector<uint8_t> pending;  ///< the last packet waits here: only then is it known to be the last
  bool hasPending = false;

  ~State() {
    if (file != nullptr) std::fclose(file);
    ogg_stream_clear(&stream);
  }

  tl::unexpected<base::Error> failed() const {
    return base::fail(path + ": cannot be written: " + std::strerror(errno));
  }

  base::Expected<void> put(base::ByteView bytes, int64_t granule, bool first, bool last) {
    ogg_packet packet{};
    packet.packet = const_cast<uint8_t*>(bytes.data());
    packet.bytes = static_cast<long>(bytes.size());
    packet.b_o_s = first ? 1 : 0;
    packet.e_o_s = last ? 1 : 0;
    packet.granulepos = granule;
    packet.packetno = packets++;
    if (ogg_stream_packetin(&stream, &packet) != 0) return base::fail(path + ": libogg refuses a packet");
    return {};
  }

  bool putBytes(const uint8_t* bytes, long count) {
    return count == 0 || std::fwrite(bytes, static_cast<size_t>(count), 1, file) == 1;
  }

  /// Writes what libogg has: full pages only, or everything when `all`.
  base::Expected<void> flush(bool all) {
    ogg_page page;
    while ((all ? ogg_stream_flush(&stream, &page) : ogg_stream_pageout(&stream, &page)) != 0) {
      if (!putBytes(page.header, page.header_len) || !putBytes(page.body, page.body_len)) {
        return failed();
      }
    }
    return {};
  }

  base::Expected<void> putPending(bool last) {
    if (!hasPending) return {};
    hasPending = false;
    // Granule positions count the pre-skip in (RFC 7845 section 4).
    return put(pending, static_cast<int64_t>(end), false, last);
  }
};

OggOpusWriter::OggOpusWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
OggOpusWriter::OggOpusWriter(OggOpusWriter&&) noexcept = default;
OggOpusWriter& OggOpusWriter::operator=(OggOpusWriter&&) noexcept = default;
OggOpusWriter::~OggOpusWriter() {
  if (state_) (void)close();
}

uint64_t OggOpusWriter::packetCount() const {
  return state_->written;
}

base::Expected<OggOpusWriter> OggOpusWriter::create(const std::string& path, unsigned channels) {
  auto state = std::make_unique<State>();
  state->path = path;
  if (ogg_stream_init(&state->stream, serialNumber) != 0)
    return base::fail(path + ": libogg is out of memory");
  state->file = std::fopen(path.c_str(), "wb");
  if (state->file == nullptr) return state->failed();
  // Each header packet has a page of its own (RFC 7845 section 3).
  auto done = state->put(opusHead(channels), 0, true, false);
  if (done) done = state->flush(true);
  if (done) done = state->put(opusTags(), 0, false, false);
  if (done) done = state->flush(true);
  if (!done) return tl::make_unexpected(done.error());
  return OggOpusWriter(std::move(state));
}

base::Expected<void> OggOpusWriter::write(base::ByteView packet, uint64_t position) {
  State& state = *state_;
  if (state.file == nullptr) return base::fail(state.path + ": is closed");
  if (auto done = state.putPending(false); !done) return done;
  // A page says where its last packet ends: before a gap the page has to end too.
  const bool gap = position > state.end && state.written > 0;
  if (gap || state.end - state.pageStart >= pageSamples) {
    if (auto done = state.flush(true); !done) return done;
    state.pageStart = std::max(position, state.end);
  }
  constexpr int64_t microsPerMilli = 1'000, samplesPerMilli = 48;
  const int64_t samples = opusPacketDuration(packet).us() * samplesPerMilli / microsPerMilli;
  state.end = std::max(position, state.end) + static_cast<uint64_t>(samples);
  state.pending.assign(packet.begin(), packet.end());
  state.hasPending = true;
  ++state.written;
  return state.flush(false);
}

base::Expected<void> OggOpusWriter::close() {
  State& state = *state_;
  if (state.file == nullptr) return {};
  base::Expected<void> done;
  if (state.hasPending) {
    done = state.putPending(true);
  } else {
    // A recording without a packet still is a stream with an end.
    done = state.put({}, 0, false, true);
  }
  if (done) done = state.flush(true);
  const bool closed = std::fclose(state.file) == 0;
  state.file = nullptr;
  if (done && !closed) return base::fail(state.path + ": cannot be finished: " + std::strerror(errno));
  return done;
}

}  // namespace sotto::client::mediafile
