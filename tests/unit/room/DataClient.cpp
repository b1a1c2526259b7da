#include "tests/unit/room/DataClient.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

namespace sotto::test {

using base::TimeDelta;

DataClient::DataClient(TestCall& call, ScriptedPeer& peer) : call_(call), peer_(peer) {
  peer.parameters.data = control::DataTransport{5000, 65'536};
  peer.onSctp = [this](base::ByteView packet, base::Timestamp now) {
    if (association_ && !deaf) association_->onPacket(packet, now);
  };
}

bool DataClient::open() {
  sctp::AssociationParameters parameters;
  parameters.dtlsClient = true;
  association_ = std::make_unique<sctp::SctpAssociation>(
      parameters, [this](base::ByteView packet) { peer_.sendSctp(packet); }, *this, call_.now);
  sctp::ChannelParameters channel;
  channel.label = sctp::reliableLabel;
  reliable = association_->open(channel, call_.now);
  channel.label = sctp::lossyLabel;
  channel.ordered = false;
  channel.maxRetransmits = 0;
  lossy = association_->open(channel, call_.now);
  for (int i = 0; i < 5'000 && confirmed_.size() < 2; ++i) call_.step();
  return confirmed_.size() == 2;
}

void DataClient::step() {
  if (association_ && association_->nextDeadline() <= call_.now) association_->onTime(call_.now);
}

sctp::SendOutcome DataClient::send(bool isLossy, uint16_t destination, base::ByteView payload,
                                   sctp::DataKind kind) {
  const auto header = sctp::dataHeader(kind, destination);
  std::vector<uint8_t> message(header.begin(), header.end());
  message.insert(message.end(), payload.begin(), payload.end());
  return sendRaw(isLossy, message);
}

sctp::SendOutcome DataClient::sendRaw(bool isLossy, base::ByteView message) {
  return association_->send((isLossy ? lossy : reliable).value(), message, true, call_.now);
}

void DataClient::onChannelOpen(uint16_t stream, const sctp::ChannelParameters& /*channel*/) {
  confirmed_.push_back(stream);
}

void DataClient::onChannelClosed(uint16_t stream) {
  std::erase(confirmed_, stream);
  closed.push_back(stream);
}

void DataClient::onChannelMessage(uint16_t stream, base::ByteView data, bool binary) {
  CHECK(binary);
  const auto message = sctp::parseDataMessage(data);
  REQUIRE(message);
  got.push_back(
      {message->kind, message->peer, stream == lossy, {message->payload.begin(), message->payload.end()}});
}

DataCall::DataCall(size_t size, uint64_t seed) : call(control::E2eePolicy::Required, 5, seed) {
  call.onStep = [this] {
    for (const auto& client : clients) client->step();
  };
  for (size_t i = 0; i < size; ++i) {
    ScriptedPeer& peer = call.make("p" + std::to_string(i));
    clients.push_back(std::make_unique<DataClient>(call, peer));
    call.join(peer);
    REQUIRE(clients.back()->open());
  }
}

}  // namespace sotto::test
