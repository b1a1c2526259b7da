#include "media/forward/SpeakerRanking.hpp"

#include <algorithm>

namespace sotto::forward {

using base::Timestamp;

namespace {
/// Share of a new level in the average, for each packet of about 20 ms: up within three packets, down within
/// half a second.
constexpr double attack = 0.4;
constexpr double release = 0.04;
}  // namespace

SpeakerRanking::SpeakerRanking(size_t capacity) : capacity_(std::max<size_t>(1, capacity)) {}

SpeakerRanking::Entry* SpeakerRanking::find(SourceId source) {
  for (Entry& entry : entries_) {
    if (entry.source == source) return &entry;
  }
  return nullptr;
}

void SpeakerRanking::add(SourceId source, Timestamp now) {
  if (find(source) != nullptr) return;
  Entry entry;
  entry.source = source;
  entry.lastLoud = now - speakingHold;
  entries_.push_back(entry);
  latest_.reserve(entries_.size());
  order_.reserve(entries_.size());
  speaking_.reserve(entries_.size());
  chosen_.reserve(capacity_);
  loud_.reserve(capacity_);
  ++latestRevision_;
  fillRoom();
}

void SpeakerRanking::remove(SourceId source) {
  Entry* entry = find(source);
  if (entry == nullptr) return;
  if (entry->speaking) ++speakingRevision_;
  dismiss(*entry);
  entries_.erase(entries_.begin() + (entry - entries_.data()));
  ++latestRevision_;
  fillRoom();
}

void SpeakerRanking::setMuted(SourceId source, bool muted) {
  Entry* entry = find(source);
  if (entry == nullptr || entry->muted == muted) return;
  entry->muted = muted;
  if (muted) {
    dismiss(*entry);
    if (entry->speaking) ++speakingRevision_;
    entry->speaking = false;
    entry->loudPackets = 0;
    entry->loudness = 0;
  }
  fillRoom();
}

void SpeakerRanking::choose(Entry& entry) {
  entry.chosen = true;
  chosen_.push_back(entry.source);
  ++chosenRevision_;
}

void SpeakerRanking::dismiss(Entry& entry) {
  if (!entry.chosen) return;
  entry.chosen = false;
  chosen_.erase(std::find(chosen_.begin(), chosen_.end(), entry.source));
  ++chosenRevision_;
}

void SpeakerRanking::fillRoom() {
  while (chosen_.size() < capacity_) {
    Entry* best = nullptr;
    for (Entry& entry : entries_) {
      if (entry.chosen || entry.muted) continue;
      if (best == nullptr || entry.lastLoud > best->lastLoud) best = &entry;
    }
    if (best == nullptr) return;
    choose(*best);
  }
}

void SpeakerRanking::onAudio(SourceId source, uint8_t level, bool voiceActivity, Timestamp now) {
  Entry* entry = find(source);
  if (entry == nullptr || entry->muted) return;
  const double loudness = 127 - std::min<uint8_t>(level, 127);
  entry->loudness += (loudness - entry->loudness) * (loudness > entry->loudness ? attack : release);
  if (level > (voiceActivity ? voicedSpeechLevel : speechLevel)) return;

  entry->loudPackets = now - entry->lastLoud <= loudPacketGap ? entry->loudPackets + 1 : 1;
  if (entry->chosen && now - entry->lastLoud >= speakingHold) ++chosenRevision_;
  entry->lastLoud = now;
  if (!entry->speaking && entry->loudPackets >= loudPacketsToSpeak) {
    entry->speaking = true;
    entry->promoted = false;
    entry->speakingSince = now;
    ++speakingRevision_;
  }
  if (entry->speaking && !entry->promoted && now - entry->speakingSince >= promoteAfter) {
    entry->promoted = true;
    entry->lastPromoted = now;
    ++latestRevision_;
  }
  if (!entry->chosen) challenge(*entry, now);
}

void SpeakerRanking::challenge(Entry& challenger, Timestamp now) {
  // Who has been silent longest goes at once; among speakers only a clearly louder voice gets in.
  Entry* weakest = nullptr;
  for (Entry& entry : entries_) {
    if (!entry.chosen) continue;
    const bool silent = now - entry.lastLoud >= speakingHold;
    if (weakest == nullptr) {
      weakest = &entry;
      continue;
    }
    const bool weakestSilent = now - weakest->lastLoud >= speakingHold;
    if (silent != weakestSilent) {
      if (silent) weakest = &entry;
    } else if (silent ? entry.lastLoud < weakest->lastLoud : entry.loudness < weakest->loudness) {
      weakest = &entry;
    }
  }
  if (weakest == nullptr) return;
  const bool silent = now - weakest->lastLoud >= speakingHold;
  if (!silent && (!challenger.speaking || challenger.loudness < weakest->loudness + marginDb)) return;
  dismiss(*weakest);
  choose(challenger);
}

void SpeakerRanking::onTime(Timestamp now) {
  for (Entry& entry : entries_) {
    if (!entry.speaking || now - entry.lastLoud < speakingHold) continue;
    entry.speaking = false;
    entry.loudPackets = 0;
    ++speakingRevision_;
  }
}

std::span<const SourceId> SpeakerRanking::loud(Timestamp now) {
  loud_.clear();
  for (const Entry& entry : entries_) {
    if (entry.chosen && now - entry.lastLoud < speakingHold) loud_.push_back(entry.source);
  }
  return loud_;
}

std::span<const SpeakerRanking::Speaker> SpeakerRanking::speaking() {
  speaking_.clear();
  for (const Entry& entry : entries_) {
    if (entry.speaking) speaking_.push_back({entry.source, static_cast<uint8_t>(127 - entry.loudness)});
  }
  std::sort(speaking_.begin(), speaking_.end(), [](const Speaker& a, const Speaker& b) {
    return a.level != b.level ? a.level < b.level : a.source < b.source;
  });
  return speaking_;
}

std::span<const SourceId> SpeakerRanking::latest() {
  order_.clear();
  for (const Entry& entry : entries_) order_.push_back(&entry);
  // Entries lie in the order of joining, so the address breaks ties (std::stable_sort would allocate).
  std::sort(order_.begin(), order_.end(), [](const Entry* a, const Entry* b) {
    return a->lastPromoted != b->lastPromoted ? a->lastPromoted > b->lastPromoted : a < b;
  });
  latest_.clear();
  for (const Entry* entry : order_) latest_.push_back(entry->source);
  return latest_;
}

}  // namespace sotto::forward
