// How often something may happen: a bucket of tokens that fills with time, and a strict count over a period. Times in ms.

export class RateLimit {
  private spentUntil = -Infinity;

  /** `burst` at once, then one each `interval`. */
  constructor(
    private readonly burst: number,
    private readonly interval: number,
  ) {}

  /** Takes a token; false when there is none. */
  take(now: number): boolean {
    // The time at which the bucket was empty, had it been full once: moves on by an interval for each token.
    const from = Math.max(this.spentUntil, now - this.interval * this.burst);
    if (from + this.interval > now) return false;
    this.spentUntil = from + this.interval;
    return true;
  }
}

export class PeriodLimit {
  private taken: number[] = [];

  /** At most `count` within any `period`. */
  constructor(
    private readonly count: number,
    private readonly period: number,
  ) {}

  /** Counts one more; false when that would be too many. */
  take(now: number): boolean {
    this.taken = this.taken.filter((time) => now - time < this.period);
    if (this.taken.length >= this.count) return false;
    this.taken.push(now);
    return true;
  }
}
