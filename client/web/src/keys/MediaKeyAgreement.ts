// Media keys in a call (docs/e2ee.md section 4): who is there and whom we trust, our own key and those of the others, put
// together. It sends nothing and reads no clock: events and the time (ms) in, actions out.

import { type Suite } from "../e2ee/FrameMetadata.ts";
import { type KeyId } from "../e2ee/KeyId.ts";
import { type MediaKey } from "../e2ee/KeyProvider.ts";
import { addressOf, sameDevice, type DeviceId } from "../messages/DeviceId.ts";
import { systemRandom, type RandomBytes } from "../signal/curve.ts";
import { type KeyAction, type RotationReport } from "./KeyActions.ts";
import { ReceivedKeys } from "./ReceivedKeys.ts";
import { SendingKeys } from "./SendingKeys.ts";

/** Another member of the call, as the server's roster has it. */
export interface Member {
  readonly sender: number;
  readonly device: DeviceId;
}

export class MediaKeyAgreement {
  /** By sender number. */
  readonly members = new Map<number, DeviceId>();
  private actions: KeyAction[] = [];
  private readonly sending: SendingKeys;
  private readonly received: ReceivedKeys;
  private invited = new Map<string, DeviceId>();
  private readonly blocked = new Set<string>();
  private self = 0;

  constructor(suite: Suite, random: RandomBytes = systemRandom) {
    this.sending = new SendingKeys(random, suite, this.actions);
    this.received = new ReceivedKeys(this.actions);
  }

  /** Of our own keys from now on; before joined(). */
  setSuite(suite: Suite): void {
    this.sending.setSuite(suite);
  }

  // Who is there

  /**
   * We have joined afresh (not: resumed), under this number, among these. Everything from before is forgotten but who is
   * blocked.
   */
  joined(self: number, members: readonly Member[], now: number): void {
    this.forget();
    this.self = self;
    for (const member of members) this.memberJoined(member, now);
    this.sending.start(self, now);
  }

  /** The call is over for us: all keys are forgotten, ours too. What else waited to be done is dropped. */
  left(): void {
    this.actions.length = 0;
    this.forget();
  }

  memberJoined({ sender, device }: Member, now: number): void {
    if (sender === 0 || sender === this.self) return;
    const known = this.members.get(sender);
    if (known !== undefined) {
      if (sameDevice(known, device)) return;
      this.memberLeft(sender, now);
    }
    this.members.set(sender, device);
    if (this.isBlocked(device)) return;
    this.received.present(sender, device, now);
    this.sending.add(device, true, now);
  }

  memberLeft(sender: number, now: number): void {
    const device = this.members.get(sender);
    if (device === undefined) return;
    this.members.delete(sender);
    this.received.gone(sender);
    // A device that has joined anew is there twice for a moment.
    if (!this.isMember(device)) this.stopSendingTo(device, now);
  }

  /** The member's connection to the server was gone and is back. */
  memberBack(sender: number): void {
    const device = this.members.get(sender);
    if (device !== undefined) this.sending.back(device);
  }

  /** All devices of all users who are invited and not here yet; the list replaces the one before. */
  setInvited(devices: readonly DeviceId[], now: number): void {
    const before = this.invited;
    this.invited = new Map(devices.map((device) => [addressOf(device), device]));
    for (const [address, device] of before) {
      if (!this.invited.has(address) && !this.isMember(device)) this.sending.remove(device, now);
    }
    for (const [address, device] of this.invited) {
      if (!before.has(address) && !this.isMember(device) && !this.isBlocked(device)) this.sending.add(device, false, now);
    }
  }

  // Whom we trust

  /** The device's identity key is not the one we know: no key goes to it, and none is taken from it. */
  block(device: DeviceId, now: number): void {
    if (this.isBlocked(device)) return;
    this.blocked.add(addressOf(device));
    this.sending.remove(device, now);
    for (const [sender, other] of this.members) if (sameDevice(other, device)) this.received.gone(sender);
  }

  /** The user has accepted the device's present identity. */
  accept(device: DeviceId, now: number): void {
    if (!this.blocked.delete(addressOf(device))) return;
    for (const [sender, other] of this.members) {
      if (sameDevice(other, device)) this.received.present(sender, device, now);
    }
    const member = this.isMember(device);
    if (member || this.invited.has(addressOf(device))) this.sending.add(device, member, now);
  }

  isBlocked(device: DeviceId): boolean {
    return this.blocked.has(addressOf(device));
  }

  // Messages

  /** A key message, opened in the session with `from`. */
  keyArrived(from: DeviceId, key: MediaKey, now: number): void {
    if (!this.isBlocked(from)) this.received.arrived(from, key, now);
  }

  /** A request for the key of this sender. */
  keyAsked(from: DeviceId, sender: number, now: number): void {
    if (sender === this.self && !this.isBlocked(from) && this.isMember(from)) this.sending.asked(from, now);
  }

  receipt(from: DeviceId, rotation: number, now: number): void {
    this.sending.receipt(from, rotation, now);
  }

  /** See SendingKeys. */
  undelivered(device: DeviceId, rotation: number, forGood: boolean, now: number): void {
    this.sending.undelivered(device, rotation, forGood, now);
  }

  // Frames

  frameOpened(key: KeyId, now: number): void {
    this.received.opened(key, now);
  }

  keyUnknown(key: KeyId, now: number): void {
    this.received.unknown(key, now);
  }

  waitingFor(sender: number): boolean {
    return this.received.waitingFor(sender);
  }

  // Time and results

  onTime(now: number): void {
    this.sending.onTime(now);
    this.received.onTime(now);
  }

  nextDeadline(): number {
    return Math.min(this.sending.nextDeadline(), this.received.nextDeadline());
  }

  /** What is to be done, in this order; empties the list. */
  takeActions(): KeyAction[] {
    return this.actions.splice(0);
  }

  /** Rotations of our own key, oldest first. */
  get reports(): readonly RotationReport[] {
    return this.sending.reports;
  }

  get liveKey(): KeyId | undefined {
    return this.sending.liveKey;
  }

  private forget(): void {
    this.sending.reset();
    this.received.clear();
    this.members.clear();
    this.invited.clear();
  }

  private isMember(device: DeviceId): boolean {
    return [...this.members.values()].some((member) => sameDevice(member, device));
  }

  private stopSendingTo(device: DeviceId, now: number): void {
    this.sending.remove(device, now);
    if (this.invited.has(addressOf(device)) && !this.isBlocked(device)) this.sending.add(device, false, now);
  }
}
