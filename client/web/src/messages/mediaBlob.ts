// Sealed files (docs/e2ee.md section 3, "Media messages"): AES-256-CTR under a key of their own, and a digest that travels
// in the message.

import { concat, equalConstantTime, type Bytes } from "../e2ee/bytes.ts";
import { type MediaMessage } from "./content.ts";
import { derive } from "./derive.ts";

/** Sealing and opening are the same. */
async function apply(km: Uint8Array, input: Bytes): Promise<Bytes> {
  const key = await crypto.subtle.importKey("raw", derive(km, "MediaEncryptionKey", 32), "AES-CTR", false, ["encrypt"]);
  // All 128 bits count, as in the native client; a key seals one blob, so no block comes twice.
  const algorithm = { name: "AES-CTR", counter: derive(km, "MediaEncryptionIv", 16), length: 128 };
  return new Uint8Array(await crypto.subtle.encrypt(algorithm, key, input));
}

async function digestOf(sealed: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", sealed));
}

/** `km`: 32 bytes, drawn for this blob alone. */
export async function sealBlob(km: Uint8Array, plain: Bytes): Promise<{ bytes: Bytes; digest: Bytes }> {
  const bytes = await apply(km, plain);
  return { bytes, digest: await digestOf(bytes) };
}

/** Undefined when size or digest are not what the message says: nothing was opened then. */
export async function openBlob(
  { km, size, digest }: Pick<MediaMessage, "km" | "size" | "digest">,
  sealed: Bytes,
): Promise<Bytes | undefined> {
  if (sealed.length !== size || !equalConstantTime(await digestOf(sealed), digest)) return undefined;
  return apply(km, concat(sealed));
}
