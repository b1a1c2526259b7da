// The data channels of one participant (docs/data-channel.md): its SCTP association, the two channels that
// clients open, what it may send and what may wait for it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "media/base/Bytes.hpp"
#include "media/base/Units.hpp"
#include "media/control/Messages.hpp"
#include "media/room/Counters.hpp"
#include "media/room/DataBudget.hpp"
#include "media/sctp/DataMessage.hpp"
#include "media/sctp/SctpAssociation.hpp"

namespace sotto::room {

/// What a port tells its endpoint.
class DataPortListener {
 public:
  virtual ~DataPortListener() = default;
  /// A message of a length that is allowed.
  virtual void onDataMessage(base::ByteView message, bool lossy, base::Timestamp now) = 0;
  /// The reliable channel has opened, or is gone (then `reason` says why).
  virtual void onDataChannel(bool open, const std::string& reason) = 0;
};

class DataPort final : public sctp::AssociationListener {
 public:
  /// Reliable messages that may wait for a slow participant, bytes. Past this it is as good as gone: its
  /// channel is reset and it is told, so that nobody believes it has got what it has not.
  static constexpr size_t maxWaiting = size_t{1} << 20;

  /// References must outlive the port; `send` takes SCTP packets.
  DataPort(Counters& counters, std::function<void(base::ByteView)> send, DataPortListener& listener);

  /// Begins the association; later calls change nothing.
  void start(const control::DataTransport& peer, base::Timestamp now);
  void onPacket(base::ByteView packet, base::Timestamp now);
  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;

  /// Sends a message of header and payload to this participant, as far as that is possible now.
  void deliver(base::ByteView header, base::ByteView payload, bool lossy, base::Timestamp now);
  /// The reliable channel is there.
  bool open() const { return reliable_.has_value(); }

 private:
  void onChannelOpen(uint16_t stream, const sctp::ChannelParameters& channel) override;
  void onChannelClosed(uint16_t stream) override;
  void onChannelMessage(uint16_t stream, base::ByteView data, bool binary) override;
  void onAssociationLost(const std::string& reason) override;
  void setReliable(std::optional<uint16_t> stream, const std::string& reason);
  /// Takes `stream` as the one channel of its kind; a channel that was there before it is closed.
  void replace(std::optional<uint16_t>& channel, uint16_t stream);

  Counters& counters_;
  std::function<void(base::ByteView)> send_;
  DataPortListener& listener_;
  std::unique_ptr<sctp::SctpAssociation> association_;
  std::optional<uint16_t> reliable_, lossy_;
  std::optional<DataBudget> budget_;
  base::Timestamp readAgain_ = base::Timestamp::plusInfinity();  ///< reading is paused until then
  base::Timestamp now_;                                          ///< of the call that is being carried out
  std::vector<uint8_t> message_;
};

}  // namespace sotto::room
