// The key derivations of the Double Ratchet (Signal protocol version 3): root chain, symmetric chains, message keys.
// HKDF is RFC 5869 over SHA-256.

import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { utf8, type Bytes } from "../e2ee/bytes.ts";
import { agree, type PublicKey } from "./curve.ts";

const SESSION_INFO = utf8("WhisperText");
const ROOT_INFO = utf8("WhisperRatchet");
const MESSAGE_INFO = utf8("WhisperMessageKeys");
const MESSAGE_KEY_SEED = Uint8Array.of(0x01);
const NEXT_CHAIN_KEY = Uint8Array.of(0x02);

/** A symmetric chain: the key from which message `index` and all later ones come. */
export interface ChainKey {
  /** 32 bytes. */
  readonly key: Bytes;
  /** Counter of the next message. */
  readonly index: number;
}

/** The start of a chain together with the root key that follows. */
export interface RootStep {
  readonly rootKey: Bytes;
  readonly chainKey: ChainKey;
}

/** What seals one message. */
export interface MessageKeys {
  /** AES-256-CBC, 32 bytes. */
  readonly cipherKey: Bytes;
  /** HMAC-SHA256, 32 bytes. */
  readonly macKey: Bytes;
  /** 16 bytes. */
  readonly iv: Bytes;
}

/** HKDF-SHA256 as plain bytes; no salt means 32 zero bytes. */
function derive(ikm: Uint8Array, salt: Uint8Array | undefined, info: Uint8Array, length: number): Bytes {
  return new Uint8Array(hkdf(sha256, ikm, salt, info, length));
}

function split(derived: Bytes): RootStep {
  return { rootKey: derived.slice(0, 32), chainKey: { key: derived.slice(32, 64), index: 0 } };
}

/** Root and first chain of a session from the X3DH master secret. */
export function sessionRoot(masterSecret: Uint8Array): RootStep {
  return split(derive(masterSecret, undefined, SESSION_INFO, 64));
}

/** One turn of the Diffie-Hellman ratchet. */
export function rootStep(rootKey: Uint8Array, ourPrivate: Uint8Array, theirs: PublicKey): RootStep {
  return split(derive(agree(ourPrivate, theirs), rootKey, ROOT_INFO, 64));
}

/** The chain one message later. */
export function nextChainKey({ key, index }: ChainKey): ChainKey {
  return { key: new Uint8Array(hmac(sha256, key, NEXT_CHAIN_KEY)), index: index + 1 };
}

/** The seed of message `chain.index`: 32 bytes, kept for skipped messages. */
export function messageSeed(chain: ChainKey): Bytes {
  return new Uint8Array(hmac(sha256, chain.key, MESSAGE_KEY_SEED));
}

/** The keys of a message from its seed. */
export function messageKeys(seed: Uint8Array): MessageKeys {
  const derived = derive(seed, undefined, MESSAGE_INFO, 80);
  return { cipherKey: derived.slice(0, 32), macKey: derived.slice(32, 64), iv: derived.slice(64, 80) };
}
