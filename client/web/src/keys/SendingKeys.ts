// Our own media key over the life of a call (docs/e2ee.md section 4): first drawn on joining, ratcheted when somebody
// joins, drawn afresh when somebody leaves, in use when everybody has it or time is up.

import { type Suite } from "../e2ee/FrameMetadata.ts";
import { type KeyId } from "../e2ee/KeyId.ts";
import { type MediaKey } from "../e2ee/KeyProvider.ts";
import { SECRET_LENGTH } from "../messages/content.ts";
import { ratchetSecret } from "../messages/derive.ts";
import { addressOf, type DeviceId } from "../messages/DeviceId.ts";
import { type RandomBytes } from "../signal/curve.ts";
import { type KeyAction, type RotationReason, type RotationReport } from "./KeyActions.ts";

/** Changes within this time make one rotation, ms. */
export const COALESCING_MS = 250;
/** A key that a removed device never got is live at the latest this long after the removal was known, ms. */
export const LIVE_WITHIN_MS = 5000;
/** A pending key that a removed device has got goes live after this, to make room for one it never gets, ms. */
const PENDING_AFTER_REMOVAL_MS = 2000;
/** A device that asks again is answered again after this, ms. */
const ANSWER_INTERVAL_MS = 1000;
/** First wait before a message that could not be delivered is sent again, doubled up to the longest, ms. */
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 4000;
const MAX_REPORTS = 1000;
const LAST_STEP = 255;

interface Delivery {
  receipted: boolean;
  awaited: boolean;
  retryAt: number;
  retryAfter: number;
}

/** One generation, at its present step. */
interface Generation {
  key: MediaKey;
  readonly firstRotation: number;
  lastRotation: number;
  /** While pending. */
  liveBy: number;
  /** By address. */
  readonly holders: Map<string, Delivery>;
}

interface Recipient {
  readonly device: DeviceId;
  /** In the roster, as opposed to invited. */
  readonly present: boolean;
}

interface Removal {
  readonly device: DeviceId;
  readonly knownAt: number;
  readonly wasPresent: boolean;
}

interface Changes {
  first: number;
  /** By address. */
  readonly newcomers: Set<string>;
  removed: Removal[];
}

const noChanges = (): Changes => ({ first: Infinity, newcomers: new Set(), removed: [] });
const delivery = (awaited = false): Delivery => ({
  receipted: false,
  awaited,
  retryAt: Infinity,
  retryAfter: FIRST_RETRY_MS,
});
const complete = ({ holders }: Generation) =>
  [...holders.values()].every(({ awaited, receipted }) => !awaited || receipted);

/**
 * Pure: events and the time (ms) in, actions out. It knows devices that are to have our key, and nothing of rosters,
 * identities or other people's keys.
 */
export class SendingKeys {
  /** Oldest first. */
  readonly reports: RotationReport[] = [];
  private readonly recipients = new Map<string, Recipient>();
  private live: Generation | undefined;
  private pending: Generation | undefined;
  private changes = noChanges();
  private readonly answered = new Map<string, number>();
  /** Could not be reached for good, and has acknowledged nothing since: not waited for. */
  private readonly unreachable = new Set<string>();
  private lastRotation = 0;

  /** Actions are appended to `out`. */
  constructor(
    private readonly random: RandomBytes,
    private suite: Suite,
    private readonly out: KeyAction[],
  ) {}

  /** Of the keys that are drawn from now on. */
  setSuite(suite: Suite): void {
    this.suite = suite;
  }

  get liveKey(): KeyId | undefined {
    return this.live?.key.id;
  }

  get hasPending(): boolean {
    return this.pending !== undefined;
  }

  /** Changes are collected for a rotation that has not begun. */
  get hasWaiting(): boolean {
    return !this.nothingChanged();
  }

  /** Forgets keys and recipients; the reports stay. */
  reset(): void {
    this.recipients.clear();
    this.live = undefined;
    this.pending = undefined;
    this.changes = noChanges();
    this.answered.clear();
    this.unreachable.clear();
  }

  /** We have joined under this number: draws the first key for all who are recipients, live at once. */
  start(sender: number, now: number): void {
    const key = { id: { sender, generation: 0, step: 0 }, suite: this.suite, sk: this.random(SECRET_LENGTH) };
    const report = this.report("first", key.id, now);
    report.liveAt = now;
    const holders = new Map([...this.recipients.keys()].map((address) => [address, delivery()]));
    this.live = { key, firstRotation: report.number, lastRotation: report.number, liveBy: now, holders };
    this.send(this.live, [...this.recipients.keys()]);
    this.use(this.live);
  }

