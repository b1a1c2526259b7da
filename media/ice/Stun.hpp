// STUN messages (RFC 8489) with the attributes of ICE (RFC 8445 section 16.1): a bounds-checked view for
// reading and a builder that writes into a caller's buffer. Only Binding is known.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "media/base/Bytes.hpp"
#include "media/base/Expected.hpp"
#include "media/base/SocketAddress.hpp"

namespace sotto::ice {

enum class StunClass : uint8_t { Request, Indication, Success, Error };
using TransactionId = std::array<uint8_t, 12>;

enum class StunError : uint8_t { NotStun, Truncated, BadLength, BadAttribute, BadFingerprint };
const char* toString(StunError error);

/// A view of a received message; valid as long as the datagram is.
class StunMessage {
 public:
  /// Checks header, magic cookie, attribute bounds and, where present, FINGERPRINT.
  static tl::expected<StunMessage, StunError> parse(base::ByteView datagram);
  /// First byte 0..3 and the magic cookie: cheap test for demultiplexing (RFC 7983).
  static bool looksLikeStun(base::ByteView datagram);

  StunClass messageClass = StunClass::Request;
  uint16_t method = 0;  ///< 1: Binding
  TransactionId transactionId{};
  std::string_view username;  ///< empty when absent
  std::optional<uint32_t> priority;
  bool useCandidate = false;
  std::optional<uint64_t> iceControlling, iceControlled;
  std::optional<base::SocketAddress> xorMappedAddress;
  std::optional<uint16_t> errorCode;
  bool hasMessageIntegrity = false;
  bool hasFingerprint = false;
  /// First comprehension-required attribute that is not known (RFC 8489 section 6.3.1: answer 420), or 0.
  uint16_t unknownRequired = 0;

  /// MESSAGE-INTEGRITY (HMAC-SHA1) under the short-term credential `password`. Constant time; false when
  /// absent.
  bool verifyIntegrity(std::string_view password) const;

 private:
  base::ByteView datagram_;
  size_t integrityOffset_ = 0;
};

/// What to write into a Binding message. Absent values are left out.
struct StunFields {
  StunClass messageClass = StunClass::Request;
  TransactionId transactionId{};
  std::string_view username;
  std::optional<uint32_t> priority;
  bool useCandidate = false;
  std::optional<uint64_t> iceControlling, iceControlled;
  std::optional<base::SocketAddress> xorMappedAddress;
  std::optional<uint16_t> errorCode;
  uint16_t unknownAttribute = 0;  ///< with errorCode 420
};
/// Writes a Binding message with FINGERPRINT, and with MESSAGE-INTEGRITY under `password` unless it is empty.
/// Returns its size, or 0 when `out` is too small (300 bytes always do with usernames up to 128).
size_t writeStun(const StunFields& fields, std::string_view password, base::MutableByteView out);

}  // namespace sotto::ice
