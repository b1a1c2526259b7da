// Key derivation: HKDF (RFC 5869) through WebCrypto, the ratchet step and the external key of docs/frame-format.md.

import { bigEndian, concat, utf8, type Bytes } from "./bytes.ts";

/** HKDF extract and expand: `length` bytes from `ikm`. */
export async function hkdf(
  hash: "SHA-256" | "SHA-512",
  ikm: Bytes,
  salt: Bytes,
  info: Bytes,
  length: number,
): Promise<Bytes> {
  const key = await crypto.subtle.importKey("raw", ikm, "HKDF", false, ["deriveBits"]);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash, salt, info }, key, 8 * length));
}

const NO_SALT: Bytes = new Uint8Array(0);

/** SK of the next step: SK' = HKDF-SHA256(SK, "", "SFrameRatchetKey", 32). */
export function ratchet(sk: Bytes): Promise<Bytes> {
  return hkdf("SHA-256", sk, NO_SALT, utf8("SFrameRatchetKey"), 32);
}

/**
 * SK of one sender from the room's external secret. `salt` (16 random bytes) is drawn by the sender at each join and
 * published with its media, so that no two senders, joins or calls share an SK, whatever the server does.
 */
export function externalKey(secret: Bytes, salt: Bytes, sender: number): Promise<Bytes> {
  if (salt.length !== 16) return Promise.reject(new RangeError("salt is not 16 bytes"));
  return hkdf("SHA-256", secret, salt, concat(utf8("SottoExternalKey"), bigEndian(BigInt(sender), 2)), 32);
}
