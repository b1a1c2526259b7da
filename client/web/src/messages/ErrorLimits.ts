// Which messages that did not open are answered by an error receipt: each once, and so few for each device that a flood
// of them makes no flood of answers (docs/e2ee.md section 3).

import { toHex, type Bytes } from "../e2ee/bytes.ts";
import { addressOf, type DeviceId } from "./DeviceId.ts";
import { RateLimit } from "./RateLimit.ts";

/** Error receipts to one device: so many at once, then one each minute. */
const BURST = 5;
const INTERVAL_MS = 60_000;
/** Messages are remembered up to this many; the server sends each once. */
const MAX_REMEMBERED = 10_000;

export class ErrorLimits {
  private readonly limits = new Map<string, RateLimit>();
  private readonly answered = new Set<string>();

  /** Whether the failure of this message is to be reported to its sender now; counts as done. */
  take(from: DeviceId, message: Bytes, now: number): boolean {
    const address = addressOf(from);
    const key = address + toHex(message);
    if (this.answered.size >= MAX_REMEMBERED) this.answered.clear();
    if (this.answered.has(key)) return false;
    this.answered.add(key);
    const limit = this.limits.get(address) ?? new RateLimit(BURST, INTERVAL_MS);
    this.limits.set(address, limit);
    return limit.take(now);
  }
}