  /**
   * A device is to have our key. `present`: in the roster, as opposed to invited; it is waited for from the next fresh key
   * on. A recipient that comes again is sent the key again.
   */
  add(device: DeviceId, present: boolean, now: number): void {
    const address = addressOf(device);
    this.recipients.set(address, { device, present });
    if (this.live === undefined) return;
    // The invited who join leave the list of the invited, before or after: that takes nothing from them.
    const removed = this.changes.removed.filter((removal) => removal.wasPresent || addressOf(removal.device) !== address);
    // It has the newest key all the while (a pending one it gets below): when it goes after all, that must not stay.
    const heldOn = removed.length < this.changes.removed.length;
    if (heldOn && this.pending === undefined) this.live.holders.set(address, delivery());
    this.changes.removed = removed;
    if (this.nothingChanged()) this.changes = noChanges();
    if (this.pending !== undefined) {
      // It has sealed nothing yet, so it opens nothing from before.
      this.pending.holders.set(address, delivery());
      return this.send(this.pending, [address]);
    }
    this.changes.newcomers.add(address);
    this.noteChange(now);
  }

  /** A device must not have the next key. */
  remove(device: DeviceId, now: number): void {
    const address = addressOf(device);
    const known = this.recipients.get(address);
    if (known === undefined) return;
    this.recipients.delete(address);
    this.answered.delete(address);
    this.unreachable.delete(address);
    this.changes.newcomers.delete(address);
    // Only a device that was sent a key has to be shut out; the pending key counts, for it will be in use.
    const newest = this.pending ?? this.live;
    if (newest === undefined) return;
    if (!newest.holders.delete(address)) {
      if (this.nothingChanged()) this.changes = noChanges();
      return;
    }
    this.noteChange(now);
    this.changes.removed.push({ device, knownAt: now, wasPresent: known.present });
    if (this.pending === undefined) return;
    this.pending.liveBy = Math.min(this.pending.liveBy, now + PENDING_AFTER_REMOVAL_MS);
    const report = this.findReport(this.pending.lastRotation);
    if (report !== undefined) report.dueAt = this.pending.liveBy;
    if (complete(this.pending)) this.goLive(this.pending, now);
  }

  receipt(device: DeviceId, rotation: number, now: number): void {
    const address = addressOf(device);
    const report = this.findReport(rotation);
    if (report === undefined || !report.receipts.has(address)) return;
    if (report.receipts.get(address) === undefined) report.receipts.set(address, now);
    this.unreachable.delete(address);
    for (const generation of this.generationsOf(rotation)) {
      const holder = generation.holders.get(address);
      if (holder !== undefined) holder.receipted = true;
    }
    this.goLiveIfComplete(now);
  }

  /**
   * The message could not be delivered. `forGood`: nor will it be (no such device, no keys, a changed identity); it is not
   * waited for then, nor with later keys, until it acknowledges one. Otherwise it is sent again after a while.
   */
  undelivered(device: DeviceId, rotation: number, forGood: boolean, now: number): void {
    for (const generation of this.generationsOf(rotation)) {
      const holder = generation.holders.get(addressOf(device));
      if (holder === undefined || holder.receipted) continue;
      if (forGood) {
        holder.awaited = false;
        this.unreachable.add(addressOf(device));
        continue;
      }
      holder.retryAt = now + holder.retryAfter;
      holder.retryAfter = Math.min(holder.retryAfter * 2, LONGEST_RETRY_MS);
    }
    this.goLiveIfComplete(now);
  }

  /** The device has no key for our frames. */
  asked(device: DeviceId, now: number): void {
    const address = addressOf(device);
    // Who is about to be sent the next step must not get the one before.
    if (this.changes.newcomers.has(address) || this.recipients.get(address)?.present !== true) return;
    if (now - (this.answered.get(address) ?? -Infinity) < ANSWER_INTERVAL_MS) return;
    this.answered.set(address, now);
    for (const generation of this.generations()) if (generation.holders.has(address)) this.send(generation, [address]);
  }

  /** The device was out of reach and is back: what it has not acknowledged is sent again. */
  back(device: DeviceId): void {
    const address = addressOf(device);
    if (!this.recipients.has(address)) return;
    for (const generation of this.generations()) {
      if (generation.holders.get(address)?.receipted === false) this.send(generation, [address]);
    }
  }

  onTime(now: number): void {
    for (const generation of this.generations()) this.retryDue(generation, now);
    if (this.pending !== undefined && now >= this.pending.liveBy) this.goLive(this.pending, now);
    if (this.live === undefined || this.pending !== undefined || this.nothingChanged()) return;
    if (now >= this.changes.first + COALESCING_MS) this.rotate(this.live, now);
  }

  nextDeadline(): number {
    let deadline = Infinity;
    if (this.pending !== undefined) deadline = this.pending.liveBy;
    else if (!this.nothingChanged()) deadline = this.changes.first + COALESCING_MS;
    for (const { holders } of this.generations()) {
      for (const { retryAt } of holders.values()) deadline = Math.min(deadline, retryAt);
    }
    return deadline;
  }

