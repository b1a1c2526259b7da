// SignalMessage, version 3 as deployed:
//
//   version (1 byte: message version << 4 | highest version known) || protobuf || MAC (8 bytes)
//   protobuf: 1 ratchet key (33 bytes), 2 counter, 3 previous counter, 4 ciphertext
//   MAC = HMAC-SHA256(mac key, sender's identity key || receiver's identity key || version || protobuf)[0..8)
//
// The ciphertext is AES-256-CBC with PKCS #7 padding.

import { cbc } from "@noble/ciphers/aes.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { concat, equalConstantTime, type Bytes } from "../e2ee/bytes.ts";
import { type MessageKeys } from "./chains.ts";
import { PublicKey } from "./curve.ts";
import { ProtobufReader, ProtobufWriter } from "./protobuf.ts";
import { SignalError } from "./SignalError.ts";

/** The protocol version spoken here: X3DH and Double Ratchet. */
export const MESSAGE_VERSION = 3;
/** 3 in both halves: message version, and the highest version that this side knows. */
export const VERSION_BYTE = (MESSAGE_VERSION << 4) | MESSAGE_VERSION;

const MAC_LENGTH = 8;
const FIELD = { ratchetKey: 1, counter: 2, previousCounter: 3, ciphertext: 4 } as const;

/** A parsed message. Nothing in it can be trusted before its MAC has been checked. */
export interface SignalMessage {
  readonly ratchetKey: PublicKey;
  /** Place in the sender's chain, from 0. */
  readonly counter: number;
  /** Index of the last message of the sender's chain before this one. */
  readonly previousCounter: number;
  readonly ciphertext: Bytes;
  /** The whole message as it goes over the wire. */
  readonly serialized: Bytes;
}

/**
 * Throws `unsupported-version` unless the upper half of the version byte is 3. The lower half is the highest version that the sender
 * knows; newer software says 4 there for messages of version 3.
 */
export function checkVersion(versionByte: number): void {
  if (versionByte >> 4 !== MESSAGE_VERSION) throw new SignalError("unsupported-version", `message of version ${versionByte >> 4}`);
}

/** Reads a message; throws `malformed`, `unsupported-version` or `invalid-key`. */
export function parseSignalMessage(serialized: Uint8Array): SignalMessage {
  if (serialized.length < 1 + MAC_LENGTH) throw new SignalError("malformed", "message too short");
  checkVersion(serialized[0]!);
  const fields = new ProtobufReader(serialized.subarray(1, -MAC_LENGTH));
  return {
    ratchetKey: PublicKey.parse(fields.requiredBytes(FIELD.ratchetKey)),
    counter: fields.requiredUint(FIELD.counter),
    previousCounter: fields.uint(FIELD.previousCounter) ?? 0,
    ciphertext: fields.requiredBytes(FIELD.ciphertext),
    serialized: new Uint8Array(serialized),
  };
}

/** The identity keys that the MAC binds a message to. */
export interface MessageEnds {
  readonly sender: PublicKey;
  readonly receiver: PublicKey;
}

function mac(macKey: Uint8Array, ends: MessageEnds, body: Uint8Array): Uint8Array {
  const input = concat(ends.sender.serialized, ends.receiver.serialized, body);
  return hmac(sha256, macKey, input).subarray(0, MAC_LENGTH);
}

/** Seals `plaintext` as one message. */
export function sealSignalMessage(
  place: Pick<SignalMessage, "ratchetKey" | "counter" | "previousCounter">,
  plaintext: Uint8Array,
  keys: MessageKeys,
  ends: MessageEnds,
): Bytes {
  const fields = new ProtobufWriter()
    .bytes(FIELD.ratchetKey, place.ratchetKey.serialized)
    .uint(FIELD.counter, place.counter)
    .uint(FIELD.previousCounter, place.previousCounter)
    .bytes(FIELD.ciphertext, cbc(keys.cipherKey, keys.iv).encrypt(plaintext));
  const body = concat(Uint8Array.of(VERSION_BYTE), fields.finish());
  return concat(body, mac(keys.macKey, ends, body));
}

/** Checks the MAC and opens the message; throws `invalid-message`. */
export function openSignalMessage(message: SignalMessage, keys: MessageKeys, ends: MessageEnds): Bytes {
  const body = message.serialized.subarray(0, -MAC_LENGTH);
  if (!equalConstantTime(mac(keys.macKey, ends, body), message.serialized.subarray(-MAC_LENGTH))) {
    throw new SignalError("invalid-message", "wrong MAC");
  }
  try {
    return new Uint8Array(cbc(keys.cipherKey, keys.iv).decrypt(message.ciphertext));
  } catch {
    throw new SignalError("invalid-message", "wrong padding");
  }
}
