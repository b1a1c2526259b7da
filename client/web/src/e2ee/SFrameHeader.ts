// The SFrame header of RFC 9605 section 4.3: a config byte, then key id and counter, each inside the config byte
// when below 8, else in as few big-endian bytes as it needs (1..8).

import { bigEndian, concat, minimalLength, readBigEndian, type Bytes } from "./bytes.ts";

/** Key id and counter of one sealed frame. */
export interface SFrameHeader {
  readonly kid: bigint;
  readonly ctr: bigint;
}

const MAX_VALUE = 0xffff_ffff_ffff_ffffn;

/** The encoded header, 1..17 bytes; throws a RangeError past 64 bits. */
export function writeSFrameHeader({ kid, ctr }: SFrameHeader): Bytes {
  if (kid < 0n || kid > MAX_VALUE || ctr < 0n || ctr > MAX_VALUE) throw new RangeError("beyond 64 bits");
  const kidBytes = kid < 8n ? new Uint8Array(0) : bigEndian(kid, minimalLength(kid));
  const ctrBytes = ctr < 8n ? new Uint8Array(0) : bigEndian(ctr, minimalLength(ctr));
  const kidNibble = kidBytes.length === 0 ? Number(kid) : 8 | (kidBytes.length - 1);
  const ctrNibble = ctrBytes.length === 0 ? Number(ctr) : 8 | (ctrBytes.length - 1);
  return concat(new Uint8Array([(kidNibble << 4) | ctrNibble]), kidBytes, ctrBytes);
}

/** Reads a header that fills `bytes` exactly; undefined when it does not, or is not in its shortest form. */
export function parseSFrameHeader(bytes: Uint8Array): SFrameHeader | undefined {
  const config = bytes[0];
  if (config === undefined) return undefined;
  const kidLength = config & 0x80 ? ((config >> 4) & 7) + 1 : 0;
  const ctrLength = config & 0x08 ? (config & 7) + 1 : 0;
  if (bytes.length !== 1 + kidLength + ctrLength) return undefined;
  const kid = kidLength ? readBigEndian(bytes.subarray(1, 1 + kidLength)) : BigInt((config >> 4) & 7);
  const ctr = ctrLength ? readBigEndian(bytes.subarray(1 + kidLength)) : BigInt(config & 7);
  if (kidLength && (kid < 8n || minimalLength(kid) !== kidLength)) return undefined;
  if (ctrLength && (ctr < 8n || minimalLength(ctr) !== ctrLength)) return undefined;
  return { kid, ctr };
}
