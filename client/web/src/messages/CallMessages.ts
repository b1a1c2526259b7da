// What people send each other during a call over the sessions of their devices: files and texts. Keys go the same way, but
// are none of this.

import { Purpose, type Body } from "./content.ts";
import { addressOf, type DeviceId } from "./DeviceId.ts";
import { type Undelivered } from "./ports.ts";

/** How far a message has come to one device. */
export type Delivery = "under-way" | "opened" | Undelivered;

/** By the device's address. */
export type Deliveries = ReadonlyMap<string, Delivery>;

export interface CallMessagesPort {
  /** As Messenger.send. */
  send(what: Body["what"], to: readonly DeviceId[], token: number): void;
  /** Devices of the others in the call. */
  members(): readonly DeviceId[];
}

/** Messages that came before anybody listened: those that waited on the server. */
const MAX_WAITING = 200;
/** Sent messages whose receipts are still told. */
const MAX_FOLLOWED = 500;

export class CallMessages {
  private listener: ((from: DeviceId, body: Body) => void) | undefined;
  private waiting: { readonly from: DeviceId; readonly body: Body }[] = [];
  private lastToken = 0;
  private readonly followed = new Map<number, { readonly states: Map<string, Delivery>; readonly news: () => void }>();

  constructor(private readonly port: CallMessagesPort) {}

  /** From now on files and texts come here, first those that have waited. */
  listen(listener: (from: DeviceId, body: Body) => void): void {
    this.listener = listener;
    for (const { from, body } of this.waiting.splice(0)) listener(from, body);
  }

  /** To every device in the call. `news` is called when one has opened it, or cannot be reached. */
  send(what: Body["what"], news: () => void): Deliveries {
    const to = this.port.members();
    const states = new Map(to.map((device): [string, Delivery] => [addressOf(device), "under-way"]));
    this.followed.set(--this.lastToken, { states, news });
    for (const token of this.followed.keys()) if (this.followed.size > MAX_FOLLOWED) this.followed.delete(token);
    this.port.send(what, to, this.lastToken);
    return states;
  }

  /** Tokens of these messages are negative. */
  static owns(token: number): boolean {
    return token < 0;
  }

  /** A receipt, or the reason why there will be none. */
  delivered(device: DeviceId, token: number, state: Delivery): void {
    const message = this.followed.get(token);
    const address = addressOf(device);
    if (message === undefined || !message.states.has(address) || message.states.get(address) === "opened") return;
    message.states.set(address, state);
    message.news();
  }

  /** A message was opened; others than files and texts are ignored. */
  arrived(from: DeviceId, body: Body): void {
    if (body.what.purpose !== Purpose.MediaMessage && body.what.purpose !== Purpose.Text) return;
    if (this.listener !== undefined) this.listener(from, body);
    else if (this.waiting.length < MAX_WAITING) this.waiting.push({ from, body });
  }
}
