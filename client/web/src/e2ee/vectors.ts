// Holds the frame code against known answers in the form of tests/vectors/sotto-frames.json: every entry is sealed
// and opened, its pieces are compared, and its sealed form must stop opening when a byte is changed.

import { fromHex, toHex, type Bytes } from "./bytes.ts";
import { Suite, macLength, parseFrameMetadata, writeFrameMetadata, type FrameMetadata } from "./FrameMetadata.ts";
import { ratchet } from "./kdf.ts";
import { openFrame } from "./SFrameOpener.ts";
import { sealFrame } from "./SFrameSealer.ts";
import { writeSFrameHeader } from "./SFrameHeader.ts";
import { deriveCipher } from "./SuiteCipher.ts";

/** An answer that differs from the known one. */
export class VectorMismatch extends Error {}

/** The file itself is not in the form of sotto-frames.json. */
export class VectorFormatError extends Error {}

type Entry = Record<string, unknown>;

function field<T>(entry: Entry, where: string, name: string, type: "string" | "number" | "boolean"): T {
  const value = entry[name];
  if (typeof value !== type) throw new VectorFormatError(`${where}: "${name}" is missing or not a ${type}`);
  return value as T;
}

function hexField(entry: Entry, where: string, name: string): Bytes {
  try {
    return fromHex(field<string>(entry, where, name, "string"));
  } catch (error) {
    if (error instanceof RangeError) throw new VectorFormatError(`${where}: "${name}" is ${error.message}`);
    throw error;
  }
}

function wholeNumber(entry: Entry, where: string, name: string): bigint {
  const digits = field<string>(entry, where, name, "string");
  if (!/^[0-9a-f]{1,16}$/i.test(digits)) throw new VectorFormatError(`${where}: "${name}" is not up to 16 hex digits`);
  return BigInt(`0x${digits}`);
}

function same(where: string, what: string, got: string, expected: string): void {
  if (got !== expected) throw new VectorMismatch(`${where}: ${what} is ${got}, expected ${expected}`);
}

function metadataOf(entry: Entry, where: string): FrameMetadata {
  const suite = Number(field<string>(entry, where, "suite", "string"));
  if (!Object.values<number>(Suite).includes(suite)) throw new VectorFormatError(`${where}: unknown suite`);
  return {
    video: field(entry, where, "video", "boolean"),
    keyFrame: field(entry, where, "key_frame", "boolean"),
    discardable: field(entry, where, "discardable", "boolean"),
    switchingPoint: field(entry, where, "switching_point", "boolean"),
    spatial: field(entry, where, "spatial", "number"),
    temporal: field(entry, where, "temporal", "number"),
    width: Number(entry["width"] ?? 0),
    height: Number(entry["height"] ?? 0),
    kid: wholeNumber(entry, where, "kid_hex"),
    ctr: wholeNumber(entry, where, "ctr_hex"),
    clearLength: field(entry, where, "clear_len", "number"),
    suite: suite as Suite,
  };
}

async function checkFrame(entry: Entry, where: string): Promise<void> {
  const metadata = metadataOf(entry, where);
  const frame = hexField(entry, where, "frame");
  const known = hexField(entry, where, "sframe_payload");
  const trailer = writeFrameMetadata(metadata);
  const cipher = await deriveCipher(metadata.suite, hexField(entry, where, "sk"), metadata.kid);

  const header = field<string>(entry, where, "sframe_header", "string");
  same(where, "sframe header", toHex(writeSFrameHeader(metadata)), header);
  same(where, "trailer", toHex(trailer), field<string>(entry, where, "frame_metadata", "string"));
  const sealed = await sealFrame(cipher, frame, metadata);
  const macEnd = sealed.length - trailer.length;
  const mac = toHex(sealed.subarray(macEnd - macLength(metadata.suite), macEnd));
  same(where, "mac", mac, field<string>(entry, where, "mac", "string"));
  same(where, "sealed frame", toHex(sealed), toHex(known));

  const parsed = parseFrameMetadata(known);
  if (typeof parsed === "string") throw new VectorMismatch(`${where}: trailer refused (${parsed})`);
  same(where, "parsed trailer", describe(parsed.metadata), describe(metadata));
  const opened = await openFrame(cipher, known, parsed.metadata, parsed.start);
  same(where, "opened frame", opened === undefined ? "nothing" : toHex(opened), toHex(frame));
  await checkTampering(entry, where, known);
}

/** The last byte of the MAC is changed: the frame must not open. */
async function checkTampering(entry: Entry, where: string, known: Bytes): Promise<void> {
  const parsed = parseFrameMetadata(known);
  if (typeof parsed === "string") throw new VectorMismatch(`${where}: trailer refused (${parsed})`);
  const forged = known.slice();
  forged[parsed.start - 1]! ^= 1;
  const { suite, kid } = parsed.metadata;
  const cipher = await deriveCipher(suite, hexField(entry, where, "sk"), kid);
  const opened = await openFrame(cipher, forged, parsed.metadata, parsed.start);
  if (opened !== undefined) throw new VectorMismatch(`${where}: opens with a changed MAC`);
}

function describe(metadata: FrameMetadata): string {
  const sorted = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, value]) => `${name}=${String(value)}`).join(" ");
}

async function checkRatchet(entry: Entry): Promise<number> {
  let sk = hexField(entry, "ratchet", "sk");
  let step = 1;
  for (; typeof entry[`step${step}`] === "string"; step++) {
    sk = await ratchet(sk);
    same("ratchet", `step ${step}`, toHex(sk), toHex(hexField(entry, "ratchet", `step${step}`)));
  }
  return step - 1;
}

/** Checks all entries in order; throws VectorMismatch for the first wrong one, VectorFormatError for a bad file. */
export async function checkVectors(file: unknown): Promise<{ frames: number; ratchets: number }> {
  const { frames, ratchet: steps } = (file ?? {}) as { frames?: unknown; ratchet?: unknown };
  if (!Array.isArray(frames) || frames.length === 0) throw new VectorFormatError('no "frames" in the file');
  for (const [index, entry] of frames.entries()) await checkFrame(entry as Entry, `frames[${index}]`);
  const ratchets = typeof steps === "object" && steps !== null ? await checkRatchet(steps as Entry) : 0;
  return { frames: frames.length, ratchets };
}
