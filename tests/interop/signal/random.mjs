// Seeded randomness: a failure names its seed, and SOTTO_SEED repeats it.

/** mulberry32. */
export class Random {
  constructor(state) {
    this.state = state;
  }

  /** A whole number in 0..limit-1. */
  below(limit) {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  hex(length) {
    return Array.from({ length }, () => this.below(256).toString(16).padStart(2, "0")).join("");
  }
}

export function seed() {
  const given = process.env.SOTTO_SEED;
  return given === undefined ? (Date.now() ^ (process.pid << 16)) >>> 0 : Number(given);
}
