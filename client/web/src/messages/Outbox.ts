// What was sent lately and to whom: a device that could not open a message gets it once more, and receipts find their way
// back to whoever sent the message. In memory only, as bodies may hold media keys; what must outlive it: MessageLog.

import { toHex, type Bytes } from "../e2ee/bytes.ts";
import { addressOf, type DeviceId } from "./DeviceId.ts";

/** One thing to say, to however many devices. */
export interface Job {
  /** The sender's, for receipts and failures; undefined for receipts of ours. */
  readonly token: number | undefined;
  readonly purpose: number;
  readonly group: string;
  /** Padded body; of a receipt the padded content. */
  readonly plain: Bytes;
  readonly store: boolean;
}

export interface OutboxEntry {
  readonly job: Job;
  /** The how-manieth session with that device it was sealed in. */
  readonly session: number;
  /** It was sent once more, or it is a message sent once more itself. */
  resent: boolean;
}

/** Kept for each device; the oldest go first. */
export const MAX_FOR_DEVICE = 256;

export class Outbox {
  private readonly devices = new Map<string, Map<string, OutboxEntry>>();

  add(to: DeviceId, id: Bytes, entry: OutboxEntry): void {
    const address = addressOf(to);
    const entries = this.devices.get(address) ?? new Map<string, OutboxEntry>();
    this.devices.set(address, entries);
    entries.set(toHex(id), entry);
    if (entries.size > MAX_FOR_DEVICE) entries.delete(entries.keys().next().value!);
  }

  /** Undefined when it was never sent to that device, or is forgotten. */
  find(to: DeviceId, id: Bytes): OutboxEntry | undefined {
    return this.devices.get(addressOf(to))?.get(toHex(id));
  }

  /** The device has it: forgets the message, gives the job. */
  receipted(by: DeviceId, id: Bytes): Job | undefined {
    const entry = this.find(by, id);
    this.devices.get(addressOf(by))?.delete(toHex(id));
    return entry?.job;
  }
}
