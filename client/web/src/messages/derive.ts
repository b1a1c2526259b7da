// Keys from a secret at once, without waiting: HKDF-SHA256 (RFC 5869) with an empty salt.

import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { utf8, type Bytes } from "../e2ee/bytes.ts";

/** `length` bytes from `secret` for the purpose that `label` names. */
export function derive(secret: Uint8Array, label: string, length: number): Bytes {
  return new Uint8Array(hkdf(sha256, secret, undefined, utf8(label), length));
}

/** Media key of the next ratchet step. */
export function ratchetSecret(sk: Uint8Array): Bytes {
  return derive(sk, "SFrameRatchetKey", 32);
}
