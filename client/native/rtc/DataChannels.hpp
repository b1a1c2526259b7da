// The client's data channels to the server (docs/data-channel.md): one reliable and ordered, one lossy, over
// SCTP in DTLS. Messages go to one participant or to all others of the room; what they carry is sealed by
// whoever calls this.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/base/Bytes.hpp"
#include "media/base/Units.hpp"
#include "media/control/Messages.hpp"
#include "media/sctp/DataMessage.hpp"
#include "media/sctp/SctpAssociation.hpp"

namespace sotto::client::rtc {

using sctp::DataKind;

/// A data message that came from another participant. `payload` is valid during the call.
struct ReceivedData {
  uint16_t origin = 0;  ///< its sender number, as the server says
  DataKind kind = DataKind::Data;
  bool lossy = false;
  base::ByteView payload;
};

/// What became of a data message.
enum class DataSendResult : uint8_t {
  Sent,          ///< on its way to the server, or waiting for it
  NotConnected,  ///< the channel is not open
  TooLarge,      ///< over 65,532 bytes, or 1,196 when lossy
  Full,          ///< too much waits already; try again later
};

/// Must not destroy the channels from within a call.
class DataChannelsObserver {
 public:
  virtual ~DataChannelsObserver() = default;
  /// The reliable channel has opened, or is gone.
  virtual void onDataChannel(bool open) = 0;
  virtual void onData(const ReceivedData& data) = 0;
};

class DataChannels final : public sctp::AssociationListener {
 public:
  /// Begins the association. `send` takes SCTP packets; references must outlive the channels.
  DataChannels(const control::DataTransport& server, std::function<void(base::ByteView)> send,
               DataChannelsObserver& observer, base::Timestamp now);

  void onPacket(base::ByteView packet, base::Timestamp now);
  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const { return association_.nextDeadline(); }

  /// `destination`: a sender number, 0 for everyone else in the room.
  DataSendResult send(uint16_t destination, DataKind kind, bool lossy, base::ByteView payload,
                      base::Timestamp now);
  bool open() const { return reliable_.open; }
  /// Reliable bytes that wait for room in SCTP's own buffer.
  size_t waitingBytes() const { return association_.waitingBytes(); }

  void onChannelOpen(uint16_t stream, const sctp::ChannelParameters& channel) override;
  void onChannelClosed(uint16_t stream) override;
  void onChannelMessage(uint16_t stream, base::ByteView data, bool binary) override;
  void onAssociationLost(const std::string& reason) override;

 private:
  struct Channel {
    std::optional<uint16_t> stream;
    bool open = false;
  };
  void openAgain(Channel& channel);

  DataChannelsObserver& observer_;
  Channel reliable_, lossy_;
  base::Timestamp now_;  ///< of the call that is being carried out
  std::vector<uint8_t> message_;
  sctp::SctpAssociation association_;
};

}  // namespace sotto::client::rtc
