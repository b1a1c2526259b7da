// The data channels of a scripted participant: what a client opens, sends and gets.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/sctp/DataMessage.hpp"
#include "media/sctp/SctpAssociation.hpp"
#include "tests/unit/room/TestCall.hpp"

namespace sotto::test {

class DataClient final : public sctp::AssociationListener {
 public:
  struct Got {
    sctp::DataKind kind = sctp::DataKind::Data;
    uint16_t origin = 0;
    bool lossy = false;
    std::vector<uint8_t> payload;
    bool operator==(const Got&) const = default;
  };

  /// Makes the participant offer data channels. Before it joins.
  DataClient(TestCall& call, ScriptedPeer& peer);
  /// Begins the association and opens both channels; false when they are not there within five seconds.
  bool open();
  /// Drives the association; once every step.
  void step();

  sctp::SendOutcome send(bool lossy, uint16_t destination, base::ByteView payload,
                         sctp::DataKind kind = sctp::DataKind::Data);
  /// A message as it is, without the header being made.
  sctp::SendOutcome sendRaw(bool lossy, base::ByteView message);

  std::vector<Got> got;
  std::vector<uint16_t> closed;
  std::string lost;
  std::optional<uint16_t> reliable, lossy;
  bool deaf = false;  ///< what the server sends does not arrive
  sctp::SctpAssociation& association() { return *association_; }
  ScriptedPeer& peer() { return peer_; }

  void onChannelOpen(uint16_t stream, const sctp::ChannelParameters& channel) override;
  void onChannelClosed(uint16_t stream) override;
  void onChannelMessage(uint16_t stream, base::ByteView data, bool binary) override;
  void onAssociationLost(const std::string& reason) override { lost = reason; }

 private:
  TestCall& call_;
  ScriptedPeer& peer_;
  std::unique_ptr<sctp::SctpAssociation> association_;
  std::vector<uint16_t> confirmed_;
};

/// A call of `size` participants with data channels, who have all joined and opened them.
struct DataCall {
  explicit DataCall(size_t size, uint64_t seed = 1);
  TestCall call;
  std::vector<std::unique_ptr<DataClient>> clients;
  DataClient& operator[](size_t i) { return *clients[i]; }
  /// The sender number of a participant.
  uint16_t number(size_t i) { return clients[i]->peer().sender; }
};

}  // namespace sotto::test
