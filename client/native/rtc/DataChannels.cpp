#include "client/native/rtc/DataChannels.hpp"

#include <utility>

namespace sotto::client::rtc {

namespace {

sctp::AssociationParameters parametersFor(const control::DataTransport& server) {
  sctp::AssociationParameters parameters;
  parameters.localPort = parameters.remotePort = server.sctpPort;
  parameters.dtlsClient = true;
  parameters.maxMessageSize = sctp::maxReliableMessage;
  parameters.maxPeerMessageSize = server.maxMessageSize;
  return parameters;
}

sctp::ChannelParameters reliableChannel() {
  sctp::ChannelParameters channel;
  channel.label = sctp::reliableLabel;
  return channel;
}

sctp::ChannelParameters lossyChannel() {
  sctp::ChannelParameters channel;
  channel.label = sctp::lossyLabel;
  channel.ordered = false;
  channel.maxRetransmits = 0;
  return channel;
}

}  // namespace

DataChannels::DataChannels(const control::DataTransport& server, std::function<void(base::ByteView)> send,
                           DataChannelsObserver& observer, base::Timestamp now)
    : observer_(observer), now_(now), association_(parametersFor(server), std::move(send), *this, now) {
  openAgain(reliable_);
  openAgain(lossy_);
}

void DataChannels::openAgain(Channel& channel) {
  channel.stream = association_.open(&channel == &lossy_ ? lossyChannel() : reliableChannel(), now_);
}

void DataChannels::onPacket(base::ByteView packet, base::Timestamp now) {
  now_ = now;
  association_.onPacket(packet, now);
}

void DataChannels::onTime(base::Timestamp now) {
  now_ = now;
  if (association_.nextDeadline() <= now) association_.onTime(now);
}

DataSendResult DataChannels::send(uint16_t destination, DataKind kind, bool lossy, base::ByteView payload,
                                  base::Timestamp now) {
  const Channel& channel = lossy ? lossy_ : reliable_;
  const size_t longest = lossy ? sctp::maxLossyMessage : sctp::maxReliableMessage;
  if (payload.size() + sctp::dataHeaderSize > longest) return DataSendResult::TooLarge;
  if (!channel.open || !channel.stream) return DataSendResult::NotConnected;
  const auto header = sctp::dataHeader(kind, destination);
  message_.assign(header.begin(), header.end());
  message_.insert(message_.end(), payload.begin(), payload.end());
  switch (association_.send(*channel.stream, message_, /*binary=*/true, now)) {
    case sctp::SendOutcome::Sent:
      return DataSendResult::Sent;
    case sctp::SendOutcome::TooLarge:
      return DataSendResult::TooLarge;
    case sctp::SendOutcome::Full:
      return DataSendResult::Full;
    case sctp::SendOutcome::NoChannel:
      break;
  }
  return DataSendResult::NotConnected;
}

void DataChannels::onChannelOpen(uint16_t stream, const sctp::ChannelParameters& /*channel*/) {
  if (lossy_.stream == stream) {
    lossy_.open = true;
  } else if (reliable_.stream == stream) {
    reliable_.open = true;
    observer_.onDataChannel(true);
  } else {
    association_.close(stream, now_);  // the server opens none
  }
}

/// The server has reset a channel, as we did not take its messages fast enough: a new one begins clean.
void DataChannels::onChannelClosed(uint16_t stream) {
  for (Channel* channel : {&reliable_, &lossy_}) {
    if (channel->stream != stream) continue;
    const bool wasOpen = std::exchange(channel->open, false);
    openAgain(*channel);
    if (channel == &reliable_ && wasOpen) observer_.onDataChannel(false);
  }
}

void DataChannels::onChannelMessage(uint16_t stream, base::ByteView data, bool /*binary*/) {
  const auto message = sctp::parseDataMessage(data);
  if (!message || message->peer == 0) return;
  observer_.onData({message->peer, message->kind, lossy_.stream == stream, message->payload});
}

void DataChannels::onAssociationLost(const std::string& /*reason*/) {
  lossy_ = {};
  const bool wasOpen = reliable_.open;
  reliable_ = {};
  if (wasOpen) observer_.onDataChannel(false);
}

}  // namespace sotto::client::rtc