  // Rotations

  private rotate(live: Generation, now: number): void {
    const { changes } = this;
    this.changes = noChanges();
    if (changes.removed.length > 0 || live.key.id.step === LAST_STEP) this.drawFresh(live, changes, now);
    else this.ratchet(live, changes.newcomers, now);
  }

  private drawFresh(live: Generation, changes: Changes, now: number): void {
    const { sender, generation } = live.key.id;
    const id = { sender, generation: (generation + 1) % 256, step: 0 };
    const report = this.report(changes.removed.length === 0 ? "exhausted" : "leave", id, now);
    let liveBy = now + LIVE_WITHIN_MS;
    for (const { device, knownAt } of changes.removed) {
      liveBy = Math.min(liveBy, knownAt + LIVE_WITHIN_MS);
      report.removed.push({ device, knownAt });
    }
    report.dueAt = liveBy;
    // Who has just come misses nothing by getting the key a little later; who is not there cannot answer.
    const holders = new Map(
      [...this.recipients].map(([address, { present }]) => [
        address,
        delivery(present && !changes.newcomers.has(address) && !this.unreachable.has(address)),
      ]),
    );
    const key = { id, suite: this.suite, sk: this.random(SECRET_LENGTH) };
    const pending = { key, firstRotation: report.number, lastRotation: report.number, liveBy, holders };
    this.pending = pending;
    this.send(pending, [...this.recipients.keys()]);
    this.out.push({ type: "rotation-news", rotation: report.number });
    if (complete(pending)) this.goLive(pending, now);
  }

  private ratchet(live: Generation, newcomers: ReadonlySet<string>, now: number): void {
    const { id, suite, sk } = live.key;
    live.key = { id: { ...id, step: id.step + 1 }, suite, sk: ratchetSecret(sk) };
    const report = this.report("join", live.key.id, now);
    report.liveAt = now;
    live.lastRotation = report.number;
    for (const address of newcomers) live.holders.set(address, delivery());
    this.send(live, [...newcomers]);
    this.use(live);
  }

  private goLive(pending: Generation, now: number): void {
    this.live = pending;
    this.pending = undefined;
    const report = this.findReport(pending.lastRotation);
    if (report !== undefined) report.liveAt = now;
    this.use(pending);
  }

  private goLiveIfComplete(now: number): void {
    if (this.pending !== undefined && complete(this.pending)) this.goLive(this.pending, now);
  }

  private use({ key, lastRotation }: Generation): void {
    this.out.push({ type: "use-key", key });
    this.out.push({ type: "force-key-frame" });
    this.out.push({ type: "rotation-news", rotation: lastRotation });
  }

  private noteChange(now: number): void {
    this.changes.first = Math.min(this.changes.first, now);
  }

  private nothingChanged(): boolean {
    return this.changes.newcomers.size === 0 && this.changes.removed.length === 0;
  }

  // Sending

  private send({ key, lastRotation }: Generation, addresses: readonly string[]): void {
    const report = this.findReport(lastRotation);
    for (const address of addresses) {
      if (report?.receipts.has(address) === false) report.receipts.set(address, undefined);
    }
    for (const present of [true, false]) {
      const to = addresses.flatMap((address) => {
        const recipient = this.recipients.get(address);
        return recipient?.present === present ? [recipient.device] : [];
      });
      if (to.length > 0) this.out.push({ type: "send-key", rotation: lastRotation, key, to, store: !present });
    }
  }

  private retryDue(generation: Generation, now: number): void {
    for (const [address, holder] of generation.holders) {
      if (now < holder.retryAt) continue;
      holder.retryAt = Infinity;
      if (this.recipients.has(address) && !holder.receipted) this.send(generation, [address]);
    }
  }

  private generations(): Generation[] {
    return [this.live, this.pending].filter((generation) => generation !== undefined);
  }

  private generationsOf(rotation: number): Generation[] {
    return this.generations().filter(
      ({ firstRotation, lastRotation }) => rotation >= firstRotation && rotation <= lastRotation,
    );
  }

  // Reports

  private report(reason: RotationReason, key: KeyId, now: number): RotationReport {
    const number = ++this.lastRotation;
    const report: RotationReport = {
      number,
      reason,
      key,
      drawnAt: now,
      dueAt: now,
      liveAt: undefined,
      receipts: new Map(),
      removed: [],
    };
    this.reports.push(report);
    if (this.reports.length > MAX_REPORTS) this.reports.shift();
    return report;
  }

  private findReport(number: number): RotationReport | undefined {
    const first = this.reports[0]?.number ?? 0;
    return this.reports[number - first];
  }
}
