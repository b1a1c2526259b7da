// The one-time-key form (docs/e2ee.md section 3): one body sealed once for many devices, each of which gets the key in its
// own session.

import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { concat, equalConstantTime, utf8, type Bytes } from "../e2ee/bytes.ts";
import { type RandomBytes } from "../signal/curve.ts";
import { SECRET_LENGTH, type SharedKey } from "./content.ts";
import { derive } from "./derive.ts";
import { type DeviceId } from "./DeviceId.ts";

/** What a shared body is bound to, besides its key. */
export interface SharedContext {
  readonly purpose: number;
  readonly group: string;
  readonly sender: DeviceId;
  readonly message: Uint8Array;
}

/** A name with its length before it; names over 255 bytes do not exist. */
function short(text: string): Bytes {
  const bytes = utf8(text);
  return concat(Uint8Array.of(bytes.length), bytes);
}

/** purpose || length and bytes of group, user and device || message id. */
export function additionalData({ purpose, group, sender, message }: SharedContext): Bytes {
  return concat(Uint8Array.of(purpose), short(group), short(sender.user), short(sender.device), message);
}

/** A key seals one message, so its nonce may follow from it. */
function cipher(km: Uint8Array, aad: Uint8Array) {
  return chacha20poly1305(derive(km, "OTKEncryptionKey", 32), derive(km, "OTKEncryptionIV", 12), aad);
}

/** The bare construction, for known answers. */
export function sealOneTime(km: Uint8Array, plain: Uint8Array, aad: Uint8Array): Bytes {
  return new Uint8Array(cipher(km, aad).encrypt(plain));
}

/** Undefined when the tag does not fit. */
export function openOneTime(km: Uint8Array, sealed: Uint8Array, aad: Uint8Array): Bytes | undefined {
  try {
    return new Uint8Array(cipher(km, aad).decrypt(sealed));
  } catch {
    return undefined;
  }
}

export interface SharedBody {
  readonly key: SharedKey;
  /** With the tag of 16 bytes at its end. */
  readonly sealed: Bytes;
}

/** Seals a padded body under a key drawn for it. */
export function sealShared(padded: Uint8Array, context: SharedContext, random: RandomBytes): SharedBody {
  const km = random(SECRET_LENGTH);
  const sealed = sealOneTime(km, padded, additionalData(context));
  return { key: { km, digest: new Uint8Array(sha256(sealed)) }, sealed };
}

/** The padded body; undefined when digest or tag do not fit, and so with a wrong context. */
export function openShared({ km, digest }: SharedKey, sealed: Uint8Array, context: SharedContext): Bytes | undefined {
  if (!equalConstantTime(sha256(sealed), digest)) return undefined;
  return openOneTime(km, sealed, additionalData(context));
}
