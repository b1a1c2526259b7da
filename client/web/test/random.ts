// Seeded randomness for property tests: a failure names its seed, and the seed repeats it.

/** mulberry32: small, good enough to vary inputs, the same everywhere. */
export class Random {
  constructor(private state: number) {}

  /** A whole number in 0..limit-1. */
  below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  bool(): boolean {
    return this.below(2) === 1;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(length).map(() => this.below(256));
  }
}

/** A fresh seed, or the one in SOTTO_SEED to repeat a failure. */
export function seed(): number {
  const given = process.env["SOTTO_SEED"];
  return given === undefined ? (Date.now() ^ (process.pid << 16)) >>> 0 : Number(given);
}
