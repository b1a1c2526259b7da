// Keeps this device's keys in the directory: registers it, refills one-time prekeys, renews the signed prekey
// (docs/e2ee.md section 2). Private halves are stored before public ones leave.

import { ONE_TIME_PREKEYS, type SignalDevice } from "../signal/SignalDevice.ts";
import { type Directory } from "./ports.ts";

/** The directory says so below this many, but a registration may find fewer without being told. */
const LOW = 20;

export class DeviceRegistration {
  private refilling = false;

  constructor(
    private readonly device: SignalDevice,
    private readonly directory: Directory,
  ) {}

  /** Puts identity, signed prekey and one-time prekeys into the directory. May be repeated. `now`: Unix time, ms. */
  async register(now: number): Promise<void> {
    // Before it is published, so that the directory gets the new one.
    await this.device.renewSignedPreKey(now);
    const keys = await this.device.publication();
    // The youngest: the directory takes no more, and has handed out the oldest first.
    const oneTimePreKeys = keys.oneTimePreKeys.slice(-ONE_TIME_PREKEYS);
    const count = await this.directory.register({ ...keys, oneTimePreKeys });
    if (count < LOW) await this.refill(count);
  }

  /** The directory says that so many one-time prekeys are left. */
  async refill(remaining: number): Promise<void> {
    if (this.refilling || remaining >= ONE_TIME_PREKEYS) return;
    this.refilling = true;
    try {
      await this.directory.addOneTimePreKeys(await this.device.addOneTimePreKeys(ONE_TIME_PREKEYS - remaining));
    } finally {
      this.refilling = false;
    }
  }

  /** Renews the signed prekey when it is due. `now`: Unix time, ms. */
  async renewIfDue(now: number): Promise<void> {
    const key = await this.device.renewSignedPreKey(now);
    if (key !== undefined) await this.directory.renewSignedPreKey(key);
  }
}
