// One track of one participant within its room: its configuration, its source, and who watches it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "media/control/Messages.hpp"
#include "media/forward/Source.hpp"
#include "media/forward/Subscription.hpp"

namespace sotto::room {

class Recipient;

struct PublishedTrack {
  PublishedTrack(control::Track track, forward::SourceId id, forward::ParticipantId owner,
                 std::string ownerName)
      : config(std::move(track)), source(id), publisher(owner), participant(std::move(ownerName)) {}
  PublishedTrack(const PublishedTrack&) = delete;
  PublishedTrack& operator=(const PublishedTrack&) = delete;

  bool isVideo() const { return config.kind == control::MediaKind::Video; }

  control::Track config;
  forward::Source source;
  forward::ParticipantId publisher;
  std::string participant;  ///< the publisher's id as the server knows it
  bool muted = false;

  /// Where it plays or is about to: kept by the room whenever bindings change.
  struct Watcher {
    forward::Subscription* subscription = nullptr;
    Recipient* recipient = nullptr;
  };
  std::vector<Watcher> watchers;
};

}  // namespace sotto::room
