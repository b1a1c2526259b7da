// What a messenger needs of the world: a key directory to ask, a way for sealed messages, a clock, and somebody to tell.

import { type Bytes } from "../e2ee/bytes.ts";
import { type PublicKey } from "../signal/curve.ts";
import { type PreKeyBundle } from "../signal/preKeys.ts";
import { type Publication, type PublishedPreKey, type PublishedSignedPreKey } from "../signal/SignalDevice.ts";
import { type Body } from "./content.ts";
import { type DeviceId } from "./DeviceId.ts";

// The key directory

/** A request that the directory refused or that did not reach it; `code` is its own, or "unreachable". */
export class DirectoryError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "DirectoryError";
  }
}

export interface DeviceBundle {
  readonly device: string;
  /** Undefined when the directory gave keys that cannot be read. */
  readonly bundle: PreKeyBundle | undefined;
}

/** Every method may reject with a DirectoryError. */
export interface Directory {
  /** Bundles of the named devices of a user; those that the directory does not know are missing. */
  fetchBundles(user: string, devices: readonly string[]): Promise<DeviceBundle[]>;
  /** Names of all devices of a user. */
  listDevices(user: string): Promise<string[]>;
  /** Registers this device; how many one-time prekeys the directory has. */
  register(keys: Publication): Promise<number>;
  addOneTimePreKeys(keys: readonly PublishedPreKey[]): Promise<number>;
  renewSignedPreKey(key: PublishedSignedPreKey): Promise<void>;
}

// Sealed messages

export type EnvelopeType = "prekey" | "signal" | "error";

export interface Envelope {
  readonly to: DeviceId;
  readonly type: EnvelopeType;
  readonly body: Bytes;
}

/** Purpose of messages that carry no body, in the clear: receipts and error receipts. */
export const PURPOSE_RECEIPT = 0;
/** Their group: the server requires one. */
export const GROUP_RECEIPT = "receipt";

export interface OutgoingMessage {
  /** 16 bytes. */
  readonly id: Bytes;
  readonly purpose: number;
  readonly group: string;
  readonly shared: Bytes | undefined;
  readonly recipients: readonly Envelope[];
  /** Kept for those who are not connected. */
  readonly store: boolean;
}

export interface IncomingMessage {
  /** 0: not stored, nothing to acknowledge. */
  readonly seq: number;
  readonly from: DeviceId;
  readonly id: Bytes;
  readonly purpose: number;
  readonly group: string;
  readonly type: EnvelopeType;
  readonly body: Bytes;
  readonly shared: Bytes | undefined;
  /** It came over the data channel. */
  readonly direct?: boolean;
}

/** What became of a message, as far as the server knows. */
export interface SendOutcome {
  /** Nothing was accepted; why, for a person. */
  readonly error?: string;
  /** Not registered or, when not stored, not connected. */
  readonly unknown: readonly DeviceId[];
  /** Their mailboxes take no more. */
  readonly full: readonly DeviceId[];
  /** Of recipients who are reached another way, about which nothing is known yet. */
  readonly later?: readonly Promise<SendOutcome>[];
}

export interface MessageTransport {
  /** Never rejects. Messages leave in the order of the calls. */
  send(message: OutgoingMessage): Promise<SendOutcome>;
  /** The device has opened this message, as its receipt says. */
  arrived?(by: DeviceId, id: Bytes): void;
  /** A message was opened; or (`again`) has come a second time. */
  came?(message: IncomingMessage, again: boolean): void;
  /** Everything up to this number may be deleted. */
  acknowledge(upTo: number): void;
}

// Time

export interface Clock {
  /** Milliseconds; never goes back. */
  now(): number;
  /** Calls back once at `time` or soon after; the result cancels. */
  at(time: number, callback: () => void): () => void;
}

/** The page's own. */
export const pageClock: Clock = {
  now: () => performance.now(),
  at(time, callback) {
    const timer = setTimeout(callback, Math.max(0, time - performance.now()));
    return () => clearTimeout(timer);
  },
};

// What comes of it

export type Undelivered =
  /** Not connected, or the server could not be asked; may pass. */
  | "out-of-reach"
  /** May pass. */
  | "mailbox-full"
  /** No such device, or it has registered no keys. */
  | "no-keys"
  /** Held until the user accepts the identity (key messages are dropped). */
  | "identity-changed"
  /** The directory gave keys that are not signed, or no keys at all. */
  | "bad-keys";

export interface MessengerObserver {
  /** A message was opened. */
  onBody(from: DeviceId, id: Bytes, body: Body): void;
  /** The device has opened what was sent with this token. */
  onReceipt(from: DeviceId, token: number): void;
  onUndelivered(to: DeviceId, token: number, why: Undelivered): void;
  /** The identity key is not the pinned one: nothing goes out, nothing is taken, until it is accepted. */
  onIdentityChanged(device: DeviceId, now: PublicKey): void;
  /** One sentence for a person. */
  onWarning(message: string): void;
}
