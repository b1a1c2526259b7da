#include "signaling/KeyRecord.hpp"

#include <algorithm>

#include "signaling/Base64.hpp"
#include "signaling/JsonReader.hpp"

namespace sotto::signaling {

using reading::json;

bool IdRanges::contains(uint32_t id) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), id,
                                      [](uint32_t value, const Range& range) { return value < range.first; });
  return after != ranges_.begin() && std::prev(after)->second >= id;
}

void IdRanges::add(uint32_t id) {
  if (contains(id)) return;
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), id,
                                      [](uint32_t value, const Range& range) { return value < range.first; });
  const bool joinsLeft = after != ranges_.begin() && std::prev(after)->second + 1 == id;
  const bool joinsRight = after != ranges_.end() && after->first == id + 1;
  if (joinsLeft && joinsRight) {
    std::prev(after)->second = after->second;
    ranges_.erase(after);
  } else if (joinsLeft) {
    std::prev(after)->second = id;
  } else if (joinsRight) {
    after->first = id;
  } else {
    ranges_.insert(after, Range{id, id});
  }
}

std::string writeRecord(const KeyRecord& record) {
  return reading::dump({{"identityKey", encodeBase64(record.identityKey)},
                        {"registrationId", record.registrationId},
                        {"id", record.signedPreKey.id},
                        {"key", encodeBase64(record.signedPreKey.key)},
                        {"signature", encodeBase64(record.signedPreKey.signature)},
                        {"used", record.usedIds.ranges()}});
}

std::optional<KeyRecord> readRecord(std::string_view text) {
  const json object = json::parse(text.begin(), text.end(), nullptr, false);
  try {
    const auto bytes = [&object](const char* key) {
      return decodeBase64(object.at(key).get<std::string>()).value();
    };
    KeyRecord record;
    record.identityKey = bytes("identityKey");
    record.registrationId = object.at("registrationId").get<uint32_t>();
    record.signedPreKey = {object.at("id").get<uint32_t>(), bytes("key"), bytes("signature")};
    record.usedIds = IdRanges(object.at("used").get<std::vector<IdRanges::Range>>());
    return record;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace sotto::signaling
