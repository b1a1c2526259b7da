// Verification of a pair: Signal's numeric fingerprint as deployed (60 digits, the same on both screens) and the form
// for a QR code (protobuf CombinedFingerprints, version 2). docs/e2ee.md, Verification.

import { sha512 } from "@noble/hashes/sha2.js";

import { concat, equalConstantTime, type Bytes } from "../e2ee/bytes.ts";
import { type PublicKey } from "./curve.ts";
import { ProtobufReader, ProtobufWriter } from "./protobuf.ts";

/** Makes a search for another key with the same digits as costly as deployed. */
export const ITERATIONS = 5_200;
const FINGERPRINT_VERSION = Uint8Array.of(0, 0);
const SCANNABLE_VERSION = 2;
/** Bytes of a party's fingerprint that become digits, and that a QR code carries. */
const DISPLAYED_LENGTH = 30;
const SCANNED_LENGTH = 32;

const COMBINED = { version: 1, local: 2, remote: 3 } as const;
const CONTENT = 1;

/** One side of a pair. */
export interface Party {
  /** The user's name in UTF-8. */
  readonly stableId: Uint8Array;
  readonly identityKey: PublicKey;
}

/** Groups of five decimal digits, one for each five bytes, run together. */
export function decimalGroups(bytes: Uint8Array): string {
  let digits = "";
  for (let i = 0; i + 5 <= bytes.length; i += 5) {
    const value = bytes.subarray(i, i + 5).reduce((sum, byte) => sum * 256 + byte, 0);
    digits += String(value % 100_000).padStart(5, "0");
  }
  return digits;
}

/** The 64 bytes that stand for one party. */
export function partyFingerprint({ stableId, identityKey }: Party): Bytes {
  const key = identityKey.serialized;
  let hash: Uint8Array = concat(FINGERPRINT_VERSION, key, stableId);
  for (let i = 0; i < ITERATIONS; i++) hash = sha512(concat(hash, key));
  return new Uint8Array(hash);
}

/** A pair's fingerprint, seen from one side. */
export interface Fingerprint {
  /** 60 digits, the same on both sides. */
  readonly digits: string;
  /** What our QR code says. */
  readonly scannable: Bytes;
}

/** Takes some tens of milliseconds. */
export function fingerprint(local: Party, remote: Party): Fingerprint {
  const ours = partyFingerprint(local);
  const theirs = partyFingerprint(remote);
  const halves = [ours, theirs].map((hash) => decimalGroups(hash.subarray(0, DISPLAYED_LENGTH)));
  const side = (hash: Bytes) => new ProtobufWriter().bytes(CONTENT, hash.subarray(0, SCANNED_LENGTH)).finish();
  const scannable = new ProtobufWriter()
    .uint(COMBINED.version, SCANNABLE_VERSION)
    .bytes(COMBINED.local, side(ours))
    .bytes(COMBINED.remote, side(theirs))
    .finish();
  return { digits: halves.sort().join(""), scannable };
}

/** What a scan says: another version can neither match nor fail to. */
export type ScanResult = "match" | "mismatch" | "incomparable";

/** Compares what was scanned from the other screen with our own, crosswise; throws `malformed`. */
export function compareScanned(own: Fingerprint, scanned: Uint8Array): ScanResult {
  const ours = new ProtobufReader(own.scannable);
  const theirs = new ProtobufReader(scanned);
  const content = (side: ProtobufReader | undefined) => side?.bytes(CONTENT) ?? new Uint8Array(0);
  if (theirs.requiredUint(COMBINED.version) !== SCANNABLE_VERSION) return "incomparable";
  const localSeen = equalConstantTime(content(ours.message(COMBINED.local)), content(theirs.message(COMBINED.remote)));
  const remoteSeen = equalConstantTime(content(ours.message(COMBINED.remote)), content(theirs.message(COMBINED.local)));
  return localSeen && remoteSeen ? "match" : "mismatch";
}
