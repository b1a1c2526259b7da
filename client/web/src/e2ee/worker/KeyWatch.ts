// Tells which keys frames name, but not for every frame: a key that opens is told once, and again after one was missing; a
// key that is missing is told a few times a second.

import type { KeyId } from "../KeyId.ts";

/** Between two reports about a missing key of one sender, ms. */
const UNKNOWN_INTERVAL_MS = 100;

interface Seen {
  generation: number;
  step: number;
  missing: boolean;
  toldMissingAt: number;
}

export class KeyWatch {
  private readonly senders = new Map<number, Seen>();

  constructor(
    private readonly onOpened: (key: KeyId) => void,
    private readonly onUnknown: (key: KeyId) => void,
  ) {}

  opened(key: KeyId): void {
    const seen = this.seen(key.sender);
    if (!seen.missing && seen.generation === key.generation && seen.step === key.step) return;
    Object.assign(seen, { generation: key.generation, step: key.step, missing: false });
    this.onOpened(key);
  }

  unknown(key: KeyId, now = performance.now()): void {
    const seen = this.seen(key.sender);
    if (now - seen.toldMissingAt < UNKNOWN_INTERVAL_MS) return;
    seen.toldMissingAt = now;
    seen.missing = true;
    this.onUnknown(key);
  }

  /** At most 65,535, as there are sender numbers. */
  private seen(sender: number): Seen {
    let seen = this.senders.get(sender);
    if (seen === undefined) {
      seen = { generation: -1, step: -1, missing: false, toldMissingAt: -Infinity };
      this.senders.set(sender, seen);
    }
    return seen;
  }
}
