// Messages between devices over an untrusted server (docs/e2ee.md section 3): sessions begun from the directory as needed,
// bodies sealed for one or for many, receipts, and recovery when a side has lost its sessions. Everything runs one after
// another; the device stores its state before anything that depends on it leaves.

import { type Bytes } from "../e2ee/bytes.ts";
import { PublicKey, systemRandom, type RandomBytes } from "../signal/curve.ts";
import { type DeviceStore, type StoreChanges } from "../signal/DeviceStore.ts";
import { type SignalDevice } from "../signal/SignalDevice.ts";
import { IdentityChanged, SignalError, type SignalRefusal } from "../signal/SignalError.ts";
import { type SealedMessage } from "../signal/SessionState.ts";
import {
  ContentError,
  decodeErrorReceipt,
  encodeErrorReceipt,
  ErrorReason,
  MESSAGE_ID_LENGTH,
  Purpose,
  type Body,
  type ErrorReceipt,
  type SharedKey,
} from "./content.ts";
import { decodeBody, decodeContent } from "./contentDecoder.ts";
import { encodeBody, encodeContent, encodeInline } from "./contentEncoder.ts";
import { addressOf, sameDevice, type DeviceId } from "./DeviceId.ts";
import { ErrorLimits } from "./ErrorLimits.ts";
import { MAX_HELD, MessageLog } from "./MessageLog.ts";
import { openShared, sealShared } from "./oneTimeKey.ts";
import { OpenedIds } from "./OpenedIds.ts";
import { Outbox, type Job } from "./Outbox.ts";
import {
  DirectoryError,
  GROUP_RECEIPT,
  PURPOSE_RECEIPT,
  type Clock,
  type DeviceBundle,
  type Directory,
  type IncomingMessage,
  type MessageTransport,
  type MessengerObserver,
  type OutgoingMessage,
  type SendOutcome,
  type Undelivered,
} from "./ports.ts";
import { PeriodLimit } from "./RateLimit.ts";
import { ReceiptQueue } from "./ReceiptQueue.ts";

/** Recipients whose sessions have just begun are gathered, as receipts are: one sealed body for all of them, ms. */
const GATHER_SESSIONS_MS = 30;
/** A session that a device says it has lost is begun anew at most this often. */
const MAX_RECOVERIES = 3;
const RECOVERY_PERIOD_MS = 3_600_000;
/** The server takes so many at once. */
const MAX_RECIPIENTS = 500;

interface Waiting {
  readonly job: Job;
  readonly resend: boolean;
}

/** To be sealed at `due`, once for all of `to`. */
interface Ready extends Waiting {
  readonly to: DeviceId[];
  due: number;
}

export interface MessengerOptions {
  readonly self: DeviceId;
  readonly device: SignalDevice;
  readonly directory: Directory;
  readonly transport: MessageTransport;
  readonly clock: Clock;
  readonly observer: MessengerObserver;
  readonly random?: RandomBytes;
  /** The device's own, for what has to outlive the page; without one nothing does. */
  readonly store?: DeviceStore;
}

const isKeyTraffic = (purpose: number) => purpose <= Purpose.KeyRequest;

/** How a refusal is answered; absent: it gets no answer, because no honest device's session makes such a message. */
const ERROR_REASONS: Partial<Record<SignalRefusal, ErrorReason>> = {
  "no-session": ErrorReason.NoSession,
  "unknown-prekey": ErrorReason.UnknownPreKey,
  "unknown-signed-prekey": ErrorReason.UnknownPreKey,
  "invalid-message": ErrorReason.CannotDecrypt,
  "too-far-ahead": ErrorReason.CannotDecrypt,
};

export class Messenger {
  private readonly random: RandomBytes;
  private tail: Promise<void> = Promise.resolve();
  private ready: Ready[] = [];
  /** For a session, by address. */
  private readonly waiting = new Map<string, { readonly to: DeviceId; readonly jobs: Waiting[] }>();
  /** Addresses whose bundles are on their way. */
  private readonly fetching = new Set<string>();
  private readonly receipts = new ReceiptQueue();
  private acknowledged = 0;
  private storageFailed = false;
  private cancelTimer: () => void = () => undefined;

