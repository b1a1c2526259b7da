// The stored form of a session record: nested protobufs of our own, version 1.

import { type Bytes } from "../e2ee/bytes.ts";
import { PublicKey, storedKeyPair } from "./curve.ts";
import { type ChainKey } from "./chains.ts";
import { ProtobufReader, ProtobufWriter } from "./protobuf.ts";
import { type SessionRecord } from "./SessionRecord.ts";
import { type PendingPreKey, type ReceiverChain, type SenderChain, type SessionState } from "./SessionState.ts";
import { SignalError } from "./SignalError.ts";

const FORMAT = 1;
const RECORD = { format: 1, current: 2, archived: 3 } as const;
const STATE = {
  localIdentity: 1,
  remoteIdentity: 2,
  localRegistrationId: 3,
  remoteRegistrationId: 4,
  baseKey: 5,
  pending: 6,
  rootKey: 7,
  previousCounter: 8,
  sender: 9,
  receivers: 10,
} as const;
const PENDING = { preKeyId: 1, signedPreKeyId: 2, since: 3 } as const;
const CHAIN = { ratchetKey: 1, key: 2, index: 3, skipped: 4, privateKey: 5 } as const;
const SKIPPED = { index: 1, seed: 2 } as const;

function writePending(writer: ProtobufWriter, pending: PendingPreKey): void {
  writer
    .uint(PENDING.preKeyId, pending.preKeyId)
    .uint(PENDING.signedPreKeyId, pending.signedPreKeyId)
    .uint(PENDING.since, pending.since);
}

function writeSender(writer: ProtobufWriter, { ratchet, chainKey }: SenderChain): void {
  writer
    .bytes(CHAIN.ratchetKey, ratchet.publicKey.serialized)
    .bytes(CHAIN.key, chainKey.key)
    .uint(CHAIN.index, chainKey.index)
    .bytes(CHAIN.privateKey, ratchet.privateKey);
}

function writeReceiver(writer: ProtobufWriter, { ratchetKey, chainKey, skipped }: ReceiverChain): void {
  writer
    .bytes(CHAIN.ratchetKey, ratchetKey.serialized)
    .bytes(CHAIN.key, chainKey.key)
    .uint(CHAIN.index, chainKey.index)
    .messages(CHAIN.skipped, skipped, (nested, key) => nested.uint(SKIPPED.index, key.index).bytes(SKIPPED.seed, key.seed));
}

function writeState(writer: ProtobufWriter, state: SessionState): void {
  writer
    .bytes(STATE.localIdentity, state.localIdentity.serialized)
    .bytes(STATE.remoteIdentity, state.remoteIdentity.serialized)
    .uint(STATE.localRegistrationId, state.localRegistrationId)
    .uint(STATE.remoteRegistrationId, state.remoteRegistrationId)
    .bytes(STATE.baseKey, state.baseKey.serialized)
    .messages(STATE.pending, state.pending === undefined ? [] : [state.pending], writePending)
    .bytes(STATE.rootKey, state.rootKey)
    .uint(STATE.previousCounter, state.previousCounter)
    .messages(STATE.sender, [state.sender], writeSender)
    .messages(STATE.receivers, state.receivers, writeReceiver);
}

/** The bytes to store, not yet encrypted. */
export function writeSessionRecord(record: SessionRecord): Bytes {
  return new ProtobufWriter()
    .uint(RECORD.format, FORMAT)
    .messages(RECORD.current, record.current === undefined ? [] : [record.current], writeState)
    .messages(RECORD.archived, record.archived, writeState)
    .finish();
}

function readKey(fields: ProtobufReader, field: number): PublicKey {
  return PublicKey.parse(fields.requiredBytes(field));
}

function readSecret(fields: ProtobufReader, field: number): Bytes {
  const secret = fields.requiredBytes(field);
  if (secret.length !== 32) throw new SignalError("malformed", "secret is not 32 bytes");
  return secret;
}

function readChainKey(fields: ProtobufReader): ChainKey {
  return { key: readSecret(fields, CHAIN.key), index: fields.requiredUint(CHAIN.index) };
}

function readSender(fields: ProtobufReader): SenderChain {
  const ratchet = storedKeyPair(fields.requiredBytes(CHAIN.privateKey), fields.requiredBytes(CHAIN.ratchetKey));
  return { ratchet, chainKey: readChainKey(fields) };
}

function readReceiver(fields: ProtobufReader): ReceiverChain {
  return {
    ratchetKey: readKey(fields, CHAIN.ratchetKey),
    chainKey: readChainKey(fields),
    skipped: fields.messages(CHAIN.skipped).map((key) => ({
      index: key.requiredUint(SKIPPED.index),
      seed: readSecret(key, SKIPPED.seed),
    })),
  };
}

function readState(fields: ProtobufReader): SessionState {
  const pending = fields.message(STATE.pending);
  const sender = fields.message(STATE.sender);
  if (sender === undefined) throw new SignalError("malformed", "session without a sending chain");
  return {
    localIdentity: readKey(fields, STATE.localIdentity),
    remoteIdentity: readKey(fields, STATE.remoteIdentity),
    localRegistrationId: fields.requiredUint(STATE.localRegistrationId),
    remoteRegistrationId: fields.requiredUint(STATE.remoteRegistrationId),
    baseKey: readKey(fields, STATE.baseKey),
    pending: pending && {
      preKeyId: pending.uint(PENDING.preKeyId),
      signedPreKeyId: pending.requiredUint(PENDING.signedPreKeyId),
      // A session that was stored without is of unknown age: it gives way to a new one.
      since: pending.uint(PENDING.since) ?? 0,
    },
    rootKey: readSecret(fields, STATE.rootKey),
    previousCounter: fields.requiredUint(STATE.previousCounter),
    sender: readSender(sender),
    receivers: fields.messages(STATE.receivers).map(readReceiver),
  };
}

/** Reads a stored record; throws `storage` when it is damaged or of another format. */
export function readSessionRecord(stored: Uint8Array): SessionRecord {
  try {
    const fields = new ProtobufReader(stored);
    if (fields.requiredUint(RECORD.format) !== FORMAT) throw new SignalError("malformed", "unknown format");
    const current = fields.message(RECORD.current);
    return {
      current: current && readState(current),
      archived: fields.messages(RECORD.archived).map(readState),
    };
  } catch (error) {
    throw new SignalError("storage", `session record: ${error instanceof Error ? error.message : String(error)}`);
  }
}
