// The changes of one operation over a store: read and written without waiting, then committed together or dropped.

import { type Bytes } from "../e2ee/bytes.ts";
import { PublicKey, storedKeyPair, type KeyPair } from "./curve.ts";
import { type DeviceStore, type StoreChanges } from "./DeviceStore.ts";
import {
  readOneTimePreKey,
  readSignedPreKey,
  writeOneTimePreKey,
  writeSignedPreKey,
  type OneTimePreKey,
  type SignedPreKey,
} from "./preKeys.ts";
import { ProtobufReader, ProtobufWriter } from "./protobuf.ts";
import { readSessionRecord, writeSessionRecord } from "./sessionCodec.ts";
import { EMPTY_RECORD, type SessionRecord } from "./SessionRecord.ts";
import { SignalError } from "./SignalError.ts";

/** Begins the names of what the application keeps in a device's store. */
export const APPLICATION = "app/";

const DEVICE = "device";
const SIGNED = "signed/";
const ONE_TIME = "prekey/";
const SESSION = "session/";
const PIN = "identity/";

const DEVICE_FIELD = {
  identityPrivate: 1,
  identityPublic: 2,
  registrationId: 3,
  signedPreKeyId: 4,
  nextOneTimeId: 5,
} as const;

/** What a device is, and where its prekey ids stand. */
export interface DeviceRecord {
  readonly identity: KeyPair;
  readonly registrationId: number;
  /** The signed prekey that is published. */
  readonly signedPreKeyId: number;
  /** Id of the next one-time prekey. */
  readonly nextOneTimeId: number;
}

export class StoreDraft {
  private readonly written = new Map<string, Bytes | undefined>();

  constructor(private readonly store: DeviceStore) {}

  /** Everything written so far. */
  get changes(): StoreChanges {
    return this.written;
  }

  private read(name: string): Bytes | undefined {
    return this.written.has(name) ? this.written.get(name) : this.store.get(name);
  }

  /** Numbers behind `prefix` in the names of all values. */
  private ids(prefix: string): number[] {
    const names = new Set(this.store.names(prefix));
    for (const [name, value] of this.written) {
      if (!name.startsWith(prefix)) continue;
      if (value === undefined) names.delete(name);
      else names.add(name);
    }
    return [...names].map((name) => Number(name.slice(prefix.length)));
  }

  /** Adds changes of the application's own, whose names begin with APPLICATION. */
  add(changes: StoreChanges): void {
    for (const [name, value] of changes) {
      if (!name.startsWith(APPLICATION)) throw new RangeError(`${name} does not begin with ${APPLICATION}`);
      this.written.set(name, value);
    }
  }

  /** The device, or undefined in an empty store. */
  device(): DeviceRecord | undefined {
    const stored = this.read(DEVICE);
    if (stored === undefined) return undefined;
    const fields = new ProtobufReader(stored);
    return {
      identity: storedKeyPair(
        fields.requiredBytes(DEVICE_FIELD.identityPrivate),
        fields.requiredBytes(DEVICE_FIELD.identityPublic),
      ),
      registrationId: fields.requiredUint(DEVICE_FIELD.registrationId),
      signedPreKeyId: fields.requiredUint(DEVICE_FIELD.signedPreKeyId),
      nextOneTimeId: fields.requiredUint(DEVICE_FIELD.nextOneTimeId),
    };
  }

  /** As `device`; throws `storage` in an empty store. */
  requireDevice(): DeviceRecord {
    const device = this.device();
    if (device === undefined) throw new SignalError("storage", "the store holds no device");
    return device;
  }

  setDevice(device: DeviceRecord): void {
    const fields = new ProtobufWriter()
      .bytes(DEVICE_FIELD.identityPrivate, device.identity.privateKey)
      .bytes(DEVICE_FIELD.identityPublic, device.identity.publicKey.serialized)
      .uint(DEVICE_FIELD.registrationId, device.registrationId)
      .uint(DEVICE_FIELD.signedPreKeyId, device.signedPreKeyId)
      .uint(DEVICE_FIELD.nextOneTimeId, device.nextOneTimeId);
    this.written.set(DEVICE, fields.finish());
  }

  signedPreKey(id: number): SignedPreKey | undefined {
    const stored = this.read(SIGNED + id);
    return stored && readSignedPreKey(stored);
  }

  signedPreKeyIds(): number[] {
    return this.ids(SIGNED);
  }

  setSignedPreKey(preKey: SignedPreKey): void {
    this.written.set(SIGNED + preKey.id, writeSignedPreKey(preKey));
  }

  removeSignedPreKey(id: number): void {
    this.written.set(SIGNED + id, undefined);
  }

  oneTimePreKey(id: number): OneTimePreKey | undefined {
    const stored = this.read(ONE_TIME + id);
    return stored && readOneTimePreKey(stored);
  }

  oneTimePreKeyIds(): number[] {
    return this.ids(ONE_TIME);
  }

  setOneTimePreKey(preKey: OneTimePreKey): void {
    this.written.set(ONE_TIME + preKey.id, writeOneTimePreKey(preKey));
  }

  removeOneTimePreKey(id: number): void {
    this.written.set(ONE_TIME + id, undefined);
  }

  /** The sessions with a device; the empty record when there is none. */
  sessions(address: string): SessionRecord {
    const stored = this.read(SESSION + address);
    return stored === undefined ? EMPTY_RECORD : readSessionRecord(stored);
  }

  setSessions(address: string, record: SessionRecord): void {
    this.written.set(SESSION + address, writeSessionRecord(record));
  }

  removeSessions(address: string): void {
    this.written.set(SESSION + address, undefined);
  }

  /** The identity key pinned for a device. */
  pinned(address: string): PublicKey | undefined {
    const stored = this.read(PIN + address);
    return stored && PublicKey.parse(stored);
  }

  pin(address: string, identityKey: PublicKey): void {
    this.written.set(PIN + address, identityKey.serialized);
  }
}
