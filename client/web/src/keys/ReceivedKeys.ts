// The media keys of everybody else (docs/e2ee.md section 4): which to take, which to keep, which to forget, and whom to ask
// for one that is missing.

import { type KeyId } from "../e2ee/KeyId.ts";
import { type MediaKey } from "../e2ee/KeyProvider.ts";
import { SECRET_LENGTH } from "../messages/content.ts";
import { sameDevice, type DeviceId } from "../messages/DeviceId.ts";
import { type KeyAction } from "./KeyActions.ts";

/** A key of somebody whom the roster does not show yet is kept this long, ms. */
const KEEP_EARLY_MS = 60_000;
/** At most so many of one device, and of all. A sender has at most a live and a pending key. */
export const MAX_EARLY_OF_DEVICE = 4;
const MAX_EARLY = 2000;
/** After a newer generation has opened a frame, the older ones stay this long, ms. */
const KEEP_OLD_MS = 10_000;
/** Of one sender at once: the oldest gives way. */
const MAX_GENERATIONS = 4;
/** Frames without a key for this long make us ask: most often the key is on its way, ms. */
const PATIENCE_MS = 300;
/** Between two questions to one device, whatever its frames say; doubled up to the longest for one KID, ms. */
const FIRST_ASK_INTERVAL_MS = 1000;
const LONGEST_ASK_INTERVAL_MS = 8000;
/** For one generation. */
const MAX_ASKS = 8;
/** No such frame for this long: the question has settled itself, ms. */
const WANT_EXPIRES_MS = 10_000;

interface Generation {
  readonly number: number;
  /** The lowest installed: frames of lower ones are not for us. */
  firstStep: number;
  removeAt: number;
}

interface Want {
  key: KeyId;
  asked: number;
  askAt: number;
  lastSeen: number;
}

interface Sender {
  readonly device: DeviceId;
  /** In the order of their arrival. */
  generations: Generation[];
  want: Want | undefined;
  mayAskAt: number;
}

interface Early {
  readonly from: DeviceId;
  readonly key: MediaKey;
  readonly until: number;
}

/**
 * Pure: events and the time (ms) in, actions out. Who may be believed is decided by its caller; here it is only checked
 * that a key is of the device to which the roster gives that sender number.
 */
export class ReceivedKeys {
  private readonly senders = new Map<number, Sender>();
  private early: Early[] = [];

  /** Actions are appended to `out`. */
  constructor(private readonly out: KeyAction[]) {}

  /** The roster shows this sender: takes what its device has sent before. */
  present(number: number, device: DeviceId, now: number): void {
    const known = this.senders.get(number);
    if (known !== undefined) {
      if (sameDevice(known.device, device)) return;
      this.gone(number);
    }
    const sender: Sender = { device, generations: [], want: undefined, mayAskAt: -Infinity };
    this.senders.set(number, sender);
    const waiting = this.early.filter(({ until }) => now < until);
    const own = (early: Early) => sameDevice(early.from, device) && early.key.id.sender === number;
    this.early = waiting.filter((early) => !own(early));
    for (const { key } of waiting.filter(own)) this.install(sender, key, now);
  }

  gone(number: number): void {
    const sender = this.senders.get(number);
    if (sender === undefined) return;
    this.settle(number, sender);
    this.senders.delete(number);
    this.out.push({ type: "remove-keys", sender: number, generation: undefined });
  }

  clear(): void {
    for (const number of [...this.senders.keys()]) this.gone(number);
    this.early = [];
  }

  arrived(from: DeviceId, key: MediaKey, now: number): void {
    if (key.id.sender === 0 || key.sk.length !== SECRET_LENGTH) return;
    const sender = this.senders.get(key.id.sender);
    if (sender === undefined) this.keepForLater(from, key, now);
    // Otherwise it is somebody else's number.
    else if (sameDevice(sender.device, from)) this.install(sender, key, now);
  }

