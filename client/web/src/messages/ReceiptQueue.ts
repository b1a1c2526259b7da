// Receipts that wait to leave together: one message to each device for all that it has sent meanwhile (docs/e2ee.md
// section 3). Pure: times in, what is due out.

import { type Bytes } from "../e2ee/bytes.ts";
import { LIMITS } from "./content.ts";
import { addressOf, type DeviceId } from "./DeviceId.ts";

/** Receipts are gathered for this long, so that those of many messages leave together, ms. */
const GATHER_MS = 20;
/** Over the data channel every receipt is a message of its own: there only the storing is shared, ms. */
const GATHER_DIRECT_MS = 5;

export interface DueReceipts {
  readonly to: DeviceId;
  /** Ids of the messages that were opened. */
  readonly messages: readonly Bytes[];
  /** To be kept for the device while it is away. */
  readonly store: boolean;
}

export class ReceiptQueue {
  private readonly pending = new Map<string, { readonly to: DeviceId; readonly messages: Bytes[]; store: boolean }>();
  private dueAt = Infinity;

  /** When take() has something; Infinity: nothing waits. */
  get due(): number {
    return this.dueAt;
  }

  /** `direct`: the message came over the data channel, and so does its receipt. */
  add(to: DeviceId, message: Bytes, { store, direct, now }: { store: boolean; direct: boolean; now: number }): void {
    const address = addressOf(to);
    const entry = this.pending.get(address) ?? { to, messages: [], store: false };
    this.pending.set(address, entry);
    entry.messages.push(message);
    entry.store ||= store;
    this.dueAt = Math.min(this.dueAt, now + (direct ? GATHER_DIRECT_MS : GATHER_MS));
    if (entry.messages.length >= LIMITS.receiptIds) this.dueAt = now;
  }

  /** All that waits; nothing does afterwards. */
  take(): DueReceipts[] {
    const all = [...this.pending.values()];
    this.clear();
    return all;
  }

  clear(): void {
    this.pending.clear();
    this.dueAt = Infinity;
  }
}
