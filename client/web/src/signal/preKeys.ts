// Prekeys: what a device publishes so that others can open sessions while it is away, and the bundle that they get.

import { type Bytes } from "../e2ee/bytes.ts";
import { generateKeyPair, storedKeyPair, type KeyPair, type PublicKey, type RandomBytes } from "./curve.ts";
import { ProtobufReader, ProtobufWriter } from "./protobuf.ts";
import { SignalError } from "./SignalError.ts";
import { sign, verify } from "./xeddsa.ts";

/** Deployed implementations keep prekey ids below 2^24; they start at 1 and wrap. */
export const MAX_PREKEY_ID = 2 ** 24 - 1;
/** Registration ids are 14 bits as deployed, and never 0. */
const MAX_REGISTRATION_ID = 16380;

/** A prekey that serves for one session. */
export interface OneTimePreKey {
  readonly id: number;
  readonly keyPair: KeyPair;
}

/** A prekey that serves for all sessions of some days, signed by the identity key. */
export interface SignedPreKey {
  readonly id: number;
  readonly keyPair: KeyPair;
  /** XEdDSA by the identity key over the 33 bytes of the public key. */
  readonly signature: Bytes;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** What the directory hands out for one device. */
export interface PreKeyBundle {
  readonly registrationId: number;
  readonly identityKey: PublicKey;
  readonly signedPreKey: { readonly id: number; readonly publicKey: PublicKey; readonly signature: Bytes };
  /** Absent when the device has none left. */
  readonly oneTimePreKey: { readonly id: number; readonly publicKey: PublicKey } | undefined;
}

/** The id after `id`. */
export function nextPreKeyId(id: number): number {
  return (id % MAX_PREKEY_ID) + 1;
}

/** 1..16380. */
export function drawRegistrationId(random: RandomBytes): number {
  const [a, b, c, d] = random(4);
  return ((a! * 2 ** 24 + b! * 2 ** 16 + c! * 2 ** 8 + d!) % MAX_REGISTRATION_ID) + 1;
}

export function createOneTimePreKey(id: number, random: RandomBytes): OneTimePreKey {
  return { id, keyPair: generateKeyPair(random) };
}

export function createSignedPreKey(id: number, identity: KeyPair, createdAt: number, random: RandomBytes): SignedPreKey {
  const keyPair = generateKeyPair(random);
  return { id, keyPair, signature: sign(identity.privateKey, keyPair.publicKey.serialized, random), createdAt };
}

/** Throws `invalid-signature` unless the bundle's identity key signed its signed prekey. */
export function checkBundle(bundle: PreKeyBundle): void {
  const { publicKey, signature } = bundle.signedPreKey;
  if (!verify(bundle.identityKey, publicKey.serialized, signature)) {
    throw new SignalError("invalid-signature", "signed prekey with a wrong signature");
  }
}

const FIELD = { id: 1, privateKey: 2, publicKey: 3, signature: 4, createdAt: 5 } as const;

function writeKeyPair(id: number, { privateKey, publicKey }: KeyPair): ProtobufWriter {
  return new ProtobufWriter()
    .uint(FIELD.id, id)
    .bytes(FIELD.privateKey, privateKey)
    .bytes(FIELD.publicKey, publicKey.serialized);
}

function readKeyPair(fields: ProtobufReader): KeyPair {
  return storedKeyPair(fields.requiredBytes(FIELD.privateKey), fields.requiredBytes(FIELD.publicKey));
}

/** The stored form of a one-time prekey. */
export function writeOneTimePreKey({ id, keyPair }: OneTimePreKey): Bytes {
  return writeKeyPair(id, keyPair).finish();
}

export function readOneTimePreKey(stored: Uint8Array): OneTimePreKey {
  const fields = new ProtobufReader(stored);
  return { id: fields.requiredUint(FIELD.id), keyPair: readKeyPair(fields) };
}

/** The stored form of a signed prekey. */
export function writeSignedPreKey({ id, keyPair, signature, createdAt }: SignedPreKey): Bytes {
  return writeKeyPair(id, keyPair)
    .bytes(FIELD.signature, signature)
    .uint(FIELD.createdAt, createdAt)
    .finish();
}

export function readSignedPreKey(stored: Uint8Array): SignedPreKey {
  const fields = new ProtobufReader(stored);
  return {
    id: fields.requiredUint(FIELD.id),
    keyPair: readKeyPair(fields),
    signature: fields.requiredBytes(FIELD.signature),
    createdAt: fields.requiredUint(FIELD.createdAt, Number.MAX_SAFE_INTEGER),
  };
}