  private keepForLater(from: DeviceId, key: MediaKey, now: number): void {
    this.early = this.early.filter(({ until }) => now < until);
    const own = this.early.filter((early) => sameDevice(early.from, from));
    if (own.length >= MAX_EARLY_OF_DEVICE) this.early.splice(this.early.indexOf(own[0]!), 1);
    if (this.early.length < MAX_EARLY) this.early.push({ from, key, until: now + KEEP_EARLY_MS });
  }

  private install(sender: Sender, key: MediaKey, now: number): void {
    const { id } = key;
    const known = sender.generations.find(({ number }) => number === id.generation);
    if (known !== undefined) {
      known.firstStep = Math.min(known.firstStep, id.step);
    } else {
      sender.generations.push({ number: id.generation, firstStep: id.step, removeAt: Infinity });
      if (sender.generations.length > MAX_GENERATIONS) {
        const { number } = sender.generations.shift()!;
        this.out.push({ type: "remove-keys", sender: id.sender, generation: number });
      }
    }
    // Whether it was what we asked for, the next frame will tell.
    if (sender.want !== undefined) sender.want.askAt = Math.max(sender.want.askAt, now + FIRST_ASK_INTERVAL_MS);
    this.out.push({ type: "install-key", key });
  }

  /** A frame's MAC has verified under this key. */
  opened(key: KeyId, now: number): void {
    const sender = this.senders.get(key.sender);
    if (sender === undefined) return;
    this.settle(key.sender, sender);
    const current = sender.generations.findIndex(({ number }) => number === key.generation);
    for (const older of sender.generations.slice(0, Math.max(0, current))) {
      older.removeAt = Math.min(older.removeAt, now + KEEP_OLD_MS);
    }
  }

  /** A frame names a key that is neither installed nor can be ratcheted to. */
  unknown(key: KeyId, now: number): void {
    const sender = this.senders.get(key.sender);
    if (sender === undefined) return;
    // Sealed before we joined: nobody will give us that key.
    if (sender.generations.some(({ number, firstStep }) => number === key.generation && key.step < firstStep)) return;
    const wasWaiting = sender.want !== undefined;
    if (sender.want?.key.generation !== key.generation) {
      sender.want = { key, asked: 0, askAt: Math.max(now + PATIENCE_MS, sender.mayAskAt), lastSeen: now };
    }
    sender.want.key = key;
    sender.want.lastSeen = now;
    if (!wasWaiting) this.out.push({ type: "waiting-for-keys", sender: key.sender, waiting: true });
  }

  waitingFor(number: number): boolean {
    return this.senders.get(number)?.want !== undefined;
  }

  private settle(number: number, sender: Sender): void {
    if (sender.want === undefined) return;
    sender.want = undefined;
    this.out.push({ type: "waiting-for-keys", sender: number, waiting: false });
  }

  private ask(number: number, sender: Sender, want: Want, now: number): void {
    if (now - want.lastSeen >= WANT_EXPIRES_MS) return this.settle(number, sender);
    want.askAt = now + Math.min(FIRST_ASK_INTERVAL_MS * 2 ** want.asked, LONGEST_ASK_INTERVAL_MS);
    // Looked at again only to see whether it has settled itself.
    if (want.asked >= MAX_ASKS) return;
    want.asked++;
    sender.mayAskAt = now + FIRST_ASK_INTERVAL_MS;
    this.out.push({ type: "ask-for-key", of: sender.device, key: want.key });
  }

  onTime(now: number): void {
    for (const [number, sender] of this.senders) {
      if (sender.want !== undefined && now >= sender.want.askAt) this.ask(number, sender, sender.want, now);
      for (const { number: generation } of sender.generations.filter(({ removeAt }) => now >= removeAt)) {
        this.out.push({ type: "remove-keys", sender: number, generation });
      }
      sender.generations = sender.generations.filter(({ removeAt }) => now < removeAt);
    }
    this.early = this.early.filter(({ until }) => now < until);
  }

  nextDeadline(): number {
    let deadline = Infinity;
    for (const { want, generations } of this.senders.values()) {
      deadline = Math.min(deadline, want?.askAt ?? Infinity, ...generations.map(({ removeAt }) => removeAt));
    }
    for (const { until } of this.early) deadline = Math.min(deadline, until);
    return deadline;
  }
}
