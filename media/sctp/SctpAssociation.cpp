#include "media/sctp/SctpAssociation.hpp"

#include <algorithm>
#include <array>

namespace sotto::sctp {
namespace {

using base::TimeDelta;
using base::Timestamp;

/// Payload protocol identifiers (RFC 8831 section 8). An empty message travels as one byte that is ignored.
constexpr uint32_t ppidControl = 50, ppidText = 51, ppidBinary = 53, ppidEmptyText = 56, ppidEmptyBinary = 57;
/// usrsctp does not say when its next timer is due. While some may run it is asked this often; its shortest
/// one is 20 ms.
constexpr TimeDelta busyInterval = TimeDelta::millis(10);
constexpr TimeDelta idleInterval = TimeDelta::seconds(1);
/// Covers the delay of acknowledgements.
constexpr TimeDelta busyAfterActivity = TimeDelta::millis(100);

uint32_t ppidOf(bool empty, bool binary) {
  if (empty) return binary ? ppidEmptyBinary : ppidEmptyText;
  return binary ? ppidBinary : ppidText;
}

}  // namespace

SctpAssociation::SctpAssociation(const AssociationParameters& parameters,
                                 std::function<void(base::ByteView)> send, AssociationListener& listener,
                                 Timestamp now)
    : parameters_(parameters),
      send_(std::move(send)),
      listener_(listener),
      address_(SctpStack::instance().add(packets_, now)),
      lastActive_(now),
      lastRun_(now) {
  try {
    socket_ = std::make_unique<SctpSocket>(address_, parameters.localPort, parameters.remotePort);
    if (!socket_->connect()) throw std::runtime_error("usrsctp refused to connect");
  } catch (...) {
    socket_.reset();
    SctpStack::instance().remove(address_);
    throw;
  }
}

SctpAssociation::~SctpAssociation() {
  socket_.reset();
  SctpStack::instance().remove(address_);
}

// ---- driven from outside ---------------------------------------------------------------------------

void SctpAssociation::onPacket(base::ByteView packet, Timestamp now) {
  if (over()) return;
  SctpStack::instance().input(address_, packet, now);
  lastActive_ = now;
  settle(now);
}

void SctpAssociation::onTime(Timestamp now) {
  if (over()) return;
  SctpStack::instance().advance(now);
  settle(now);
  const bool closing =
      std::any_of(channels_.begin(), channels_.end(), [](const auto& entry) { return entry.second.closing; });
  busy_ = !connected_ || closing || !waiting_.empty() || now - lastActive_ < busyAfterActivity ||
          (socket_ && socket_->hasUnacknowledged());
}

Timestamp SctpAssociation::nextDeadline() const {
  if (over()) return Timestamp::plusInfinity();
  if (!packets_.empty()) return lastRun_;
  return lastRun_ + (busy_ ? busyInterval : idleInterval);
}

void SctpAssociation::resumeReading(Timestamp now) {
  if (reading_ || over()) return;
  reading_ = true;
  SctpStack::instance().advance(now);
  settle(now);
}

void SctpAssociation::abort(Timestamp now) {
  if (over()) return;
  SctpStack::instance().advance(now);
  socket_.reset();
  connected_ = false;
  channels_.clear();
  flushPackets();
}

/// After anything that usrsctp has been told: takes what it has for us, and sends what it made.
void SctpAssociation::settle(Timestamp now) {
  lastRun_ = now;
  busy_ = true;
  readAll();
  sendWaiting();
  askForResets();
  flushPackets();
}

void SctpAssociation::flushPackets() {
  for (const std::vector<uint8_t>& packet : packets_.take()) send_(packet);
}

void SctpAssociation::lose(const std::string& reason) {
  socket_.reset();
  connected_ = false;
  channels_.clear();
  waiting_.clear();
  waitingBytes_ = 0;
  resetsWanted_.clear();
  listener_.onAssociationLost(reason);
}

// ---- reading ---------------------------------------------------------------------------------------

void SctpAssociation::readAll() {
  using Kind = IncomingEvent::Kind;
  while (reading_ && socket_) {
    const IncomingEvent event = socket_->receive(SctpStack::instance().scratch());
    switch (event.kind) {
      case Kind::Nothing:
        return;
      case Kind::Data:
        onData(event);
        break;
      case Kind::Up:
        connected_ = true;
        break;
      case Kind::Lost:
        return lose(connected_ ? "the peer ended the SCTP association" : "no SCTP association came up");
      case Kind::IncomingReset:
        onIncomingReset(named(event.streams));
        break;
      case Kind::OutgoingReset:
        onOutgoingReset(named(event.streams));
        break;
      case Kind::Other:
        break;
    }
  }
}

void SctpAssociation::onData(const IncomingEvent& event) {
  if (partial_.size() + event.data.size() > parameters_.maxMessageSize) {
    return lose("the peer sent a message over " + std::to_string(parameters_.maxMessageSize) + " bytes");
  }
  if (partial_.empty() && event.complete) return onMessage(event.stream, event.protocol, event.data);
  partial_.insert(partial_.end(), event.data.begin(), event.data.end());
  if (!event.complete) return;
  const std::vector<uint8_t> whole = std::exchange(partial_, {});
  onMessage(event.stream, event.protocol, whole);
}

void SctpAssociation::onMessage(uint16_t stream, uint32_t protocol, base::ByteView data) {
  if (protocol == ppidControl) return onControl(stream, data);
  const auto channel = channels_.find(stream);
  // An unordered message may overtake the OPEN of its channel: as good as lost.
  if (channel == channels_.end() || channel->second.closing) return;
  if (protocol == ppidText || protocol == ppidBinary) {
    listener_.onChannelMessage(stream, data, protocol == ppidBinary);
  } else if (protocol == ppidEmptyText || protocol == ppidEmptyBinary) {
    listener_.onChannelMessage(stream, {}, protocol == ppidEmptyBinary);
  }
}

void SctpAssociation::onControl(uint16_t stream, base::ByteView message) {
  const auto type = dcepMessage(message);
  if (!type) return;
  if (*type == DcepMessage::Open) {
    if (const auto opened = parseOpen(message)) onOpen(stream, *opened);
    return;
  }
  const auto channel = channels_.find(stream);
  if (channel == channels_.end() || channel->second.confirmed || channel->second.closing) return;
  channel->second.confirmed = true;
  listener_.onChannelOpen(stream, ChannelParameters(channel->second.parameters));
}

void SctpAssociation::onOpen(uint16_t stream, const ChannelParameters& opened) {
  const bool peersNumber = (stream % 2 == 0) != parameters_.dtlsClient;
  if (!peersNumber || stream >= maxStreams || channels_.contains(stream)) return;
  Channel& channel = channels_[stream];
  channel.parameters = opened;
  channel.confirmed = true;
  enqueue(stream, ppidControl, writeAck());
  listener_.onChannelOpen(stream, opened);
}

/// An event that names no stream means all.
std::vector<uint16_t> SctpAssociation::named(const std::vector<uint16_t>& streams) const {
  if (!streams.empty()) return streams;
  std::vector<uint16_t> all;
  for (const auto& [stream, channel] : channels_) all.push_back(stream);
  return all;
}

void SctpAssociation::onIncomingReset(const std::vector<uint16_t>& streams) {
  for (const uint16_t stream : streams) {
    const auto channel = channels_.find(stream);
    if (channel == channels_.end()) continue;
    channel->second.theirSideReset = true;
    beginClosing(stream);
    forgetIfClosed(stream);
  }
}

void SctpAssociation::onOutgoingReset(const std::vector<uint16_t>& streams) {
  for (const uint16_t stream : streams) {
    const auto channel = channels_.find(stream);
    if (channel == channels_.end() || !channel->second.closing) continue;
    channel->second.ourSideReset = true;
    forgetIfClosed(stream);
  }
}

void SctpAssociation::beginClosing(uint16_t stream) {
  Channel& channel = channels_.at(stream);
  if (channel.closing) return;
  channel.closing = true;
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    if (waiting.stream != stream) return false;
    waitingBytes_ -= waiting.data.size();
    return true;
  });
  resetsWanted_.insert(stream);
}

