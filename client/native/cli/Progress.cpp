// Live progress; see the header.
#include "client/native/cli/Progress.hpp"

#include <algorithm>
#include <array>

#include "client/native/cli/SourceNames.hpp"

namespace sotto::client::cli {
namespace {

constexpr size_t nameColumns = 24;
constexpr base::TimeDelta plainInterval = base::TimeDelta::seconds(5);

template <typename... Arguments>
std::string format(const char* pattern, Arguments... arguments) {
  std::array<char, 256> buffer{};
  std::snprintf(buffer.data(), buffer.size(), pattern, arguments...);
  return buffer.data();
}

std::string rate(uint64_t bytes, double seconds) {
  const double bits = seconds > 0 ? static_cast<double>(bytes) * 8 / seconds : 0;
  return bits >= 1e6 ? format("%.2f Mb/s", bits / 1e6) : format("%.0f kb/s", bits / 1e3);
}

double perSecond(uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

bool startsCharacter(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}

/// The first `columns` characters of UTF-8 text.
std::string firstColumns(const std::string& text, size_t columns) {
  size_t seen = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (startsCharacter(text[i]) && seen++ == columns) return text.substr(0, i);
  }
  return text;
}

/// Cut or padded to `columns` characters.
std::string fitted(const std::string& text, size_t columns) {
  std::string out = firstColumns(text, columns);
  const auto characters = static_cast<size_t>(std::count_if(out.begin(), out.end(), startsCharacter));
  return out + std::string(columns - characters, ' ');
}

const call::RemoteStreamStatistics* sameStream(const call::CallStatistics& in,
                                               const call::RemoteStreamStatistics& like) {
  for (const auto& stream : in.streams) {
    if (stream.participant == like.participant && stream.source == like.source) return &stream;
  }
  return nullptr;
}

const call::LocalLayerStatistics* sameLayer(const call::CallStatistics& in,
                                            const call::LocalLayerStatistics& like) {
  for (const auto& layer : in.layers) {
    if (layer.source == like.source && layer.rid == like.rid) return &layer;
  }
  return nullptr;
}

std::string streamLine(const call::RemoteStreamStatistics& stream, const call::RemoteStreamStatistics& before,
                       double seconds) {
  const std::string who = printable(stream.name) + " " + std::string(sourceName(stream.source));
  std::string line = "  in  " + fitted(who, nameColumns);
  line +=
      format(" %5.1f fps %11s  opened %llu", perSecond(stream.framesOpened - before.framesOpened, seconds),
             rate(stream.bytes - before.bytes, seconds).c_str(),
             static_cast<unsigned long long>(stream.framesOpened));
  if (!stream.layers.empty()) {
    line += format("  %ux%u", stream.layers.back().width, stream.layers.back().height);
  }
  for (const auto& [reason, count] : stream.failed) {
    line += format("  %s %llu", reason.c_str(), static_cast<unsigned long long>(count));
  }
  return line + format("  longest gap %lld ms", static_cast<long long>(stream.longestGap.ms()));
}

std::string layerLine(const call::LocalLayerStatistics& layer, const call::LocalLayerStatistics& before,
                      double seconds) {
  const std::string what = std::string(sourceName(layer.source)) + " " + layer.rid;
  return "  out " + fitted(what, nameColumns) +
         format(" %5.1f fps %11s  frames %llu  key %llu  retransmitted %llu",
                perSecond(layer.frames - before.frames, seconds),
                rate(layer.bytes - before.bytes, seconds).c_str(),
                static_cast<unsigned long long>(layer.frames),
                static_cast<unsigned long long>(layer.keyFrames),
                static_cast<unsigned long long>(layer.retransmitted));
}

struct Totals {
  uint64_t bytesIn = 0, bytesOut = 0, opened = 0, failed = 0;
};
Totals totalsOf(const call::CallStatistics& statistics) {
  Totals totals;
  for (const auto& stream : statistics.streams) {
    totals.bytesIn += stream.bytes;
    totals.opened += stream.framesOpened;
    for (const auto& [reason, count] : stream.failed) totals.failed += count;
  }
  for (const auto& layer : statistics.layers) totals.bytesOut += layer.bytes;
  return totals;
}

}  // namespace

std::string printable(const std::string& text) {
  std::string out = text;
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  return out;
}

std::vector<std::string> ProgressText::lines(const call::CallStatistics& statistics, base::TimeDelta elapsed,
                                             base::Timestamp now) {
  const bool first = beforeTime_ == base::Timestamp::minusInfinity();
  const double seconds = first ? elapsed.secondsAsDouble() : (now - beforeTime_).secondsAsDouble();
  const Totals all = totalsOf(statistics), old = totalsOf(before_);
  std::vector<std::string> out;
  out.push_back(format(
      "%s %.0f s  in %s  out %s  opened %llu  failed %llu  round trip %.1f ms", toString(statistics.state),
      elapsed.secondsAsDouble(), rate(all.bytesIn - old.bytesIn, seconds).c_str(),
      rate(all.bytesOut - old.bytesOut, seconds).c_str(), static_cast<unsigned long long>(all.opened),
      static_cast<unsigned long long>(all.failed), static_cast<double>(statistics.roundTrip.us()) / 1e3));
  for (const auto& stream : statistics.streams) {
    const auto* before = sameStream(before_, stream);
    out.push_back(streamLine(stream, before != nullptr ? *before : call::RemoteStreamStatistics{}, seconds));
  }
  for (const auto& layer : statistics.layers) {
    const auto* before = sameLayer(before_, layer);
    out.push_back(layerLine(layer, before != nullptr ? *before : call::LocalLayerStatistics{}, seconds));
  }
  before_ = statistics;
  beforeTime_ = now;
  return out;
}

void Progress::erase() {
  // From the first column: a key that was pressed may have left its echo on the line.
  if (shown_ > 0) std::fprintf(out_, "\r\x1b[%zuA\x1b[J", shown_);
  shown_ = 0;
}

void Progress::update(const std::vector<std::string>& lines, base::Timestamp now) {
  if (lines.empty()) return;
  if (!terminal_) {
    if (now - lastPlain_ < plainInterval) return;
    lastPlain_ = now;
    std::fprintf(out_, "%s\n", lines.front().c_str());
    std::fflush(out_);
    return;
  }
  erase();
  // A line that wraps would make the table taller than what is erased.
  for (const std::string& line : lines) {
    std::fprintf(out_, "%s\n", firstColumns(line, columns_).c_str());
  }
  shown_ = lines.size();
  std::fflush(out_);
}

void Progress::message(const std::string& text) {
  erase();
  std::fprintf(out_, "%s\n", printable(text).c_str());
  std::fflush(out_);
}

}  // namespace sotto::client::cli
