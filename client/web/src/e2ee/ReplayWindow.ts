// Which counters of one key have been seen: a sliding window of 1,024 below the highest (docs/frame-format.md).
// Browsers deliver duplicates (RTX probing), so a replay is an everyday event and not an error.

/** Counters kept below the highest one; older frames count as replays. */
export const REPLAY_WINDOW = 1024n;

/** Check first, `accept` once the MAC has verified: a forged counter must not move the window. */
export class ReplayWindow {
  private highest = -1n;
  private readonly seen = new Set<bigint>();
  private floor = -1n;

  /** Nothing up to the highest counter opens any more; takes next to no memory from here. */
  close(): void {
    this.floor = this.highest;
    this.seen.clear();
  }

  /** Whether `ctr` may still be opened: not seen, and not below the window. */
  isFresh(ctr: bigint): boolean {
    return ctr > this.floor && ctr > this.highest - REPLAY_WINDOW && !this.seen.has(ctr);
  }

  /** Marks `ctr` as seen and moves the window up to it. */
  accept(ctr: bigint): void {
    this.seen.add(ctr);
    if (ctr <= this.highest) return;
    if (ctr - this.highest >= REPLAY_WINDOW) {
      this.seen.clear();
      this.seen.add(ctr);
    } else {
      for (let old = this.highest - REPLAY_WINDOW + 1n; old <= ctr - REPLAY_WINDOW; old++) this.seen.delete(old);
    }
    this.highest = ctr;
  }
}