  private readonly log: MessageLog;
  private readonly outbox = new Outbox();
  /** How many sessions were begun by us, by address. */
  private readonly sessions = new Map<string, number>();
  private readonly recoveries = new Map<string, PeriodLimit>();
  private readonly errorLimits = new ErrorLimits();
  private readonly opened = new OpenedIds();
  private readonly changed = new Map<string, PublicKey>();
  private readonly heldOut = new Map<string, Waiting[]>();

  constructor(private readonly options: MessengerOptions) {
    this.random = options.random ?? systemRandom;
    this.log = new MessageLog(options.store);
    for (const { to, id, job, state } of this.log.entries) {
      this.outbox.add(to, id, { job, session: 0, resent: state !== "sent" });
    }
  }

  /** The transport works, for the first time or again: what waits in the store goes out, and is looked at again. */
  resume(): Promise<void> {
    return this.run(async () => {
      // What still waits for a yes goes back to where it was.
      for (const message of this.log.takeHeld()) await this.open(message);
      for (const { to, job } of this.log.takeWaiting()) await this.deliver(job, to, true, this.now());
    });
  }

  /**
   * Sends `body` to each of these devices but ourselves. `token` comes back with receipts and failures. `store`: kept for
   * those that are not connected. Leaves at once where there is a session, else when the directory has answered.
   */
  send(body: Body, to: readonly DeviceId[], token: number, store: boolean): void {
    const job = { token, purpose: body.what.purpose, group: body.group, plain: encodeBody(body), store };
    this.run(async () => {
      for (const device of to) {
        if (!sameDevice(device, this.options.self)) await this.deliver(job, device, false, this.now());
      }
    });
  }

  onMessage(message: IncomingMessage): void {
    this.run(async () => {
      if (message.type === "error") {
        const error = decodeErrorReceipt(message.body);
        if (error !== undefined) await this.onErrorReceipt(message.from, error);
      } else if (!sameDevice(message.from, this.options.self)) {
        await this.open(message);
      }
      await this.log.save();
      // What was not stored must come again.
      if (!this.storageFailed && message.seq > this.acknowledged) {
        this.acknowledged = message.seq;
        this.options.transport.acknowledge(message.seq);
      }
    });
  }

  /** The user has said yes to the identity that was seen last: held messages go out and are opened. */
  acceptIdentity(device: DeviceId): Promise<void> {
    return this.run(async () => {
      const address = addressOf(device);
      const identityKey = this.changed.get(address);
      if (identityKey === undefined) return;
      await this.options.device.acceptIdentity(address, identityKey);
      this.changed.delete(address);
      for (const message of this.log.takeHeld(device)) await this.open(message);
      const out = this.heldOut.get(address) ?? [];
      this.heldOut.delete(address);
      for (const { job, resend } of out) await this.deliver(job, device, resend, this.now());
    });
  }

  /** The identity that waits for a yes; undefined when there is none. */
  changedIdentity(device: DeviceId): PublicKey | undefined {
    return this.changed.get(addressOf(device));
  }

  /** Resolves when everything that was asked for so far is done. */
  settled(): Promise<void> {
    return this.run(() => Promise.resolve());
  }

  /** Nothing leaves any more. */
  close(): void {
    this.cancelTimer();
    this.ready = [];
    this.receipts.clear();
  }

  private now(): number {
    return this.options.clock.now();
  }

  private run(work: () => Promise<void>): Promise<void> {
    this.tail = this.tail
      .then(work)
      .then(() => this.settle())
      .catch((error: unknown) => {
        this.storageFailed ||= error instanceof SignalError && error.refusal === "storage";
        this.options.observer.onWarning(error instanceof Error ? error.message : String(error));
      });
    return this.tail;
  }

  /** Fetches what is missing, seals and lets out what is due. */
  private async settle(): Promise<void> {
    this.fetchMissing();
    const now = this.now();
    const due = this.ready.filter((ready) => ready.due <= now);
    this.ready = this.ready.filter((ready) => ready.due > now);
    for (const ready of due) await this.seal(ready);
    if (now >= this.receipts.due) await this.sealReceipts();
    await this.log.save();
    const deadline = Math.min(this.receipts.due, ...this.ready.map((ready) => ready.due));
    this.cancelTimer();
    if (deadline < Infinity) this.cancelTimer = this.options.clock.at(deadline, () => void this.settled());
  }

