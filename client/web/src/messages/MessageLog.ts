// What a messenger must not forget when its page is closed: texts and the like that were sent and not acknowledged yet,
// among them those that have to go out once more, and sealed messages of devices whose identity has changed. It lies in the
// device's store, sealed as all else there. Media keys never get there: they must not outlive their call.

import { utf8, type Bytes } from "../e2ee/bytes.ts";
import { type DeviceStore, type StoreChanges } from "../signal/DeviceStore.ts";
import { APPLICATION } from "../signal/StoreDraft.ts";
import { fromBase64, toBase64 } from "./base64.ts";
import { Purpose } from "./content.ts";
import { sameDevice, type DeviceId } from "./DeviceId.ts";
import { type Job } from "./Outbox.ts";
import { type EnvelopeType, type IncomingMessage } from "./ports.ts";

/** Messages sent; the oldest go first. */
export const MAX_SENT = 64;
/** Sealed messages that wait for the user's yes; the oldest go first. */
export const MAX_HELD = 256;

const SENT = `${APPLICATION}messages/sent`;
const HELD = `${APPLICATION}messages/held`;
const VERSION = 1;
const ENVELOPES: readonly string[] = ["prekey", "signal", "error"] satisfies EnvelopeType[];

/** `again`: could not be opened, and is to be sent once more; `sent-again`: it was, and is not sent a third time. */
const STATES = ["sent", "again", "sent-again"] as const;
type SentState = (typeof STATES)[number];

interface SentEntry {
  readonly to: DeviceId;
  readonly id: Bytes;
  readonly job: Job;
  state: SentState;
  /** Somebody sees to it (`again`). */
  underWay: boolean;
}

/** Whether it may outlive the page: no key messages, no receipts. */
const isKept = ({ purpose }: { readonly purpose: number }) => purpose > Purpose.KeyRequest;

export class MessageLog {
  private sentEntries: SentEntry[] = [];
  private heldMessages: IncomingMessage[] = [];
  private dirty = false;

  /** Without a store nothing outlives the page. What cannot be read is of another version and is left out. */
  constructor(private readonly store: DeviceStore | undefined) {
    this.sentEntries = readList(store?.get(SENT)).flatMap(readSent).slice(-MAX_SENT);
    this.heldMessages = readList(store?.get(HELD)).flatMap(readHeld).slice(-MAX_HELD);
  }

  get entries(): readonly Readonly<SentEntry>[] {
    return this.sentEntries;
  }

  /** Sealed, and about to leave. `again`: as the second try of the same job. */
  sent(to: DeviceId, id: Bytes, job: Job, again: boolean): void {
    if (!isKept(job)) return;
    if (again) this.giveUp(to, job);
    this.sentEntries.push({ to, id, job, state: again ? "sent-again" : "sent", underWay: false });
    this.sentEntries = this.sentEntries.slice(-MAX_SENT);
    this.dirty = true;
  }

  /** The device has it. */
  receipted(by: DeviceId, id: Bytes): void {
    this.drop((entry) => sameDevice(entry.to, by) && sameBytes(entry.id, id));
  }

  /** The device could not open it. Whoever says so sees to it that it goes out again. */
  sendAgain(to: DeviceId, id: Bytes): void {
    for (const entry of this.sentEntries) {
      if (!sameDevice(entry.to, to) || !sameBytes(entry.id, id)) continue;
      entry.state = "again";
      entry.underWay = true;
      this.dirty = true;
    }
  }

  /** A job has not left for this device after all. A second try is left for later; of a first one the sender is told. */
  failed(to: DeviceId, job: Job): void {
    const found = this.sentEntries.find((entry) => entry.job === job && sameDevice(entry.to, to));
    if (found === undefined) return;
    if (found.state === "sent") return this.giveUp(to, job);
    found.state = "again";
    found.underWay = false;
    this.dirty = true;
  }

  /** It never will. */
  giveUp(to: DeviceId, job: Job): void {
    this.drop((entry) => entry.job === job && sameDevice(entry.to, to));
  }

