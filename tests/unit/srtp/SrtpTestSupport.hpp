// Packets and vectors for the SRTP tests.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "media/base/Random.hpp"
#include "media/srtp/PacketIndex.hpp"
#include "media/srtp/SrtpSession.hpp"

namespace sotto::srtp {

using Bytes = std::vector<uint8_t>;

inline Bytes fromHex(const std::string& hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

inline nlohmann::json loadVectors(const std::string& file) {
  std::ifstream in(std::string(SOTTO_TEST_DATA) + "/" + file);
  return nlohmann::json::parse(in);
}

inline Bytes randomBytes(base::Random& random, size_t size) {
  Bytes bytes(size);
  random.fill(bytes);
  return bytes;
}

/// A valid RTP packet with random CSRCs, header extension and payload.
inline Bytes randomRtp(base::Random& random, uint32_t ssrc, uint16_t sequence) {
  const uint32_t choice = random.u32();
  const size_t csrcs = choice % 4;
  const bool extension = (choice & 0x100) != 0;
  const size_t words = choice >> 12 & 7;
  Bytes packet =
      randomBytes(random, 12 + csrcs * 4 + (extension ? 4 + words * 4 : 0) + (choice >> 16) % 1200);
  packet[0] = static_cast<uint8_t>(0x80 | csrcs | (extension ? 0x10 : 0));
  base::storeU16(&packet[2], sequence);
  base::storeU32(&packet[8], ssrc);
  if (extension) {
    base::storeU16(&packet[12 + csrcs * 4], 0xbede);
    base::storeU16(&packet[14 + csrcs * 4], static_cast<uint16_t>(words));
  }
  return packet;
}

inline Bytes simpleRtp(uint32_t ssrc, uint16_t sequence, size_t payload = 100) {
  Bytes packet(12 + payload, 0xab);
  packet[0] = 0x80;
  packet[1] = 96;
  base::storeU16(&packet[2], sequence);
  base::storeU32(&packet[4], 1234);
  base::storeU32(&packet[8], ssrc);
  return packet;
}

inline Bytes randomRtcp(base::Random& random, uint32_t ssrc) {
  Bytes packet = randomBytes(random, 8 + 4 * (random.u32() % 100));
  packet[0] = 0x80;
  packet[1] = 206;
  base::storeU16(&packet[2], static_cast<uint16_t>(packet.size() / 4 - 1));
  base::storeU32(&packet[4], ssrc);
  return packet;
}

/// Seals with the payload cut in two, as a packetizer hands it over. Empty on error.
inline Bytes seal(SrtpSender& sender, const Bytes& packet, size_t prefix = 0) {
  const base::ByteView view(packet);
  const size_t header = *rtpHeaderLength(view);
  prefix = std::min(prefix, packet.size() - header);
  Bytes out(packet.size() + 16);
  const auto size =
      sender.protectRtp(view.first(header), view.subspan(header, prefix), view.subspan(header + prefix), out);
  out.resize(size ? *size : 0);
  return out;
}
inline Bytes sealRtcp(SrtpSender& sender, const Bytes& packet) {
  Bytes out(packet.size() + 20);
  const auto size = sender.protectRtcp(packet, out);
  out.resize(size ? *size : 0);
  return out;
}

constexpr Profile allProfiles[] = {Profile::AeadAes128Gcm, Profile::AeadAes256Gcm, Profile::Aes128CmSha1_80};

struct Pair {
  std::unique_ptr<SrtpSender> sender;
  std::unique_ptr<SrtpReceiver> receiver;
  explicit Pair(Profile profile, uint64_t seed = 1) {
    base::SeededRandom random(seed);
    const Bytes key = randomBytes(random, keyLength(profile));
    const Bytes salt = randomBytes(random, saltLength(profile));
    sender = makeSrtpSender(profile, key, salt);
    receiver = makeSrtpReceiver(profile, key, salt);
  }
  /// Opens a copy; the plain packet, or the error.
  tl::expected<Bytes, SrtpError> open(Bytes packet) {
    return receiver->unprotectRtp(packet).map([&](size_t size) {
      packet.resize(size);
      return packet;
    });
  }
  tl::expected<Bytes, SrtpError> openRtcp(Bytes packet) {
    return receiver->unprotectRtcp(packet).map([&](size_t size) {
      packet.resize(size);
      return packet;
    });
  }
};

}  // namespace sotto::srtp
