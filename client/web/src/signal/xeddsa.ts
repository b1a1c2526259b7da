// XEdDSA: Ed25519-style signatures by Curve25519 keys (the XEdDSA specification of 2016), with the sign of the Edwards
// point kept in the highest bit of the signature, as the deployed implementations do.

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";

import { concat, equalConstantTime, type Bytes } from "../e2ee/bytes.ts";
import { type PublicKey, type RandomBytes } from "./curve.ts";

export const SIGNATURE_LENGTH = 64;

const { Point } = ed25519;
const FIELD_PRIME = Point.Fp.ORDER;
const GROUP_ORDER = Point.Fn.ORDER;

/** Sets hash1 of the specification apart from every other use of SHA-512: 2^256 - 2, little-endian. */
const NONCE_PREFIX = new Uint8Array(32).fill(0xff);
NONCE_PREFIX[0] = 0xfe;

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}

function toLittleEndian(value: bigint): Bytes {
  const out = new Uint8Array(32);
  for (let i = 0, rest = value; i < 32; i++, rest >>= 8n) out[i] = Number(rest & 0xffn);
  return out;
}

function hashToScalar(...parts: Uint8Array[]): bigint {
  return littleEndian(sha512(concat(...parts))) % GROUP_ORDER;
}

/** Signs `message` with the 32 clamped bytes of `privateKey`; 64 fresh random bytes go into each signature. */
export function sign(privateKey: Uint8Array, message: Uint8Array, random: RandomBytes): Bytes {
  // The clamped number is above the group order; the point is the same modulo the order, and so is s below.
  const scalar = littleEndian(privateKey) % GROUP_ORDER;
  const edwardsKey = Point.BASE.multiply(scalar).toBytes();
  const nonce = hashToScalar(NONCE_PREFIX, privateKey, message, random(64));
  const commitment = Point.BASE.multiply(nonce).toBytes();
  const challenge = hashToScalar(commitment, edwardsKey, message);
  const signature = concat(commitment, toLittleEndian((challenge * scalar + nonce) % GROUP_ORDER));
  signature[63]! |= edwardsKey[31]! & 0x80;
  return signature;
}

/** The Ed25519 form of a Curve25519 public key: y = (u - 1) / (u + 1), with the sign bit that the signature carries. */
function edwardsForm(key: PublicKey, signBit: number): Bytes {
  const u = littleEndian(key.u) & ((1n << 255n) - 1n);
  const y = Point.Fp.div(Point.Fp.create(u - 1n + FIELD_PRIME), Point.Fp.create(u + 1n));
  const encoded = toLittleEndian(y);
  encoded[31]! |= signBit;
  return encoded;
}

/** Whether `signature` is one of `message` by `key`. Never throws. */
export function verify(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_LENGTH) return false;
  const commitment = signature.subarray(0, 32);
  const s = littleEndian(signature.subarray(32)) & ((1n << 255n) - 1n);
  // One valid form only: s of another size would be a second signature of the same message.
  if (s >= GROUP_ORDER) return false;
  try {
    const edwardsKey = edwardsForm(key, signature[63]! & 0x80);
    const challenge = hashToScalar(commitment, edwardsKey, message);
    const point = Point.fromBytes(edwardsKey).negate();
    const found = point.multiplyUnsafe(challenge).add(Point.BASE.multiplyUnsafe(s));
    return equalConstantTime(found.toBytes(), commitment);
  } catch {
    return false; // u is not on the curve but on its twist
  }
}
