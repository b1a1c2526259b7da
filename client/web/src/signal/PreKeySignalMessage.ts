// PreKeySignalMessage, version 3 as deployed: the first messages of a session, until the other side has answered.
//
//   version (1 byte, as in SignalMessage) || protobuf
//   protobuf: 1 one-time prekey id (absent without one), 2 base key, 3 identity key, 4 SignalMessage,
//             5 registration id, 6 signed prekey id

import { concat, type Bytes } from "../e2ee/bytes.ts";
import { PublicKey } from "./curve.ts";
import { ProtobufReader, ProtobufWriter } from "./protobuf.ts";
import { checkVersion, parseSignalMessage, VERSION_BYTE, type SignalMessage } from "./SignalMessage.ts";
import { SignalError } from "./SignalError.ts";

const FIELD = { preKeyId: 1, baseKey: 2, identityKey: 3, message: 4, registrationId: 5, signedPreKeyId: 6 } as const;

/** What the message carries besides the SignalMessage. */
export interface PreKeyHeader {
  readonly registrationId: number;
  readonly preKeyId: number | undefined;
  readonly signedPreKeyId: number;
  /** The initiator's key drawn for this session. */
  readonly baseKey: PublicKey;
  readonly identityKey: PublicKey;
}

export interface PreKeySignalMessage extends PreKeyHeader {
  readonly message: SignalMessage;
}

/** Reads a message; throws `malformed`, `unsupported-version` or `invalid-key`. */
export function parsePreKeySignalMessage(serialized: Uint8Array): PreKeySignalMessage {
  if (serialized.length === 0) throw new SignalError("malformed", "empty message");
  checkVersion(serialized[0]!);
  const fields = new ProtobufReader(serialized.subarray(1));
  return {
    registrationId: fields.uint(FIELD.registrationId) ?? 0,
    preKeyId: fields.uint(FIELD.preKeyId),
    signedPreKeyId: fields.requiredUint(FIELD.signedPreKeyId),
    baseKey: PublicKey.parse(fields.requiredBytes(FIELD.baseKey)),
    identityKey: PublicKey.parse(fields.requiredBytes(FIELD.identityKey)),
    message: parseSignalMessage(fields.requiredBytes(FIELD.message)),
  };
}

/** Writes a message around a serialized SignalMessage. */
export function writePreKeySignalMessage(header: PreKeyHeader, message: Uint8Array): Bytes {
  const fields = new ProtobufWriter()
    .uint(FIELD.preKeyId, header.preKeyId)
    .bytes(FIELD.baseKey, header.baseKey.serialized)
    .bytes(FIELD.identityKey, header.identityKey.serialized)
    .bytes(FIELD.message, message)
    .uint(FIELD.registrationId, header.registrationId)
    .uint(FIELD.signedPreKeyId, header.signedPreKeyId);
  return concat(Uint8Array.of(VERSION_BYTE), fields.finish());
}
