// The trailer of a sealed frame (docs/frame-format.md): all that the server learns of it. Parsed from the end of the
// frame; every field is attacker-controlled until the MAC over it has been checked.

import { concat, type Bytes } from "./bytes.ts";
import { unpackKeyId } from "./KeyId.ts";
import { parseSFrameHeader, writeSFrameHeader } from "./SFrameHeader.ts";

/** Suites that a frame may name: the registry of RFC 9605 for 4 and 5, and the Duo construction. */
export const Suite = { Aes128Gcm: 4, Aes256Gcm: 5, Duo: 0xd0 } as const;
export type Suite = (typeof Suite)[keyof typeof Suite];

/** Bytes of the MAC or tag between ciphertext and trailer. */
export function macLength(suite: Suite): number {
  return suite === Suite.Duo ? 32 : 16;
}

/** The fields of the trailer. */
export interface FrameMetadata {
  readonly video: boolean;
  readonly keyFrame: boolean;
  /** No later frame needs this one. */
  readonly discardable: boolean;
  /** Decoding may go up to this temporal layer from here. */
  readonly switchingPoint: boolean;
  /** 0..7; simulcast: rank of the layer, lowest 0. */
  readonly spatial: number;
  /** 0..7 */
  readonly temporal: number;
  /** Pixels; 0 when the trailer has none (key frames always have them). */
  readonly width: number;
  readonly height: number;
  /** KID of the key that seals the frame (KeyId.ts). */
  readonly kid: bigint;
  readonly ctr: bigint;
  /** Bytes at the front of the frame that a packetizer reads in clear. */
  readonly clearLength: number;
  readonly suite: Suite;
}

export type MetadataError =
  | "too-short"
  | "version"
  | "length"
  | "flags"
  | "layer"
  | "sframe-header"
  | "suite"
  | "clear-length"
  | "sender";

/** A trailer that was read, with where it starts in the sealed frame. */
export interface ParsedMetadata {
  readonly metadata: FrameMetadata;
  readonly start: number;
}

/** Version byte at the very end. Never 0: some packetizers strip trailing zeros. */
export const METADATA_VERSION = 0x51;

const VIDEO = 0x80;
const KEY_FRAME = 0x40;
const DISCARDABLE = 0x20;
const SIZE_PRESENT = 0x10;
const SWITCHING_POINT = 0x08;
const RESERVED_FLAGS = 0x07;
const RESERVED_LAYER_BITS = 0x03;
/** clear_len, suite, length, version */
const FIXED_TAIL = 5;
/** flags and the shortest SFrame header, then the fixed tail */
const MIN_LENGTH = 2 + FIXED_TAIL;

/** Writes the trailer; throws a RangeError when a field does not fit its place. */
export function writeFrameMetadata(m: FrameMetadata): Bytes {
  const fits = (value: number, limit: number) => Number.isInteger(value) && value >= 0 && value <= limit;
  if (!fits(m.spatial, 7) || !fits(m.temporal, 7)) throw new RangeError("layer index outside 0..7");
  if (!fits(m.width, 0xffff) || !fits(m.height, 0xffff)) throw new RangeError("size beyond 65535 pixels");
  if (!fits(m.clearLength, 0xffff)) throw new RangeError("clear prefix beyond 65535 bytes");
  const sized = m.keyFrame || m.width !== 0 || m.height !== 0;
  const flags =
    (m.video ? VIDEO : 0) |
    (m.keyFrame ? KEY_FRAME : 0) |
    (m.discardable ? DISCARDABLE : 0) |
    (sized ? SIZE_PRESENT : 0) |
    (m.switchingPoint ? SWITCHING_POINT : 0);
  const head = [flags];
  if (m.video) head.push((m.spatial << 5) | (m.temporal << 2));
  if (sized) head.push(m.width >> 8, m.width & 0xff, m.height >> 8, m.height & 0xff);
  const header = writeSFrameHeader(m);
  const length = head.length + header.length + FIXED_TAIL;
  const tail = [m.clearLength >> 8, m.clearLength & 0xff, m.suite, length, METADATA_VERSION];
  return concat(new Uint8Array(head), header, new Uint8Array(tail));
}

/** Reads the trailer from the end of a sealed frame, or says what is wrong with it. */
export function parseFrameMetadata(frame: Uint8Array): ParsedMetadata | MetadataError {
  const end = frame.length;
  if (end < MIN_LENGTH) return "too-short";
  if (frame[end - 1] !== METADATA_VERSION) return "version";
  const length = frame[end - 2]!;
  if (length < MIN_LENGTH || length > end) return "length";
  const suite = frame[end - 3]! as Suite;
  if (suite !== Suite.Duo && suite !== Suite.Aes128Gcm && suite !== Suite.Aes256Gcm) return "suite";
  const clearLength = (frame[end - 5]! << 8) | frame[end - 4]!;

  const start = end - length;
  const headerEnd = end - FIXED_TAIL;
  let at = start;
  const flags = frame[at++]!;
  const video = (flags & VIDEO) !== 0;
  const keyFrame = (flags & KEY_FRAME) !== 0;
  const sized = (flags & SIZE_PRESENT) !== 0;
  if (flags & RESERVED_FLAGS || (keyFrame && !sized)) return "flags";
  const layer = video ? frame[at++]! : 0;
  if (layer & RESERVED_LAYER_BITS) return "layer";
  if (at + (sized ? 4 : 0) >= headerEnd) return "sframe-header";
  const width = sized ? (frame[at]! << 8) | frame[at + 1]! : 0;
  const height = sized ? (frame[at + 2]! << 8) | frame[at + 3]! : 0;
  if (sized) at += 4;
  const header = parseSFrameHeader(frame.subarray(at, headerEnd));
  if (header === undefined) return "sframe-header";
  if (unpackKeyId(header.kid) === undefined) return "sender";
  if (clearLength + macLength(suite) + length > end) return "clear-length";

  const metadata: FrameMetadata = {
    video,
    keyFrame,
    discardable: (flags & DISCARDABLE) !== 0,
    switchingPoint: (flags & SWITCHING_POINT) !== 0,
    spatial: layer >> 5,
    temporal: (layer >> 2) & 7,
    width,
    height,
    kid: header.kid,
    ctr: header.ctr,
    clearLength,
    suite,
  };
  return { metadata, start };
}
