// What the lock beside a name says, from the counts of the frame worker.

import type { SealReport, SenderReport } from "../e2ee/worker/messages.ts";

/**
 * `sealed`: frames are sealed and open. `ready`: the key is there, no frame has come yet. `waiting`: no key for it.
 * `failing`: frames come and do not open with the key that we have. `blocked`: the device's identity has changed, and was
 * not accepted.
 */
export type E2eeState = "sealed" | "ready" | "waiting" | "failing" | "blocked";

/** How long an event colours the state, in ms. */
const MEMORY_MS = 3000;

/** Follows one sender's counts. */
export class E2eeTracker {
  private last: SenderReport = { sender: 0, hasKey: false, opened: 0, failed: 0, withoutKey: 0 };
  private openedAt = -Infinity;
  private failedAt = -Infinity;
  private withoutKeyAt = -Infinity;

  update(report: SenderReport, now: number): void {
    const opened = report.opened - this.last.opened;
    const failed = report.failed - this.last.failed;
    // A frame or two that fail among many that open are damage on the way, or someone's poor joke; not a wrong key.
    if (failed > 0 && failed >= opened) this.failedAt = now;
    else if (opened > 0) this.openedAt = now;
    if (report.withoutKey > this.last.withoutKey) this.withoutKeyAt = now;
    this.last = report;
  }

  state(now: number): E2eeState {
    if (now - this.failedAt < MEMORY_MS && this.failedAt > this.openedAt) return "failing";
    if (!this.last.hasKey || (now - this.withoutKeyAt < MEMORY_MS && this.withoutKeyAt > this.openedAt)) return "waiting";
    if (this.failedAt > this.openedAt) return "failing";
    return this.last.opened > 0 ? "sealed" : "ready";
  }
}

/** Follows the own frames: sealed, or dropped because there was no key. */
export class OwnE2eeTracker {
  private last: SealReport = { sealed: 0, dropped: 0 };
  private current: E2eeState = "waiting";

  update(report: SealReport): void {
    if (report.sealed > this.last.sealed) this.current = "sealed";
    else if (report.dropped > this.last.dropped) this.current = "waiting";
    this.last = report;
  }

  state(): E2eeState {
    return this.current;
  }
}
