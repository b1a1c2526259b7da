// Why a Signal operation was refused. A refusal never changes any state.

/** What went wrong; stable names that callers may switch on, the same as the native client's. */
export type SignalRefusal =
  /** Not in the form of the format: truncated, overlong, missing or repeated wrongly. */
  | "malformed"
  /** A protocol version other than 3. */
  | "unsupported-version"
  /** Not a Curve25519 key in its one valid encoding, or a point of low order. */
  | "invalid-key"
  /** The signed prekey of a bundle is not signed by its identity key. */
  | "invalid-signature"
  /** No session state opens the message: forged, altered, or of a session that is gone. */
  | "invalid-message"
  /** The message key has been used, or was dropped after too many skipped messages. */
  | "duplicate"
  /** The message claims a place more than the allowed number of messages ahead. */
  | "too-far-ahead"
  /** There is no session with that device. */
  | "no-session"
  /** The signed prekey that the message names is not (or no longer) there. */
  | "unknown-signed-prekey"
  /** The one-time prekey that the message names is not (or no longer) there. */
  | "unknown-prekey"
  /** The device shows another identity key than the pinned one; nothing happens until that is accepted. */
  | "untrusted-identity"
  /** A counter has reached its end: a new session is needed. */
  | "exhausted"
  /** A stored record cannot be read. */
  | "storage";

/** A refusal by the Signal code. */
export class SignalError extends Error {
  constructor(
    readonly refusal: SignalRefusal,
    message: string,
  ) {
    super(message);
    this.name = "SignalError";
  }
}

/** `untrusted-identity`, with the key that was shown, for the user to compare and accept. */
export class IdentityChanged extends SignalError {
  constructor(
    readonly address: string,
    /** 33 bytes. */
    readonly identityKey: Uint8Array,
  ) {
    super("untrusted-identity", `${address} shows another identity key`);
    this.name = "IdentityChanged";
  }
}