  /** All that has to go out again and that nobody sees to; now it is seen to. */
  takeWaiting(): { readonly to: DeviceId; readonly job: Job }[] {
    const waiting = this.sentEntries.filter(({ state, underWay }) => state === "again" && !underWay);
    for (const entry of waiting) entry.underWay = true;
    return waiting;
  }

  /** Keeps a sealed message; one that may hold a media key in memory alone. */
  hold(message: IncomingMessage): void {
    // Acknowledged when it is stored here.
    this.heldMessages = [...this.heldMessages, { ...message, seq: 0 }].slice(-MAX_HELD);
    this.dirty = true;
  }

  /** Those of one device, or all. */
  takeHeld(from?: DeviceId): IncomingMessage[] {
    const isWanted = (message: IncomingMessage) => from === undefined || sameDevice(message.from, from);
    const taken = this.heldMessages.filter(isWanted);
    this.heldMessages = this.heldMessages.filter((message) => !isWanted(message));
    this.dirty ||= taken.length > 0;
    return taken;
  }

  /** All that is to be stored, for a commit of others. */
  changes(): StoreChanges {
    this.dirty = false;
    if (this.store === undefined) return new Map();
    const held = this.heldMessages.filter(isKept);
    return new Map([
      [SENT, writeList(this.sentEntries.map(writeSent))],
      [HELD, writeList(held.map(writeHeld))],
    ]);
  }

  /** Resolves once everything is stored. */
  async save(): Promise<void> {
    if (this.dirty) await this.store?.commit(this.changes());
  }

  private drop(isOne: (entry: SentEntry) => boolean): void {
    const rest = this.sentEntries.filter((entry) => !isOne(entry));
    this.dirty ||= rest.length < this.sentEntries.length;
    this.sentEntries = rest;
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);

type Fields = Readonly<Record<string, unknown>>;

function writeList(list: readonly Fields[]): Bytes | undefined {
  return list.length === 0 ? undefined : utf8(JSON.stringify({ version: VERSION, list }));
}

function readList(stored: Bytes | undefined): Fields[] {
  if (stored === undefined) return [];
  try {
    const { version, list } = JSON.parse(new TextDecoder().decode(stored)) as { version: unknown; list: unknown };
    if (version !== VERSION || !Array.isArray(list)) return [];
    return list.filter((entry): entry is Fields => typeof entry === "object" && entry !== null);
  } catch {
    return [];
  }
}

function writeSent({ to, id, job, state }: SentEntry): Fields {
  const { purpose, group, plain } = job;
  return { ...to, id: toBase64(id), state, purpose, group, body: toBase64(plain) };
}

function readSent({ user, device, id, state, purpose, group, body }: Fields): SentEntry[] {
  const [idBytes, plain] = [fromBase64(id), fromBase64(body)];
  const known = STATES.find((other) => other === state);
  if (idBytes === undefined || plain === undefined || known === undefined) return [];
  if (typeof user !== "string" || typeof device !== "string" || typeof group !== "string") return [];
  if (typeof purpose !== "number" || !isKept({ purpose })) return [];
  // Whoever sent it is gone, and hears of it no more.
  const job: Job = { token: undefined, purpose, group, plain, store: true };
  return [{ to: { user, device }, id: idBytes, job, state: known, underWay: false }];
}

function writeHeld({ from, id, purpose, group, type, body, shared }: IncomingMessage): Fields {
  return { ...from, id: toBase64(id), purpose, group, type, body: toBase64(body), shared: shared && toBase64(shared) };
}

function readHeld({ user, device, id, purpose, group, type, body, shared }: Fields): IncomingMessage[] {
  const [idBytes, sealed] = [fromBase64(id), fromBase64(body)];
  if (idBytes === undefined || sealed === undefined || typeof purpose !== "number") return [];
  if (typeof user !== "string" || typeof device !== "string" || typeof group !== "string") return [];
  if (typeof type !== "string" || !ENVELOPES.includes(type)) return [];
  const from = { user, device };
  return [{ seq: 0, from, id: idBytes, purpose, group, type: type as EnvelopeType, body: sealed, shared: fromBase64(shared) }];
}
