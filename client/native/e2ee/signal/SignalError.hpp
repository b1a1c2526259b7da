// Why a Signal operation was refused. Nothing has changed when one of these comes back.
#pragma once

#include <cstdint>
#include <string_view>
#include <tl/expected.hpp>

namespace sotto::e2ee::signal {

enum class SignalError : uint8_t {
  Malformed,            ///< bytes that do not parse: truncated, a field missing, too large
  UnsupportedVersion,   ///< a protocol version other than 3
  InvalidKey,           ///< a public key of the wrong type or length, not canonical, or of low order
  InvalidSignature,     ///< a prekey that its identity key did not sign
  UntrustedIdentity,    ///< another identity key than the one pinned for this device
  NoSession,            ///< nothing to encrypt or decrypt with
  UnknownSignedPreKey,  ///< names a signed prekey that is not (or no longer) ours
  UnknownPreKey,        ///< names a one-time prekey that is not (or no longer) ours
  DuplicateMessage,     ///< opened before, or so old that its key is gone
  TooFarAhead,          ///< a counter further ahead of the chain than anyone sends
  InvalidMessage,       ///< no session opens it
  ChainExhausted,       ///< 2^32 messages in one chain
};

template <typename T>
using Result = tl::expected<T, SignalError>;

inline tl::unexpected<SignalError> refuse(SignalError error) {
  return tl::make_unexpected(error);
}

/// A short stable word for each error, for reports and for the test peer's line protocol.
constexpr std::string_view toString(SignalError error) {
  switch (error) {
    case SignalError::Malformed:
      return "malformed";
    case SignalError::UnsupportedVersion:
      return "unsupported-version";
    case SignalError::InvalidKey:
      return "invalid-key";
    case SignalError::InvalidSignature:
      return "invalid-signature";
    case SignalError::UntrustedIdentity:
      return "untrusted-identity";
    case SignalError::NoSession:
      return "no-session";
    case SignalError::UnknownSignedPreKey:
      return "unknown-signed-prekey";
    case SignalError::UnknownPreKey:
      return "unknown-prekey";
    case SignalError::DuplicateMessage:
      return "duplicate";
    case SignalError::TooFarAhead:
      return "too-far-ahead";
    case SignalError::InvalidMessage:
      return "invalid-message";
    case SignalError::ChainExhausted:
      return "chain-exhausted";
  }
  return "unknown";
}

}  // namespace sotto::e2ee::signal
