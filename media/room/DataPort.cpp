#include "media/room/DataPort.hpp"

#include <algorithm>
#include <exception>

namespace sotto::room {

using base::Timestamp;
using sctp::SendOutcome;

static_assert(sctp::maxReliableMessage == control::maxDataMessage);

DataPort::DataPort(Counters& counters, std::function<void(base::ByteView)> send, DataPortListener& listener)
    : counters_(counters), send_(std::move(send)), listener_(listener) {}

void DataPort::start(const control::DataTransport& peer, Timestamp now) {
  if (association_) return;
  now_ = now;
  sctp::AssociationParameters parameters;
  parameters.localPort = parameters.remotePort = peer.sctpPort;
  parameters.maxMessageSize = sctp::maxReliableMessage;
  parameters.maxPeerMessageSize = peer.maxMessageSize;
  parameters.maxWaiting = maxWaiting;
  try {
    association_ = std::make_unique<sctp::SctpAssociation>(parameters, send_, *this, now);
  } catch (const std::exception&) {
    counters_.add(Count::DataAssociationsLost);  // no memory for it; media goes on without
  }
  budget_.emplace(now);
}

void DataPort::onPacket(base::ByteView packet, Timestamp now) {
  now_ = now;
  if (association_) association_->onPacket(packet, now);
}

void DataPort::onTime(Timestamp now) {
  now_ = now;
  if (!association_) return;
  if (readAgain_ <= now) {
    readAgain_ = Timestamp::plusInfinity();
    association_->resumeReading(now);
  }
  if (association_->nextDeadline() <= now) association_->onTime(now);
}

Timestamp DataPort::nextDeadline() const {
  if (!association_) return Timestamp::plusInfinity();
  return std::min(association_->nextDeadline(), readAgain_);
}

// ---- from the participant ----------------------------------------------------------------------------

void DataPort::replace(std::optional<uint16_t>& channel, uint16_t stream) {
  if (channel) association_->close(*channel, now_);
  channel = stream;
}

void DataPort::onChannelOpen(uint16_t stream, const sctp::ChannelParameters& channel) {
  if (channel.label == sctp::reliableLabel && channel.ordered && channel.reliable()) {
    const bool wasOpen = open();
    replace(reliable_, stream);
    if (!wasOpen) listener_.onDataChannel(true, "");
  } else if (channel.label == sctp::lossyLabel && !channel.reliable()) {
    replace(lossy_, stream);
  } else {
    association_->close(stream, now_);
  }
}

void DataPort::setReliable(std::optional<uint16_t> stream, const std::string& reason) {
  const bool was = open();
  reliable_ = stream;
  if (was && !open()) listener_.onDataChannel(false, reason);
}

void DataPort::onChannelClosed(uint16_t stream) {
  if (lossy_ == stream) lossy_.reset();
  if (reliable_ == stream) setReliable(std::nullopt, "the client has closed its data channel");
}

void DataPort::onAssociationLost(const std::string& reason) {
  counters_.add(Count::DataAssociationsLost);
  lossy_.reset();
  readAgain_ = Timestamp::plusInfinity();
  setReliable(std::nullopt, reason);
}

void DataPort::onChannelMessage(uint16_t stream, base::ByteView data, bool /*binary*/) {
  counters_.add(Count::DataMessagesReceived);
  counters_.add(Count::DataBytesReceived, data.size());
  budget_->spend(data.size(), now_);
  if (const Timestamp ready = budget_->readyAt(now_); ready > now_) {
    association_->pauseReading();
    readAgain_ = ready;
    counters_.add(Count::DataSendersPaused);
  }
  const bool lossy = lossy_ == stream;
  if (data.size() > (lossy ? sctp::maxLossyMessage : sctp::maxReliableMessage)) {
    counters_.add(Count::DataRefusedTooLarge);
    return;
  }
  listener_.onDataMessage(data, lossy, now_);
}

// ---- to the participant ------------------------------------------------------------------------------

void DataPort::deliver(base::ByteView header, base::ByteView payload, bool lossy, Timestamp now) {
  now_ = now;
  const std::optional<uint16_t> stream = lossy ? lossy_ : reliable_;
  if (!stream) {
    counters_.add(Count::DataDroppedNoChannel);
    return;
  }
  message_.assign(header.begin(), header.end());
  message_.insert(message_.end(), payload.begin(), payload.end());
  switch (association_->send(*stream, message_, /*binary=*/true, now)) {
    case SendOutcome::Sent:
      counters_.add(Count::DataMessagesForwarded);
      counters_.add(Count::DataBytesForwarded, message_.size());
      return;
    case SendOutcome::TooLarge:
    case SendOutcome::NoChannel:
      counters_.add(Count::DataDroppedNoChannel);
      return;
    case SendOutcome::Full:
      counters_.add(Count::DataDroppedFull);
      break;
  }
  if (lossy) return;
  counters_.add(Count::DataChannelsReset);
  association_->close(*stream, now);
  setReliable(std::nullopt, "the client did not take its messages fast enough");
}

}  // namespace sotto::room