void SctpAssociation::forgetIfClosed(uint16_t stream) {
  const auto channel = channels_.find(stream);
  if (!channel->second.ourSideReset || !channel->second.theirSideReset) return;
  channels_.erase(channel);
  listener_.onChannelClosed(stream);
}

void SctpAssociation::askForResets() {
  while (connected_ && !resetsWanted_.empty() && socket_->resetOutgoing(*resetsWanted_.begin())) {
    resetsWanted_.erase(resetsWanted_.begin());
  }
}

// ---- sending ---------------------------------------------------------------------------------------

std::optional<uint16_t> SctpAssociation::freeStream() const {
  for (uint16_t stream = parameters_.dtlsClient ? 0 : 1; stream < maxStreams; stream += 2) {
    if (!channels_.contains(stream)) return stream;
  }
  return std::nullopt;
}

std::optional<uint16_t> SctpAssociation::open(const ChannelParameters& parameters, Timestamp now) {
  const auto stream = over() ? std::nullopt : freeStream();
  if (!stream) return std::nullopt;
  channels_[*stream].parameters = parameters;
  SctpStack::instance().advance(now);
  enqueue(*stream, ppidControl, writeOpen(parameters));
  flushPackets();
  return stream;
}

void SctpAssociation::close(uint16_t stream, Timestamp now) {
  if (over() || !channels_.contains(stream)) return;
  SctpStack::instance().advance(now);
  beginClosing(stream);
  askForResets();
  flushPackets();
}

