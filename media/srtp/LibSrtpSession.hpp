// AES_CM_128_HMAC_SHA1_80 (RFC 3711) through libsrtp2, for peers that know no AES-GCM.
#pragma once

#include <memory>

#include "media/srtp/SrtpSession.hpp"

namespace sotto::srtp {

/// Master key of 16 and master salt of 14 bytes. Throws std::runtime_error when libsrtp2 refuses.
std::unique_ptr<SrtpSender> makeLibSrtpSender(base::ByteView key, base::ByteView salt);
std::unique_ptr<SrtpReceiver> makeLibSrtpReceiver(base::ByteView key, base::ByteView salt);

}  // namespace sotto::srtp