  // To whom, and with which session

  private async deliver(job: Job, to: DeviceId, resend: boolean, due: number): Promise<void> {
    const address = addressOf(to);
    if (this.changed.has(address)) {
      const held = this.heldOut.get(address) ?? [];
      this.heldOut.set(address, held);
      if (!isKeyTraffic(job.purpose) && held.length < MAX_HELD) held.push({ job, resend });
      return this.undelivered(to, job, "identity-changed");
    }
    // What waits for a session goes first, also when the device has begun one itself meanwhile.
    const waiting = this.waiting.get(address);
    if (waiting !== undefined) return void waiting.jobs.push({ job, resend });
    if (!(await this.options.device.session(address)).exists) {
      this.waiting.set(address, { to, jobs: [{ job, resend }] });
      return;
    }
    // Nothing overtakes what waits to be sealed.
    for (const ready of this.ready) if (ready.to.some((other) => sameDevice(other, to))) due = Math.max(due, ready.due);
    const same = this.ready.find((ready) => ready.job === job && ready.resend === resend);
    if (same === undefined) {
      this.ready.push({ job, resend, to: [to], due });
    } else {
      same.to.push(to);
      same.due = Math.max(same.due, due);
    }
  }

  private fetchMissing(): void {
    const wanted = new Map<string, DeviceId[]>();
    for (const [address, { to }] of this.waiting) {
      if (this.fetching.has(address)) continue;
      this.fetching.add(address);
      wanted.set(to.user, [...(wanted.get(to.user) ?? []), to]);
    }
    for (const [user, devices] of wanted) {
      this.options.directory.fetchBundles(user, devices.map(({ device }) => device)).then(
        (bundles) => this.run(() => this.onBundles(devices, bundles, "no-keys")),
        (error: unknown) => {
          const known = error instanceof DirectoryError && ["unknown_user", "unknown_device"].includes(error.code);
          void this.run(() => this.onBundles(devices, [], known ? "no-keys" : "out-of-reach"));
        },
      );
    }
  }

  private async onBundles(asked: readonly DeviceId[], bundles: readonly DeviceBundle[], missing: Undelivered): Promise<void> {
    for (const device of asked) {
      this.fetching.delete(addressOf(device));
      const found = bundles.find((bundle) => bundle.device === device.device);
      if (found === undefined) this.giveUp(device, missing);
      else await this.begin(device, found);
    }
  }

  private async begin(device: DeviceId, { bundle }: DeviceBundle): Promise<void> {
    const address = addressOf(device);
    // The device may have begun a session with us meanwhile: then there is one, and the bundle is not needed.
    if (!(await this.options.device.session(address)).exists) {
      try {
        if (bundle === undefined) return this.giveUp(device, "bad-keys");
        await this.options.device.initiate(address, bundle);
        this.sessions.set(address, this.sessionOf(address) + 1);
      } catch (error) {
        if (!(error instanceof SignalError) || error.refusal === "storage") throw error;
        if (!(error instanceof IdentityChanged)) return this.giveUp(device, "bad-keys");
        this.identityChanged(device, PublicKey.parse(error.identityKey));
      }
    }
    const waiting = this.waiting.get(address);
    this.waiting.delete(address);
    for (const { job, resend } of waiting?.jobs ?? []) {
      await this.deliver(job, device, resend, this.now() + GATHER_SESSIONS_MS);
    }
  }

  private giveUp(device: DeviceId, why: Undelivered): void {
    const waiting = this.waiting.get(addressOf(device));
    this.waiting.delete(addressOf(device));
    for (const { job } of waiting?.jobs ?? []) {
      if (why === "out-of-reach") this.log.failed(device, job);
      else this.log.giveUp(device, job);
      this.undelivered(device, job, why);
    }
  }

  private sessionOf(address: string): number {
    return this.sessions.get(address) ?? 0;
  }

  private undelivered(device: DeviceId, job: Job, why: Undelivered): void {
    if (job.token !== undefined) this.options.observer.onUndelivered(device, job.token, why);
  }

  // Sealing and letting out

