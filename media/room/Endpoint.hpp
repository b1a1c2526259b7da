// One participant's media: its transport, what it publishes, what it receives.
#pragma once

#include <string>
#include <vector>

#include "media/base/Random.hpp"
#include "media/control/Messages.hpp"
#include "media/room/DataPort.hpp"
#include "media/room/Publisher.hpp"
#include "media/room/Recipient.hpp"
#include "media/room/Transport.hpp"

namespace sotto::room {

/// What all endpoints of a worker share. Must outlive them.
struct Resources {
  const dtls::Certificate& certificate;
  base::Random& random;
  base::DatagramBatch& out;
  base::PacketPool& packets;
  frame::FramePool& frames;
  Counters& counters;
};

class Endpoint;

/// What an endpoint tells its room.
class EndpointListener {
 public:
  virtual ~EndpointListener() = default;
  virtual void onEndpointState(Endpoint& endpoint, control::EndpointState state, const std::string& reason,
                               base::Timestamp now) = 0;
  /// A data message of this endpoint, header included.
  virtual void onDataMessage(Endpoint& endpoint, base::ByteView message, bool lossy, base::Timestamp now) = 0;
  /// The endpoint can, or can no longer, be reached over its reliable channel.
  virtual void onDataChannel(Endpoint& endpoint, bool open, const std::string& reason) = 0;
};

class Endpoint final : public TransportListener, private DataPortListener {
 public:
  Endpoint(const control::EndpointParameters& parameters, forward::ParticipantId id, control::E2eePolicy e2ee,
           Resources& resources, PublisherListener& publisherListener, EndpointListener& listener,
           base::Timestamp now);

  const std::string& name() const { return parameters_.endpoint; }
  forward::ParticipantId id() const { return id_; }
  const control::EndpointParameters& parameters() const { return parameters_; }
  /// A new offer of the same connection: tracks, slots, ICE.
  void update(const control::EndpointParameters& parameters, base::Timestamp now);

  Transport& transport() { return transport_; }
  Publisher& publisher() { return publisher_; }
  Recipient& recipient() { return recipient_; }
  DataPort& data() { return data_; }

  void onTime(base::Timestamp now);
  base::Timestamp nextDeadline() const;

  void onRtp(const base::PacketRef& packet, base::Timestamp now) override;
  void onRtcp(base::ByteView compound, base::Timestamp now) override;
  void onSctp(base::ByteView packet, base::Timestamp now) override;
  void onTransportState(control::EndpointState state, const std::string& reason,
                        base::Timestamp now) override;

 private:
  void onDataMessage(base::ByteView message, bool lossy, base::Timestamp now) override;
  void onDataChannel(bool open, const std::string& reason) override;
  void startData(base::Timestamp now);
  void onRtcpPacket(const rtp::RtcpPacketView& packet, base::Timestamp now);
  void onReportBlocks(const rtp::ReportBlocks& blocks, base::Timestamp now);

  control::EndpointParameters parameters_;
  forward::ParticipantId id_;
  Counters& counters_;
  EndpointListener& listener_;
  Transport transport_;
  Publisher publisher_;
  Recipient recipient_;
  DataPort data_;
};

}  // namespace sotto::room
