// Which way a sealed message goes (docs/e2ee.md section 4, "Transport"): media keys and their receipts over the data channel when
// both ends have one, everything else, and whatever the channel does not bring in time, over the WebSocket. The sealed bytes
// are the same, so it does not matter which copy arrives, or that both do.

import { toHex, type Bytes } from "../e2ee/bytes.ts";
import { addressOf, sameDevice, type DeviceId } from "./DeviceId.ts";
import { encodeDirect, isKeyMessage } from "./DirectMessage.ts";
import {
  PURPOSE_RECEIPT,
  type Clock,
  type Envelope,
  type IncomingMessage,
  type MessageTransport,
  type OutgoingMessage,
  type SendOutcome,
} from "./ports.ts";

/** Our data channel. */
export interface DirectChannel {
  /** To the participant with this sender number; false: it is not open, full, or the payload too large for it. */
  send(sender: number, payload: Bytes): boolean;
  /** Between us and the server, ms; 0 when unknown. */
  readonly roundTrip: number;
}

/**
 * A key message without a receipt for so long, at least and at most, goes by the WebSocket, too, ms. Within these bounds it is
 * what the round trip to that device makes of it (as in RFC 6298).
 */
export const SHORTEST_WAIT = 300;
export const LONGEST_WAIT = 1000;
/** Without a measurement: so long beyond two round trips to the server, ms. */
export const FIRST_WAIT = 300;
/** A device whose channel has brought nothing is not tried again for so long, ms. */
export const REST = 10_000;
/**
 * Bytes of key messages that may be on their way without a receipt: what a young SCTP association sends at once. Past it, in
 * large calls, most would wait for the window to grow, and go by the WebSocket instead. Half of such a window of 10 packets, as
 * receipts and what others send to us want room, too.
 */
export const MAX_UNCONFIRMED = 6 * 1024;
/** Receipts are remembered for so long (ms), so many for a device, in case its key message comes again. */
const KEEP_RECEIPTS = 10_000;
const MAX_RECEIPTS = 8;

/** On its way over the data channel. */
interface Unconfirmed {
  /** With one recipient. */
  readonly message: OutgoingMessage;
  readonly to: DeviceId;
  /** 0 once it has gone by the WebSocket, too. */
  bytes: number;
  readonly sentAt: number;
  due: number;
  readonly done: (outcome: SendOutcome) => void;
}

/** Key messages and receipts, by recipient. */
export interface MessageCounters {
  /** First choice. */
  sentDirect: number;
  sentBySocket: number;
  /** Sent again by the WebSocket, for want of a receipt. */
  fellBack: number;
  receiptsRepeated: number;
  openedDirect: number;
  openedBySocket: number;
  /** Came once more, by whichever way. */
  repeated: number;
  /** Not in the form of such a message, or of nobody in the roster. */
  refusedDirect: number;
}

const byAddress = (a: Envelope, b: Envelope) => (addressOf(a.to) < addressOf(b.to) ? -1 : 1);
const NOTHING: SendOutcome = { unknown: [], full: [] };

export class MessageWays implements MessageTransport {
  readonly counters: MessageCounters = {
    sentDirect: 0,
    sentBySocket: 0,
    fellBack: 0,
    receiptsRepeated: 0,
    openedDirect: 0,
    openedBySocket: 0,
    repeated: 0,
    refusedDirect: 0,
  };
  private readonly members = new Map<number, DeviceId>();
  private unconfirmed: Unconfirmed[] = [];
  private readonly receipts = new Map<string, { readonly message: OutgoingMessage; readonly sentAt: number }[]>();
  /** Addresses whose last message came by the WebSocket. */
  private readonly bySocket = new Set<string>();
  private readonly restUntil = new Map<string, number>();
  private readonly roundTrips = new Map<string, { smoothed: number; variation: number }>();
  private cancelTimer: () => void = () => undefined;

  constructor(
    private readonly self: DeviceId,
    private readonly socket: MessageTransport,
    private readonly channel: DirectChannel,
    private readonly clock: Clock,
  ) {}

  // Sending

