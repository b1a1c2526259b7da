// Identities of the devices in a call as people see them: the code of the whole call, safety numbers of pairs, what was
// verified, whose identity has changed (docs/e2ee.md section 6).

import { equalConstantTime, toHex, utf8, type Bytes } from "../e2ee/bytes.ts";
import { addressOf, type DeviceId } from "../messages/DeviceId.ts";
import { callCode, type CallCode } from "../signal/callCode.ts";
import { type DeviceStore } from "../signal/DeviceStore.ts";
import { PublicKey } from "../signal/curve.ts";
import { fingerprint, type Fingerprint } from "../signal/fingerprint.ts";
import { type SignalDevice } from "../signal/SignalDevice.ts";

/** Values in the device's store: the identity key that the user has verified, by address. */
const VERIFIED = "app/verified/";

/** `unknown`: no session with it yet. `changed`: blocked until accepted. */
export type IdentityState = "unknown" | "known" | "verified" | "changed";

interface Entry {
  readonly device: DeviceId;
  pinned: Bytes | undefined;
  /** Seen instead of the pinned one, and not accepted. */
  changed: Bytes | undefined;
}

export class Security {
  /** Of everybody who is in the call; undefined as long as somebody's identity is not known. */
  code: CallCode | undefined;
  onChange: () => void = () => undefined;
  /** The user accepts an identity that has changed. */
  onAccept: (device: DeviceId) => void = () => undefined;
  private readonly entries = new Map<string, Entry>();
  private codeOf = "";

  constructor(
    readonly self: DeviceId,
    private readonly device: SignalDevice,
    private readonly store: DeviceStore,
  ) {}

  /** Everybody else in the call. */
  setMembers(devices: readonly DeviceId[]): void {
    const present = new Map(devices.map((device) => [addressOf(device), device]));
    for (const address of this.entries.keys()) if (!present.has(address)) this.entries.delete(address);
    for (const [address, device] of present) {
      if (!this.entries.has(address)) this.entries.set(address, { device, pinned: undefined, changed: undefined });
    }
    void this.refresh();
  }

  /** Pins may have come: a session began, or a message was opened. */
  async refresh(): Promise<void> {
    const entries = [...this.entries].filter(([, { pinned }]) => pinned === undefined);
    for (const [address, entry] of entries) {
      entry.pinned = (await this.device.pinnedIdentity(address))?.serialized;
    }
    this.update();
  }

  /** Another identity than the pinned one was seen. */
  identityChanged(device: DeviceId, now: PublicKey): void {
    const address = addressOf(device);
    const entry = this.entries.get(address) ?? { device, pinned: undefined, changed: undefined };
    this.entries.set(address, entry);
    entry.changed = now.serialized;
    this.update();
  }

  accept(device: DeviceId): void {
    const entry = this.entries.get(addressOf(device));
    if (entry?.changed === undefined) return;
    entry.pinned = entry.changed;
    entry.changed = undefined;
    this.onAccept(device);
    this.update();
  }

  state(device: DeviceId): IdentityState {
    const address = addressOf(device);
    const entry = this.entries.get(address);
    if (entry?.changed !== undefined) return "changed";
    if (entry?.pinned === undefined) return "unknown";
    const verified = this.store.get(VERIFIED + address);
    return verified !== undefined && equalConstantTime(verified, entry.pinned) ? "verified" : "known";
  }

  /** The user has compared the safety number, or takes that back. Counts for the identity that is shown now. */
  async setVerified(device: DeviceId, verified: boolean): Promise<void> {
    const address = addressOf(device);
    const shown = this.identityOf(device);
    if (shown === undefined) return;
    await this.store.commit(new Map([[VERIFIED + address, verified ? shown : undefined]]));
    this.onChange();
  }

  /** Of the identity that the other device shows now; undefined when it is not known. Takes some tens of milliseconds. */
  safetyNumber(device: DeviceId): Fingerprint | undefined {
    const key = this.identityOf(device);
    if (key === undefined) return undefined;
    const party = (user: string, identityKey: PublicKey) => ({ stableId: utf8(user), identityKey });
    return fingerprint(party(this.self.user, this.device.identityKey), party(device.user, PublicKey.parse(key)));
  }

  /** Changes when the safety number does. */
  identityText(device: DeviceId): string {
    const key = this.identityOf(device);
    return key === undefined ? "" : toHex(key);
  }

  private identityOf(device: DeviceId): Bytes | undefined {
    const entry = this.entries.get(addressOf(device));
    return entry?.changed ?? entry?.pinned;
  }

  private update(): void {
    const all = [...this.entries.values()];
    const members = all.flatMap(({ device }) => {
      const identityKey = this.identityOf(device);
      return identityKey === undefined ? [] : [{ ...device, identityKey }];
    });
    const complete = members.length === all.length;
    members.push({ ...this.self, identityKey: this.device.identityKey.serialized });
    const text = complete ? members.map((each) => `${addressOf(each)} ${toHex(each.identityKey)}`).sort().join("\n") : "";
    if (text !== this.codeOf) {
      this.codeOf = text;
      this.code = complete ? callCode(members) : undefined;
    }
    this.onChange();
  }
}
