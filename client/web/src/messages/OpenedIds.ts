// Ids of messages that were opened lately: what comes by two ways comes twice, and the copy is known without trying it.

import { toHex, type Bytes } from "../e2ee/bytes.ts";
import { addressOf, type DeviceId } from "./DeviceId.ts";

/** Kept for each device; the oldest go first. */
export const MAX_OPENED_IDS = 64;

export class OpenedIds {
  private readonly devices = new Map<string, string[]>();

  has(from: DeviceId, id: Bytes): boolean {
    return this.devices.get(addressOf(from))?.includes(toHex(id)) ?? false;
  }

  add(from: DeviceId, id: Bytes): void {
    const ids = this.devices.get(addressOf(from)) ?? [];
    this.devices.set(addressOf(from), [...ids.slice(1 - MAX_OPENED_IDS), toHex(id)]);
  }
}
