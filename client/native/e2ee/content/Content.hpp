// What devices say to each other (docs/e2ee.md section 3): protobuf messages, padded, inside Signal messages.
// Plain values with an encoder and a decoder that takes nothing on trust.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client/native/e2ee/keys/MediaKey.hpp"
#include "media/base/Bytes.hpp"
#include "media/base/Expected.hpp"

namespace sotto::client::e2ee {

using MessageId = std::array<uint8_t, 16>;
using Sha256Digest = std::array<uint8_t, 32>;

/// What a message is for. The server sees it, as a hint; what counts is inside.
enum class Purpose : uint8_t { MediaKey = 1, KeyRequest = 2, Text = 3, MediaMessage = 4, Reaction = 5 };

/// Asks a sender for the key of its frames.
struct KeyRequest {
  uint16_t sender = 0;
  std::optional<uint8_t> generation, step;
  bool operator==(const KeyRequest&) const = default;
};

struct TextMessage {
  static constexpr size_t maxSize = size_t{16} * 1024;
  std::string text;  ///< UTF-8
  bool operator==(const TextMessage&) const = default;
};

/// A file in the blob store, and what opens it.
struct MediaMessage {
  static constexpr size_t kmSize = 32;
  static constexpr size_t maxBlobId = 128, maxName = 255, maxType = 127;
  std::string blob;  ///< id in the blob store
  SecretBytes km;
  Sha256Digest digest{};  ///< of the sealed blob
  uint64_t size = 0;      ///< of the plaintext, and so of the blob
  std::string name;       ///< of the file, as the sender says; may be empty
  std::string type;       ///< media type, as the sender says; may be empty
};

struct Reaction {
  static constexpr size_t maxEmoji = 64;
  MessageId message{};  ///< to which
  std::string emoji;    ///< UTF-8
  bool remove = false;
  bool operator==(const Reaction&) const = default;
};

/// What is said. Its kind is its purpose.
struct Body {
  static constexpr size_t maxGroup = 64;
  std::string group;               ///< call or conversation, 1..64 bytes
  std::optional<uint64_t> sentMs;  ///< Unix time at the sender
  std::variant<MediaKey, KeyRequest, TextMessage, MediaMessage, Reaction> what;

  Purpose purpose() const { return static_cast<Purpose>(what.index() + 1); }
};

/// The body came beside, sealed once for all; this opens it.
struct SharedKey {
  static constexpr size_t kmSize = 32;
  SecretBytes km;
  Sha256Digest digest{};  ///< of the sealed body
};

/// These messages have arrived and were opened.
struct Receipt {
  static constexpr size_t maxIds = 64;
  std::vector<MessageId> messages;
};

using Content = std::variant<Body, SharedKey, Receipt>;

enum class ContentError : uint8_t {
  Padding,         ///< no padding at its end, or nothing but padding
  TooLarge,        ///< over maxContentSize
  Malformed,       ///< not protobuf
  Missing,         ///< a required field is absent, or there is not exactly one content
  OutOfBounds,     ///< a field is longer, shorter or larger than it may be, or is not UTF-8
  UnknownPurpose,  ///< newer than us
};
const char* toString(ContentError error);

/// Of everything below, encoded and padded.
constexpr size_t maxContentSize = size_t{64} * 1024;
constexpr size_t paddingStep = 160;
/// Key messages, key requests, receipts and shared keys are no shorter, so that all look alike.
constexpr size_t smallestPadded = 320;

/// Padded plaintext of a Signal message. `content` must be within the bounds above.
SecretBytes encodeContent(const Content& content);
tl::expected<Content, ContentError> decodeContent(base::ByteView padded);
/// A body by itself, padded: what the one-time-key form seals.
SecretBytes encodeBody(const Body& body);
/// The content that carries this body, for one device. `paddedBody` is what encodeBody has made.
SecretBytes encodeInline(base::ByteView paddedBody);
tl::expected<Body, ContentError> decodeBody(base::ByteView padded);

/// "This message of yours I could not open": not sealed, anybody could have written it.
struct ErrorReceipt {
  enum class Reason : uint8_t { NoSession = 1, CannotDecrypt = 2, UnknownPreKey = 3 };
  static constexpr size_t wireSize = 17;
  MessageId message{};
  Reason reason = Reason::CannotDecrypt;
  bool operator==(const ErrorReceipt&) const = default;
};
std::array<uint8_t, ErrorReceipt::wireSize> encodeErrorReceipt(const ErrorReceipt& receipt);
std::optional<ErrorReceipt> decodeErrorReceipt(base::ByteView wire);

}  // namespace sotto::client::e2ee
