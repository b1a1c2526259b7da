// Two associations with a lossy path between them, in virtual time and without sockets.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "media/base/Random.hpp"
#include "media/sctp/SctpAssociation.hpp"

namespace sotto::test {

/// In percent, of each packet.
struct PathFaults {
  uint32_t lost = 0, repeated = 0;
  uint32_t jitterMs = 0;  ///< packets overtake each other within this
};

/// One end, with what it was told.
class AssociationEnd final : public sctp::AssociationListener {
 public:
  struct Message {
    uint16_t stream = 0;
    std::vector<uint8_t> data;
    bool binary = false;
  };
  std::unique_ptr<sctp::SctpAssociation> association;
  std::map<uint16_t, sctp::ChannelParameters> channels;
  std::vector<uint16_t> closed;
  std::vector<Message> messages;
  std::string lost;
  std::deque<std::vector<uint8_t>> sent;  ///< packets not yet on the path

  void onChannelOpen(uint16_t stream, const sctp::ChannelParameters& channel) override {
    channels[stream] = channel;
  }
  void onChannelClosed(uint16_t stream) override {
    channels.erase(stream);
    closed.push_back(stream);
  }
  void onChannelMessage(uint16_t stream, base::ByteView data, bool binary) override {
    messages.push_back({stream, {data.begin(), data.end()}, binary});
  }
  void onAssociationLost(const std::string& reason) override { lost = reason; }
};

class AssociationPair {
 public:
  explicit AssociationPair(uint64_t seed, PathFaults faults = {});

  /// Lets time pass, a millisecond at a time.
  void run(base::TimeDelta duration);
  /// Until both ends are connected; false after ten seconds.
  bool connect();

  base::SeededRandom random;
  PathFaults faults;
  base::TimeDelta delay = base::TimeDelta::millis(20);
  base::Timestamp now = base::Timestamp::millis(5'000);
  AssociationEnd client, server;  ///< the DTLS client opens even streams
  bool cut = false;               ///< nothing gets through
  size_t largestPacket = 0;
  uint64_t packets = 0;

 private:
  struct Flying {
    AssociationEnd* to = nullptr;
    std::vector<uint8_t> packet;
  };
  void launch(AssociationEnd& from, AssociationEnd& to);
  std::multimap<base::Timestamp, Flying> flying_;
};

}  // namespace sotto::test
