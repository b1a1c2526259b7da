// Packets from strangers to the receiver of each profile: none may be taken, and none may keep a sealed
// packet of the real peer from being taken. The first byte chooses the profile.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "media/srtp/SrtpSession.hpp"

using namespace sotto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1 || size > 2048) return 0;
  constexpr srtp::Profile profiles[] = {srtp::Profile::AeadAes128Gcm, srtp::Profile::AeadAes256Gcm,
                                        srtp::Profile::Aes128CmSha1_80};
  const srtp::Profile profile = profiles[data[0] % 3];
  const std::vector<uint8_t> key(srtp::keyLength(profile), 0x4b), salt(srtp::saltLength(profile), 0x53);

  // Rubbish leaves no trace in a receiver, so that one serves all inputs.
  static const std::unique_ptr<srtp::SrtpReceiver> receivers[] = {
      srtp::makeSrtpReceiver(profiles[0], std::vector<uint8_t>(16, 1), std::vector<uint8_t>(12, 1)),
      srtp::makeSrtpReceiver(profiles[1], std::vector<uint8_t>(32, 1), std::vector<uint8_t>(12, 1)),
      srtp::makeSrtpReceiver(profiles[2], std::vector<uint8_t>(16, 1), std::vector<uint8_t>(14, 1))};
  std::vector<uint8_t> rtp(data + 1, data + size), rtcp = rtp;
  if (receivers[data[0] % 3]->unprotectRtp(rtp) || receivers[data[0] % 3]->unprotectRtcp(rtcp)) std::abort();

  // The same bytes as a header and payload to seal: refused, or opened again to what they were.
  if (data[0] >= 16) return 0;  // two new sessions take a thousand times longer than all before
  const auto receiver = srtp::makeSrtpReceiver(profile, key, salt);
  const auto sender = srtp::makeSrtpSender(profile, key, salt);
  const std::vector<uint8_t> plain(data + 1, data + size);
  std::vector<uint8_t> out(plain.size() + 20);
  const size_t header = std::min<size_t>(plain.size(), 12);
  const base::ByteView view(plain);
  if (const auto sealed = sender->protectRtp(view.first(header), {}, view.subspan(header), out)) {
    const auto opened = receiver->unprotectRtp(base::MutableByteView(out).first(*sealed));
    if (!opened || *opened != plain.size() || !std::equal(plain.begin(), plain.end(), out.begin()))
      std::abort();
  }
  return 0;
}
