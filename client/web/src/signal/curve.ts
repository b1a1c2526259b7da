// Curve25519 keys as Signal encodes them: public keys are 0x05 and 32 bytes (little-endian u, RFC 7748), private keys 32
// clamped bytes. Agreement is X25519. Points of low order, with which every agreement would be known, are refused, and so
// are second encodings of one point: an identity has one form.

import { x25519 } from "@noble/curves/ed25519.js";

import { concat, equalConstantTime, type Bytes } from "../e2ee/bytes.ts";
import { SignalError } from "./SignalError.ts";

/** Draws `length` random bytes; tests bring one of their own to repeat known answers. */
export type RandomBytes = (length: number) => Bytes;

/** The system's randomness. */
export const systemRandom: RandomBytes = (length) => crypto.getRandomValues(new Uint8Array(length));

/** Type byte of Curve25519 keys. */
const KEY_TYPE = 0x05;
export const PUBLIC_KEY_LENGTH = 33;
export const PRIVATE_KEY_LENGTH = 32;

const FIELD_PRIME = 2n ** 255n - 19n;
/** u of the points whose order divides 8, on the curve and on its twist. */
const LOW_ORDER: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  FIELD_PRIME - 1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
]);

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}

/** A checked Curve25519 public key. */
export class PublicKey {
  /** 0x05 and the 32 bytes of u. */
  readonly serialized: Bytes;

  private constructor(u: Uint8Array) {
    this.serialized = concat(Uint8Array.of(KEY_TYPE), u);
  }

  /** Reads the 33-byte form; throws `invalid-key` for other lengths and types, points of low order, u not below the prime. */
  static parse(serialized: Uint8Array): PublicKey {
    if (serialized.length !== PUBLIC_KEY_LENGTH) throw new SignalError("invalid-key", "public key is not 33 bytes");
    if (serialized[0] !== KEY_TYPE) throw new SignalError("invalid-key", "not a Curve25519 public key");
    return PublicKey.fromU(serialized.subarray(1));
  }

  /** From the 32 bytes of u alone; throws `invalid-key` as `parse` does. */
  static fromU(u: Uint8Array): PublicKey {
    if (u.length !== 32) throw new SignalError("invalid-key", "u is not 32 bytes");
    const coordinate = littleEndian(u);
    if (coordinate >= FIELD_PRIME) throw new SignalError("invalid-key", "public key that is not canonical");
    if (LOW_ORDER.has(coordinate)) throw new SignalError("invalid-key", "public key of low order");
    return new PublicKey(u);
  }

  /** The 32 bytes of u. */
  get u(): Bytes {
    return this.serialized.subarray(1);
  }

  equals(other: PublicKey): boolean {
    return equalConstantTime(this.serialized, other.serialized);
  }
}

/** A private key and its public key. */
export interface KeyPair {
  /** 32 bytes, clamped. */
  readonly privateKey: Bytes;
  readonly publicKey: PublicKey;
}

/** A key pair from 32 private bytes, clamped here (RFC 7748 section 5). */
export function keyPairFrom(privateBytes: Uint8Array): KeyPair {
  if (privateBytes.length !== PRIVATE_KEY_LENGTH) throw new SignalError("invalid-key", "private key is not 32 bytes");
  const privateKey = new Uint8Array(privateBytes);
  privateKey[0]! &= 0xf8;
  privateKey[31]! = (privateKey[31]! & 0x7f) | 0x40;
  return { privateKey, publicKey: PublicKey.fromU(x25519.getPublicKey(privateKey)) };
}

/** A key pair that we stored ourselves, so neither half is computed anew; throws `invalid-key` for wrong lengths. */
export function storedKeyPair(privateKey: Bytes, publicKey: Uint8Array): KeyPair {
  if (privateKey.length !== PRIVATE_KEY_LENGTH) throw new SignalError("invalid-key", "private key is not 32 bytes");
  return { privateKey, publicKey: PublicKey.parse(publicKey) };
}

export function generateKeyPair(random: RandomBytes): KeyPair {
  return keyPairFrom(random(PRIVATE_KEY_LENGTH));
}

/** X25519: the 32 bytes that both sides get. */
export function agree(privateKey: Uint8Array, publicKey: PublicKey): Bytes {
  return new Uint8Array(x25519.getSharedSecret(privateKey, publicKey.u));
}