  async send(message: OutgoingMessage): Promise<SendOutcome> {
    if (!isKeyMessage({ purpose: message.purpose, stored: message.store })) return this.socket.send(message);
    const later: Promise<SendOutcome>[] = [];
    // When not all of a large call can be reached this way, everybody begins with those who come next after it: so nobody
    // is sent more keys at once than it sends.
    const self = addressOf(this.self);
    const [before, after] = [true, false].map((wanted) => message.recipients.filter(({ to }) => addressOf(to) < self === wanted));
    const inOrder = [...after!.sort(byAddress), ...before!.sort(byAddress)];
    const rest = inOrder.filter((to) => {
      const outcome = this.tryDirect(message, to);
      if (outcome !== undefined) later.push(outcome);
      return outcome === undefined;
    });
    this.counters.sentDirect += message.recipients.length - rest.length;
    this.counters.sentBySocket += rest.length;
    this.setTimer();
    if (later.length === 0) return this.socket.send(message);
    const now = rest.length === 0 ? NOTHING : await this.sendPart({ ...message, recipients: rest });
    return { ...now, later };
  }

  /** What becomes of it; undefined: it cannot go this way. */
  private tryDirect(message: OutgoingMessage, to: Envelope): Promise<SendOutcome> | undefined {
    const address = addressOf(to.to);
    const sender = this.senderOf(to.to);
    const receipt = message.purpose === PURPOSE_RECEIPT;
    const now = this.clock.now();
    if (sender === undefined || (receipt && this.bySocket.has(address))) return undefined;
    if (now < (this.restUntil.get(address) ?? 0)) return undefined;
    const payload = encodeDirect(message, to);
    if (payload === undefined) return undefined;
    if (!receipt && this.unconfirmed.reduce((sum, { bytes }) => sum + bytes, payload.length) > MAX_UNCONFIRMED) return undefined;
    if (!this.channel.send(sender, payload)) return undefined;
    const part = { ...message, recipients: [to] };
    if (receipt) {
      const sent = this.receipts.get(address) ?? [];
      this.receipts.set(address, [...sent.slice(1 - MAX_RECEIPTS), { message: part, sentAt: now }]);
      return Promise.resolve(NOTHING);
    }
    return new Promise((done) => {
      const due = now + this.waitFor(address);
      this.unconfirmed.push({ message: part, to: to.to, bytes: payload.length, sentAt: now, due, done });
    });
  }

  /** That nothing was accepted is true of these recipients only. */
  private async sendPart(message: OutgoingMessage): Promise<SendOutcome> {
    const outcome = await this.socket.send(message);
    return outcome.error === undefined ? outcome : { unknown: message.recipients.map(({ to }) => to), full: [] };
  }

  acknowledge(upTo: number): void {
    this.socket.acknowledge(upTo);
  }

  // What comes back

  arrived(by: DeviceId, id: Bytes): void {
    const found = this.unconfirmed.find(({ to, message }) => sameDevice(to, by) && toHex(message.id) === toHex(id));
    if (found === undefined) return;
    this.unconfirmed = this.unconfirmed.filter((each) => each !== found);
    // After a copy by the WebSocket it is at most this.
    this.measured(addressOf(by), this.clock.now() - found.sentAt);
    found.done(NOTHING);
    this.setTimer();
  }

  private waitFor(address: string): number {
    const trip = this.roundTrips.get(address);
    const wait = trip === undefined ? this.channel.roundTrip * 2 + FIRST_WAIT : trip.smoothed + 4 * trip.variation;
    return Math.min(Math.max(wait, SHORTEST_WAIT), LONGEST_WAIT);
  }

  private measured(address: string, sample: number): void {
    const trip = this.roundTrips.get(address);
    if (trip === undefined) return void this.roundTrips.set(address, { smoothed: sample, variation: sample / 2 });
    trip.variation = (trip.variation * 3 + Math.abs(trip.smoothed - sample)) / 4;
    trip.smoothed = (trip.smoothed * 7 + sample) / 8;
  }

  /**
   * Its receipt goes back the way on which it came. When the WebSocket brings what the data channel had brought, the receipt
   * must have been lost on the channel: it is repeated, as it was.
   */
  came({ seq, purpose, from, direct }: IncomingMessage, again: boolean): void {
    if (!isKeyMessage({ purpose, stored: seq !== 0 })) return;
    this.counters[again ? "repeated" : direct ? "openedDirect" : "openedBySocket"]++;
    const address = addressOf(from);
    if (direct) {
      if (!again) this.bySocket.delete(address);
      return;
    }
    this.bySocket.add(address);
    if (again) this.repeatReceipts(address);
  }

