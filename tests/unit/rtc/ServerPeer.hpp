// The other end of a PeerConnection in tests: the server's own negotiation, ICE-lite, DTLS and SRTP, with the
// RTP left open for the test to look at and to make.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/native/rtc/PeerConnection.hpp"
#include "media/base/DatagramBatch.hpp"
#include "media/dtls/DtlsTransport.hpp"
#include "media/ice/IceLite.hpp"
#include "media/rtp/RtpPacket.hpp"
#include "media/srtp/SrtpSession.hpp"
#include "signaling/Negotiation.hpp"

namespace sotto::client::rtc {

class ServerPeer {
 public:
  ServerPeer() : certificate_(dtls::Certificate::generate()) {}

  static base::SocketAddress address() { return base::SocketAddress::v4(127, 0, 0, 1, 40'000); }
  /// The server's answer; REQUIREs that the offer is taken.
  std::string answer(const std::string& offer, std::vector<signaling::NamedTrack> tracks);
  const signaling::Agreement& agreement() const { return *agreement_; }

  void onDatagram(base::ByteView datagram, const base::SocketAddress& from, base::Timestamp now);
  bool connected() const { return sender_ != nullptr; }
  const std::optional<base::SocketAddress>& selected() const { return ice_->selected(); }
  /// Says goodbye over DTLS.
  void close() { dtls_->close(); }

  /// Sends one RTP or RTCP packet to the client.
  void sendRtp(base::ByteView header, base::ByteView payload);
  void sendRtcp(base::ByteView packet);
  base::DatagramBatch& out() { return out_; }

  /// What came from the client, decrypted.
  std::vector<std::vector<uint8_t>> rtp, rtcp;

 private:
  dtls::Certificate certificate_;
  base::SeededRandom random_{42};
  base::DatagramBatch out_{1 << 20};
  std::optional<signaling::Agreement> agreement_;
  std::optional<ice::IceLite> ice_;
  std::unique_ptr<dtls::DtlsTransport> dtls_;
  std::unique_ptr<srtp::SrtpSender> sender_;
  std::unique_ptr<srtp::SrtpReceiver> receiver_;
};

}  // namespace sotto::client::rtc