SendOutcome SctpAssociation::send(uint16_t stream, base::ByteView data, bool binary, Timestamp now) {
  static constexpr std::array<uint8_t, 1> nothing{0};
  const auto channel = channels_.find(stream);
  if (over() || channel == channels_.end() || channel->second.closing) return SendOutcome::NoChannel;
  if (data.size() > parameters_.maxPeerMessageSize) return SendOutcome::TooLarge;
  const uint32_t protocol = ppidOf(data.empty(), binary);
  const base::ByteView bytes = data.empty() ? base::ByteView(nothing) : data;
  SctpStack::instance().advance(now);
  lastActive_ = now;
  SendOutcome outcome = SendOutcome::Sent;
  if (!channel->second.parameters.reliable()) {
    if (!waiting_.empty() || !transmit(stream, protocol, bytes)) outcome = SendOutcome::Full;
  } else if (waitingBytes_ + bytes.size() > parameters_.maxWaiting) {
    outcome = SendOutcome::Full;
  } else {
    enqueue(stream, protocol, bytes);
  }
  busy_ = true;
  flushPackets();
  return outcome;
}

void SctpAssociation::enqueue(uint16_t stream, uint32_t protocol, base::ByteView data) {
  if (waiting_.empty() && transmit(stream, protocol, data)) return;
  waiting_.push_back({stream, protocol, std::vector<uint8_t>(data.begin(), data.end())});
  waitingBytes_ += data.size();
}

/// False: no room now. What usrsctp refuses for other reasons (the peer takes fewer streams) is dropped.
bool SctpAssociation::transmit(uint16_t stream, uint32_t protocol, base::ByteView data) {
  if (!connected_ || !socket_) return false;
  const auto channel = channels_.find(stream);
  OutgoingMessage message;
  message.stream = stream;
  message.protocol = protocol;
  message.data = data;
  if (protocol != ppidControl && channel != channels_.end()) {
    const ChannelParameters& parameters = channel->second.parameters;
    message.ordered = parameters.ordered || !channel->second.confirmed;
    message.maxRetransmits = parameters.maxRetransmits;
    message.maxLifetimeMs = parameters.maxLifetimeMs;
  }
  return socket_->send(message) != SctpSocket::Sent::Full;
}

void SctpAssociation::sendWaiting() {
  while (!waiting_.empty()) {
    const Waiting& next = waiting_.front();
    if (!transmit(next.stream, next.protocol, next.data)) return;
    waitingBytes_ -= next.data.size();
    waiting_.pop_front();
  }
}

}  // namespace sotto::sctp