  private async seal({ job, to, resend }: Ready): Promise<void> {
    for (let i = 0; i < to.length; i += MAX_RECIPIENTS) await this.sealFor(job, to.slice(i, i + MAX_RECIPIENTS), resend);
  }

  private async sealFor(job: Job, to: readonly DeviceId[], resend: boolean): Promise<void> {
    const id = this.random(MESSAGE_ID_LENGTH);
    let shared: Bytes | undefined;
    let plaintext = job.plain;
    if (job.purpose !== PURPOSE_RECEIPT && to.length === 1) {
      plaintext = encodeInline(job.plain, job.purpose as Purpose);
    } else if (job.purpose !== PURPOSE_RECEIPT) {
      const context = { purpose: job.purpose, group: job.group, sender: this.options.self, message: id };
      const body = sealShared(job.plain, context, this.random);
      shared = body.sealed;
      plaintext = encodeContent({ kind: "shared", shared: body.key });
    }
    const ciphers = await this.encrypt(
      to.map((device) => ({ device, plaintext })),
      () => {
        for (const device of to) this.log.sent(device, id, job, resend);
        return this.log.changes();
      },
    );
    if (ciphers === undefined) {
      for (const device of to) this.undelivered(device, job, "out-of-reach");
      return;
    }
    for (const device of to) this.outbox.add(device, id, { job, session: this.sessionOf(addressOf(device)), resent: resend });
    this.transmit({ id, purpose: job.purpose, group: job.group, shared, store: job.store }, to, ciphers, job);
  }

  /** All with one commit; undefined when a session is used up or gone, which the next message will find. */
  private async encrypt(
    messages: readonly { readonly device: DeviceId; readonly plaintext: Bytes }[],
    alsoStore?: () => StoreChanges,
  ): Promise<SealedMessage[] | undefined> {
    try {
      return await this.options.device.encryptAll(
        messages.map(({ device, plaintext }) => ({ address: addressOf(device), plaintext })),
        alsoStore,
      );
    } catch (error) {
      if (!(error instanceof SignalError) || error.refusal === "storage") throw error;
      return undefined;
    }
  }

  private transmit(
    message: Omit<OutgoingMessage, "recipients">,
    to: readonly DeviceId[],
    ciphers: readonly SealedMessage[],
    job: Job | undefined,
  ): void {
    const recipients = ciphers.map(({ kind, bytes }, i) => ({ to: to[i]!, type: kind, body: bytes }));
    const report = (outcome: SendOutcome): void => {
      if (job === undefined) return;
      for (const device of outcome.error === undefined ? outcome.full : to) this.log.failed(device, job);
      for (const device of outcome.unknown) this.log.giveUp(device, job);
      if (outcome.error !== undefined) for (const device of to) this.undelivered(device, job, "out-of-reach");
      for (const device of outcome.unknown) this.undelivered(device, job, job.store ? "no-keys" : "out-of-reach");
      for (const device of outcome.full) this.undelivered(device, job, "mailbox-full");
      for (const part of outcome.later ?? []) void part.then(report);
      // What the log has learned is stored.
      void this.settled();
    };
    void this.options.transport.send({ ...message, recipients }).then(report);
  }

  private async sealReceipts(): Promise<void> {
    const all = this.receipts.take();
    for (const store of [false, true]) {
      const id = this.random(MESSAGE_ID_LENGTH);
      const receipts = all.filter((receipt) => receipt.store === store).map(({ to: device, messages }) => ({
        device,
        plaintext: encodeContent({ kind: "receipt", messages }),
      }));
      const ciphers = receipts.length === 0 ? undefined : await this.encrypt(receipts);
      if (ciphers === undefined) continue;
      for (const { device, plaintext } of receipts) {
        const job = { token: undefined, purpose: PURPOSE_RECEIPT, group: GROUP_RECEIPT, plain: plaintext, store };
        this.outbox.add(device, id, { job, session: this.sessionOf(addressOf(device)), resent: false });
      }
      const message = { id, purpose: PURPOSE_RECEIPT, group: GROUP_RECEIPT, shared: undefined, store };
      this.transmit(message, receipts.map(({ device }) => device), ciphers, undefined);
    }
  }

  // Receiving

