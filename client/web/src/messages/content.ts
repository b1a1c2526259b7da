// What devices say to each other (docs/e2ee.md section 3): protobuf messages, padded, inside Signal messages. Plain values;
// contentEncoder.ts writes them, contentDecoder.ts reads them and takes nothing on trust.

import { type Bytes } from "../e2ee/bytes.ts";
import { type MediaKey } from "../e2ee/KeyProvider.ts";

/** What a message is for. The server sees it, as a hint; what counts is inside. */
export const Purpose = { MediaKey: 1, KeyRequest: 2, Text: 3, MediaMessage: 4, Reaction: 5 } as const;
export type Purpose = (typeof Purpose)[keyof typeof Purpose];

/** Asks a sender for the key of its frames. */
export interface KeyRequest {
  readonly sender: number;
  readonly generation?: number | undefined;
  readonly step?: number | undefined;
}

/** A file in the blob store, and what opens it. */
export interface MediaMessage {
  /** Id in the blob store. */
  readonly blob: string;
  /** 32 bytes. */
  readonly km: Bytes;
  /** SHA-256 of the sealed blob. */
  readonly digest: Bytes;
  /** Of the plaintext, and so of the blob. */
  readonly size: number;
  /** Of the file, as the sender says; may be empty. */
  readonly name: string;
  /** Media type, as the sender says; may be empty. */
  readonly type: string;
}

export interface Reaction {
  /** To which message: 16 bytes. */
  readonly message: Bytes;
  readonly emoji: string;
  readonly remove: boolean;
}

/** What is said. */
export type What =
  | { readonly purpose: typeof Purpose.MediaKey; readonly key: MediaKey }
  | { readonly purpose: typeof Purpose.KeyRequest; readonly request: KeyRequest }
  | { readonly purpose: typeof Purpose.Text; readonly text: string }
  | { readonly purpose: typeof Purpose.MediaMessage; readonly media: MediaMessage }
  | { readonly purpose: typeof Purpose.Reaction; readonly reaction: Reaction };

export interface Body {
  /** Call or conversation, 1..64 bytes. */
  readonly group: string;
  /** Unix time at the sender, ms. */
  readonly sentMs?: number | undefined;
  readonly what: What;
}

/** The body came beside, sealed once for all; this opens it. */
export interface SharedKey {
  /** 32 bytes. */
  readonly km: Bytes;
  /** SHA-256 of the sealed body. */
  readonly digest: Bytes;
}

/** Exactly one of: a body, the key to a shared one, ids of messages that have arrived and were opened. */
export type Content =
  | { readonly kind: "body"; readonly body: Body }
  | { readonly kind: "shared"; readonly shared: SharedKey }
  | { readonly kind: "receipt"; readonly messages: readonly Bytes[] };

export const LIMITS = {
  /** Of everything, encoded and padded. */
  content: 64 * 1024,
  text: 16 * 1024,
  group: 64,
  blob: 128,
  name: 255,
  type: 127,
  emoji: 64,
  receiptIds: 64,
} as const;

export const MESSAGE_ID_LENGTH = 16;
export const SECRET_LENGTH = 32;

export type ContentProblem =
  /** No padding at its end, or nothing but padding. */
  | "padding"
  | "too-large"
  /** Not protobuf, or a field of the wrong type. */
  | "malformed"
  /** A required field is absent, or there is not exactly one content. */
  | "missing"
  /** A field is longer, shorter or larger than it may be, or is not UTF-8. */
  | "out-of-bounds"
  /** Newer than us. */
  | "unknown-purpose";

/** A content that is refused whole. */
export class ContentError extends Error {
  constructor(readonly problem: ContentProblem) {
    super(`content refused: ${problem}`);
    this.name = "ContentError";
  }
}

/** "This message of yours I could not open": not sealed, anybody could have written it. */
export interface ErrorReceipt {
  readonly message: Bytes;
  readonly reason: ErrorReason;
}
export const ErrorReason = { NoSession: 1, CannotDecrypt: 2, UnknownPreKey: 3 } as const;
export type ErrorReason = (typeof ErrorReason)[keyof typeof ErrorReason];

export function encodeErrorReceipt({ message, reason }: ErrorReceipt): Bytes {
  const wire = new Uint8Array(MESSAGE_ID_LENGTH + 1);
  wire.set(message);
  wire[MESSAGE_ID_LENGTH] = reason;
  return wire;
}

/** Undefined when it is none. */
export function decodeErrorReceipt(wire: Uint8Array): ErrorReceipt | undefined {
  const reason = wire[MESSAGE_ID_LENGTH];
  if (wire.length !== MESSAGE_ID_LENGTH + 1 || reason === undefined || reason < 1 || reason > 3) return undefined;
  return { message: new Uint8Array(wire.subarray(0, MESSAGE_ID_LENGTH)), reason: reason as ErrorReason };
}
