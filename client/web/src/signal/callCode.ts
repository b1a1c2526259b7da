// Verification of a whole call: one code over everybody who is in it, the same on every screen. 30 digits, and five emoji
// for a quick look. docs/e2ee.md, Verification.

import { sha512 } from "@noble/hashes/sha2.js";

import { bigEndian, concat, readBigEndian, toHex, utf8, type Bytes } from "../e2ee/bytes.ts";
import { PUBLIC_KEY_LENGTH } from "./curve.ts";
import { decimalGroups } from "./fingerprint.ts";

/** Makes a search for another call with the same code costly. */
const ITERATIONS = 5_200;
const LABEL = utf8("SottoCallCode");
/** Bytes of the hash that become digits; the emoji come from the four after a gap of two. */
const DIGITS_LENGTH = 30;
const EMOJI_AT = 32;
const EMOJI_COUNT = 5;

/** 64 pictures that nobody takes for each other, by their 6-bit number, with their names in English. */
export const EMOJI: readonly (readonly [picture: string, name: string])[] = [
  ["🐶", "dog"], ["🐱", "cat"], ["🐯", "tiger"], ["🐴", "horse"], ["🐮", "cow"], ["🐷", "pig"], ["🐸", "frog"],
  ["🐵", "monkey"], ["🐰", "rabbit"], ["🐻", "bear"], ["🐼", "panda"], ["🐘", "elephant"], ["🐭", "mouse"],
  ["🐑", "sheep"], ["🐓", "rooster"], ["🐧", "penguin"], ["🐳", "whale"], ["🐙", "octopus"], ["🐢", "turtle"],
  ["🐟", "fish"], ["🐌", "snail"], ["🐝", "bee"], ["🐞", "ladybird"], ["🐍", "snake"], ["🌳", "tree"],
  ["🌴", "palm"], ["🌵", "cactus"], ["🌻", "sunflower"], ["🌹", "rose"], ["🌷", "tulip"], ["🍄", "mushroom"],
  ["🍀", "clover"], ["🍎", "apple"], ["🍌", "banana"], ["🍇", "grapes"], ["🍋", "lemon"], ["🍒", "cherries"],
  ["🍍", "pineapple"], ["🍓", "strawberry"], ["🍅", "tomato"], ["🌽", "corn"], ["🍞", "bread"], ["🍕", "pizza"],
  ["🎂", "cake"], ["🍦", "ice cream"], ["🍪", "cookie"], ["🌙", "moon"], ["🌟", "star"], ["🔥", "fire"],
  ["🌈", "rainbow"], ["🌂", "umbrella"], ["🔑", "key"], ["🔒", "lock"], ["🔔", "bell"], ["📕", "book"],
  ["🎁", "present"], ["🎈", "balloon"], ["🎸", "guitar"], ["🎺", "trumpet"], ["🏆", "trophy"], ["🚗", "car"],
  ["🚲", "bicycle"], ["🚀", "rocket"], ["🏠", "house"],
];

/** One device in the call. */
export interface CallMember {
  readonly user: string;
  readonly device: string;
  /** 33 bytes, as the device shows them. */
  readonly identityKey: Uint8Array;
}

export interface CallCode {
  /** 30 digits. */
  readonly digits: string;
  /** Indexes into EMOJI. */
  readonly emoji: readonly number[];
}

/** A name of at most 65,535 bytes, with its length before it. */
function lengthAndText(text: string): Bytes {
  const bytes = utf8(text);
  if (bytes.length > 0xffff) throw new RangeError("name too long");
  return concat(bigEndian(BigInt(bytes.length), 2), bytes);
}

function entry({ user, device, identityKey }: CallMember): Bytes {
  if (identityKey.length !== PUBLIC_KEY_LENGTH) throw new RangeError("identity key is not 33 bytes");
  return concat(lengthAndText(user), lengthAndText(device), identityKey);
}

/** The code of a call with these members, in any order; each counts once. Takes some tens of milliseconds. */
export function callCode(members: readonly CallMember[]): CallCode {
  // In hexadecimal the order of texts is the order of byte strings.
  const entries = new Map(members.map(entry).map((bytes) => [toHex(bytes), bytes]));
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, bytes]) => bytes);
  const digest = sha512(concat(LABEL, bigEndian(BigInt(sorted.length), 4), ...sorted));
  let hash: Uint8Array = digest;
  for (let i = 0; i < ITERATIONS; i++) hash = sha512(concat(hash, digest));
  const bits = readBigEndian(hash.subarray(EMOJI_AT, EMOJI_AT + 4));
  const emoji = Array.from({ length: EMOJI_COUNT }, (_, i) => Number((bits >> BigInt(26 - 6 * i)) & 63n));
  return { digits: decimalGroups(hash.subarray(0, DIGITS_LENGTH)), emoji };
}