  private async open(message: IncomingMessage): Promise<void> {
    if (this.opened.has(message.from, message.id)) return this.options.transport.came?.(message, true);
    let plaintext: Bytes;
    try {
      const kind = message.type === "prekey" ? "prekey" : "signal";
      plaintext = await this.options.device.decrypt(addressOf(message.from), { kind, bytes: message.body });
    } catch (error) {
      if (!(error instanceof SignalError) || error.refusal === "storage") throw error;
      return this.onRefused(message, error);
    }
    this.opened.add(message.from, message.id);
    this.options.transport.came?.(message, false);
    try {
      this.onContent(message, plaintext);
    } catch (error) {
      if (!(error instanceof ContentError)) throw error;
      // It was sealed by that device: sent again it would be no better.
      this.options.observer.onWarning(`a message of ${message.from.user} cannot be read: ${error.problem}`);
    }
  }

  private onContent(message: IncomingMessage, plaintext: Bytes): void {
    const content = decodeContent(plaintext);
    if (content.kind === "body") return this.onBody(message, content.body);
    if (content.kind === "shared") return this.onShared(message, content.shared);
    for (const id of content.messages) {
      const job = this.outbox.receipted(message.from, id);
      this.log.receipted(message.from, id);
      if (job === undefined) continue;
      this.options.transport.arrived?.(message.from, id);
      if (job.token !== undefined) this.options.observer.onReceipt(message.from, job.token);
    }
  }

  private onShared(message: IncomingMessage, key: SharedKey): void {
    const { purpose, group, from: sender, id, shared } = message;
    const padded = shared && openShared(key, shared, { purpose, group, sender, message: id });
    const body = padded && decodeBody(padded);
    if (body === undefined || body.what.purpose !== purpose || body.group !== group) {
      this.options.observer.onWarning(`a shared message of ${sender.user} is not the one that its key belongs to`);
    } else {
      this.onBody(message, body);
    }
  }

  private onBody({ from, id, direct }: IncomingMessage, body: Body): void {
    const { purpose } = body.what;
    if (purpose !== Purpose.KeyRequest) {
      const store = purpose !== Purpose.MediaKey;
      this.receipts.add(from, id, { store, direct: direct === true, now: this.now() });
    }
    this.options.observer.onBody(from, id, body);
  }

  // What does not open

  private onRefused(message: IncomingMessage, error: SignalError): void {
    if (error instanceof IdentityChanged) {
      this.log.hold(message);
      return this.identityChanged(message.from, PublicKey.parse(error.identityKey));
    }
    const reason = ERROR_REASONS[error.refusal];
    if (reason !== undefined) this.sendError(message, reason);
  }

  private sendError({ from, id, seq }: IncomingMessage, reason: ErrorReason): void {
    if (!this.errorLimits.take(from, id, this.now())) return;
    void this.options.transport.send({
      id: this.random(MESSAGE_ID_LENGTH),
      purpose: PURPOSE_RECEIPT,
      group: GROUP_RECEIPT,
      shared: undefined,
      recipients: [{ to: from, type: "error", body: encodeErrorReceipt({ message: id, reason }) }],
      store: seq !== 0,
    });
  }

  private async onErrorReceipt(from: DeviceId, { message }: ErrorReceipt): Promise<void> {
    const entry = this.outbox.find(from, message);
    if (entry === undefined || entry.resent) return;
    const address = addressOf(from);
    const { exists } = await this.options.device.session(address);
    // Of a session that has been replaced since the message is all that is missing.
    if (entry.session === this.sessionOf(address) || !exists) {
      const underway = !exists && this.waiting.has(address);
      const limit = this.recoveries.get(address) ?? new PeriodLimit(MAX_RECOVERIES, RECOVERY_PERIOD_MS);
      this.recoveries.set(address, limit);
      if (!underway && !limit.take(this.now())) return;
      await this.options.device.archiveSession(address);
    }
    entry.resent = true;
    this.log.sendAgain(from, message);
    await this.deliver(entry.job, from, true, this.now());
  }

  private identityChanged(device: DeviceId, now: PublicKey): void {
    const address = addressOf(device);
    const fresh = !this.changed.has(address);
    this.changed.set(address, now);
    if (fresh) this.options.observer.onIdentityChanged(device, now);
  }
}
