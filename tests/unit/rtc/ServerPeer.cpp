#include "tests/unit/rtc/ServerPeer.hpp"

#include <array>
#include <catch2/catch.hpp>

namespace sotto::client::rtc {

std::string ServerPeer::answer(const std::string& offer, std::vector<signaling::NamedTrack> tracks) {
  const auto description = signaling::sdp::parse(offer);
  INFO(offer);
  REQUIRE(description);
  const signaling::MediaAddress where{{address()}, {"sha-256", certificate_.fingerprint()}};
  const std::optional<std::vector<signaling::NamedTrack>> named(std::move(tracks));
  signaling::Limits limits;
  const signaling::NegotiationInput input{*description, named, where, limits,
                                          true,         true,  {},    agreement_ ? &*agreement_ : nullptr};
  auto negotiated = signaling::negotiate(input, random_);
  if (!negotiated) FAIL(negotiated.error().message);
  agreement_ = std::move(negotiated->agreement);
  ice::IceLiteCredentials credentials{agreement_->ice.localUfrag, agreement_->ice.localPassword,
                                      agreement_->ice.remoteUfrag};
  if (!ice_) {
    ice_.emplace(std::move(credentials));
    dtls::Parameters parameters;
    parameters.role = dtls::Role::Server;
    parameters.fingerprintAlgorithm = agreement_->fingerprint.algorithm;
    parameters.fingerprintValue = agreement_->fingerprint.value;
    dtls_ = std::make_unique<dtls::DtlsTransport>(certificate_, parameters, [this](base::ByteView datagram) {
      if (ice_->selected()) out_.append(*ice_->selected(), datagram);
    });
    dtls_->start(base::Timestamp{});
  } else if (negotiated->iceRestarted) {
    ice_->restart(std::move(credentials));
  }
  return negotiated->answer;
}

void ServerPeer::onDatagram(base::ByteView datagram, const base::SocketAddress& from, base::Timestamp now) {
  std::vector<uint8_t> copy(datagram.begin(), datagram.end());
  if (ice::StunMessage::looksLikeStun(copy)) {
    const auto message = ice::StunMessage::parse(copy);
    REQUIRE(message);
    std::array<uint8_t, ice::IceLite::maxResponse> response;
    const auto result = ice_->handle(*message, from, now, response);
    if (result.responseSize > 0) out_.append(from, base::ByteView(response).first(result.responseSize));
  } else if (!copy.empty() && copy[0] >= 20 && copy[0] <= 63) {
    dtls_->onDatagram(copy, now);
    if (dtls_->state() == dtls::State::Connected && !sender_) {
      const dtls::SrtpKeys& keys = dtls_->srtpKeys();
      sender_ = srtp::makeSrtpSender(keys.profile, keys.sendKey, keys.sendSalt);
      receiver_ = srtp::makeSrtpReceiver(keys.profile, keys.receiveKey, keys.receiveSalt);
    }
  } else if (receiver_) {
    const bool control = rtp::looksLikeRtcp(copy);
    const auto size = control ? receiver_->unprotectRtcp(copy) : receiver_->unprotectRtp(copy);
    REQUIRE(size);
    copy.resize(*size);
    (control ? rtcp : rtp).push_back(std::move(copy));
  }
}

void ServerPeer::sendRtp(base::ByteView header, base::ByteView payload) {
  const base::MutableByteView room = out_.begin(header.size() + payload.size() + 32);
  const auto size = sender_->protectRtp(header, {}, payload, room);
  REQUIRE(size);
  out_.commit(*ice_->selected(), *size);
}

void ServerPeer::sendRtcp(base::ByteView packet) {
  const base::MutableByteView room = out_.begin(packet.size() + 64);
  const auto size = sender_->protectRtcp(packet, room);
  REQUIRE(size);
  out_.commit(*ice_->selected(), *size);
}

}  // namespace sotto::client::rtc
