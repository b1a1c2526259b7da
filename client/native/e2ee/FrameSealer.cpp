// Sealing of outgoing frames; see the header.
#include "client/native/e2ee/FrameSealer.hpp"

#include <limits>

namespace sotto::client::e2ee {

const char* toString(SealError error) {
  switch (error) {
    case SealError::NoKey:
      return "no key";
    case SealError::CounterExhausted:
      return "frame counter exhausted";
    case SealError::BadFrame:
      return "frame too large or shorter than its clear prefix";
    case SealError::Crypto:
      return "encryption failed";
  }
  return "unknown";
}

FrameSealer::FrameSealer(frame::Suite suite, uint64_t firstCounter)
    : suite_(suite), nextCounter_(firstCounter) {}

void FrameSealer::installKey(KeyId keyId, base::ByteView mediaKey) {
  keyId_ = keyId;
  cipher_.emplace(suite_, mediaKey, keyId.value());
}

tl::expected<size_t, SealError> FrameSealer::seal(base::ByteView frame, frame::FrameMetadata fields,
                                                  std::vector<uint8_t>& out) {
  if (!cipher_) return tl::make_unexpected(SealError::NoKey);
  if (exhausted_) return tl::make_unexpected(SealError::CounterExhausted);
  if (frame.empty()) return size_t{0};
  if (frame.size() > maxFrameSize || fields.clearLength > frame.size()) {
    return tl::make_unexpected(SealError::BadFrame);
  }
  // The counter is spent before anything else can go wrong: a number tried is a number used.
  fields.keyId = keyId_.value();
  fields.counter = nextCounter_;
  fields.suite = suite_;
  exhausted_ = nextCounter_ == std::numeric_limits<uint64_t>::max();
  if (!exhausted_) ++nextCounter_;

  std::array<uint8_t, frame::FrameMetadata::maxEncodedSize> trailer{};
  const size_t trailerSize = frame::writeFrameMetadata(fields, trailer);
  const base::ByteView trailerView = base::ByteView(trailer).first(trailerSize);
  const base::ByteView clear = frame.first(fields.clearLength);
  const base::ByteView plain = frame.subspan(fields.clearLength);

  const size_t start = out.size();
  const size_t sealedSize = frame.size() + cipher_->macLength() + trailerSize;
  out.insert(out.end(), clear.begin(), clear.end());
  out.resize(start + sealedSize - trailerSize);
  const bool good = cipher_->seal(fields.counter, clear, plain, trailerView,
                                  base::MutableByteView(out).subspan(start + clear.size()));
  if (trailerSize == 0 || !good) {
    out.resize(start);
    return tl::make_unexpected(SealError::Crypto);
  }
  out.insert(out.end(), trailerView.begin(), trailerView.end());
  return sealedSize;
}

}  // namespace sotto::client::e2ee