  private repeatReceipts(address: string): void {
    const sent = this.receipts.get(address) ?? [];
    this.receipts.delete(address);
    for (const { message, sentAt } of sent) {
      if (this.clock.now() - sentAt >= KEEP_RECEIPTS) continue;
      this.counters.receiptsRepeated++;
      void this.socket.send(message);
    }
  }

  // Who can be reached

  private senderOf(device: DeviceId): number | undefined {
    // A device that has joined anew is there twice for a moment: the higher number is the newer one.
    const senders = [...this.members].filter(([, other]) => sameDevice(other, device)).map(([sender]) => sender);
    return senders.length === 0 ? undefined : Math.max(...senders);
  }

  /** The device, in the roster under this number, has its data channel open. */
  reachable(sender: number, device: DeviceId): void {
    if (!this.members.has(sender)) this.restUntil.delete(addressOf(device));
    this.members.set(sender, device);
  }

  /** Or has it no longer: what waits for its receipt goes by the WebSocket at once. */
  unreachable(sender: number): void {
    const device = this.members.get(sender);
    if (device === undefined) return;
    this.members.delete(sender);
    this.makeDue((each) => sameDevice(each.to, device));
  }

  /** It has left: nothing is sent to it any more. */
  gone(sender: number): void {
    const device = this.members.get(sender);
    this.members.delete(sender);
    if (device === undefined || this.senderOf(device) !== undefined) return;
    const address = addressOf(device);
    this.drop((each) => sameDevice(each.to, device));
    for (const state of [this.receipts, this.bySocket, this.restUntil, this.roundTrips]) state.delete(address);
  }

  /** Our own channel is gone: what waits for a receipt goes by the WebSocket at once. */
  channelLost(): void {
    this.makeDue(() => true);
    this.restUntil.clear(); // it was no fault of theirs
  }

  /** Forgets devices and what is on its way; the counters stay. */
  reset(): void {
    this.drop(() => true);
    this.members.clear();
    for (const state of [this.receipts, this.bySocket, this.restUntil, this.roundTrips]) state.clear();
  }

  private drop(which: (each: Unconfirmed) => boolean): void {
    for (const each of this.unconfirmed.filter(which)) each.done(NOTHING);
    this.unconfirmed = this.unconfirmed.filter((each) => !which(each));
    this.setTimer();
  }

  private makeDue(which: (each: Unconfirmed) => boolean): void {
    for (const each of this.unconfirmed) if (each.bytes > 0 && which(each)) each.due = this.clock.now();
    this.fallBack();
  }

  // Time

  /** Sends all that is due by the WebSocket: one message for all recipients of the same body. */
  private fallBack(): void {
    const now = this.clock.now();
    this.unconfirmed = this.unconfirmed.filter(({ bytes, sentAt }) => bytes > 0 || now - sentAt < REST);
    const due = new Map<string, Unconfirmed[]>();
    for (const each of this.unconfirmed.filter(({ due }) => due <= now)) {
      this.counters.fellBack++;
      each.bytes = 0;
      each.due = Infinity;
      this.restUntil.set(addressOf(each.to), now + REST);
      const id = toHex(each.message.id);
      due.set(id, [...(due.get(id) ?? []), each]);
    }
    for (const parts of due.values()) {
      const recipients = parts.flatMap(({ message }) => message.recipients);
      void this.sendPart({ ...parts[0]!.message, recipients }).then(({ unknown, full }) => {
        for (const { to, done } of parts) {
          const own = (devices: readonly DeviceId[]) => devices.filter((device) => sameDevice(device, to));
          done({ unknown: own(unknown), full: own(full) });
        }
      });
    }
    this.setTimer();
  }

  private setTimer(): void {
    this.cancelTimer();
    const next = Math.min(Infinity, ...this.unconfirmed.map(({ due }) => due));
    this.cancelTimer = next < Infinity ? this.clock.at(next, () => this.fallBack()) : () => undefined;
  }
}
