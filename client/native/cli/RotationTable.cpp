// The table of rotations; see the header. The fields of a report are described in docs/sotto-client.md.
#include "client/native/cli/RotationTable.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "client/native/cli/Progress.hpp"

namespace sotto::client::cli {
namespace {

using nlohmann::json;

struct Row {
  int64_t drawnAt = 0;  ///< Unix time, ms
  uint64_t keyId = 0;
  std::vector<std::string> cells;
};

template <typename... Arguments>
std::string format(const char* pattern, Arguments... arguments) {
  std::array<char, 128> buffer{};
  std::snprintf(buffer.data(), buffer.size(), pattern, arguments...);
  return buffer.data();
}

std::string milliseconds(const json& value) {
  return value.is_number() ? format("%.0f ms", value.get<double>()) : "-";
}

/// "bob 12 ms, carol 15 ms"; a dash for a receipt that did not come.
std::string receiptsOf(const json& rotation) {
  std::string text;
  for (const json& receipt : rotation["receipts"]) {
    text += (text.empty() ? "" : ", ") + receipt["user"].get<std::string>() + " " +
            milliseconds(receipt["afterMs"]);
  }
  return text.empty() ? "nobody there" : text;
}

std::string whyOf(const json& rotation) {
  std::string text = rotation["reason"];
  for (const json& gone : rotation["removed"]) text += " of " + gone["user"].get<std::string>();
  return text;
}

Row rowOf(const std::string& member, const json& rotation, uint64_t lost) {
  Row row;
  row.drawnAt = rotation["drawnAt"];
  row.keyId = rotation["keyId"];
  row.cells = {"",
               member,
               whyOf(rotation),
               format("%u.%u", rotation["generation"].get<unsigned>(), rotation["step"].get<unsigned>()),
               milliseconds(rotation["liveAfterMs"]),
               format("%llu", static_cast<unsigned long long>(lost)),
               receiptsOf(rotation)};
  return row;
}

/// Columns of bytes are columns of characters here but for names, which are printed as they are.
size_t columnsOf(const std::string& text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }));
}

std::string drawn(const std::vector<std::vector<std::string>>& lines) {
  std::vector<size_t> widths;
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], columnsOf(line[i]));
  }
  std::string text;
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text += std::string(widths[i] - columnsOf(line[i]) + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

}  // namespace

std::string rotationTable(const std::vector<std::string>& reports) {
  std::vector<Row> rows;
  std::map<uint64_t, uint64_t> lost;  // by KID, over all members
  std::vector<json> parsed;
  for (const std::string& report : reports) {
    json object = json::parse(report, nullptr, false);
    if (!object.is_object() || !object.contains("keys")) continue;
    for (const json& unopened : object["keys"]["unopened"]) {
      lost[unopened["keyId"].get<uint64_t>()] += unopened["frames"].get<uint64_t>();
    }
    parsed.push_back(std::move(object));
  }
  for (const json& report : parsed) {
    for (const json& rotation : report["keys"]["rotations"]) {
      rows.push_back(rowOf(printable(report["name"]), rotation, lost[rotation["keyId"].get<uint64_t>()]));
    }
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.drawnAt < b.drawnAt; });
  std::vector<std::vector<std::string>> lines{
      {"drawn", "whose key", "because", "key", "live after", "frames lost", "receipts"}};
  for (Row& row : rows) {
    row.cells[0] = format("%+.2f s", static_cast<double>(row.drawnAt - rows.front().drawnAt) / 1e3);
    lines.push_back(std::move(row.cells));
  }
  return drawn(lines);
}

}  // namespace sotto::client::cli
