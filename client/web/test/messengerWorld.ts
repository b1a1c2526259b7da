// Devices with messengers over a directory and a server in memory, with a clock that is moved by hand.

import { toHex, type Bytes } from "../src/e2ee/bytes.ts";
import { Purpose, type Body } from "../src/messages/content.ts";
import { addressOf, sameDevice, type DeviceId } from "../src/messages/DeviceId.ts";
import { Messenger } from "../src/messages/Messenger.ts";
import {
  DirectoryError,
  type Clock,
  type DeviceBundle,
  type Directory,
  type IncomingMessage,
  type MessageTransport,
  type OutgoingMessage,
  type SendOutcome,
} from "../src/messages/ports.ts";
import { type PublicKey } from "../src/signal/curve.ts";
import { MemoryDeviceStore } from "../src/signal/DeviceStore.ts";
import { SignalDevice, type PublishedPreKey, type Publication } from "../src/signal/SignalDevice.ts";
import { SignalError } from "../src/signal/SignalError.ts";
import { Random, seed } from "./random.ts";
import { NOW } from "./signalDevices.ts";

export class TestClock implements Clock {
  time = 0;
  private timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.time;
  }

  at(at: number, callback: () => void): () => void {
    const timer = { at, callback };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  get next(): number {
    return Math.min(Infinity, ...this.timers.map(({ at }) => at));
  }

  /** Calls back what is due. */
  fire(): void {
    const due = this.timers.filter(({ at }) => at <= this.time);
    this.timers = this.timers.filter(({ at }) => at > this.time);
    for (const { callback } of due) callback();
  }
}

/** A store that can be told to fail. */
export class BrokenStore extends MemoryDeviceStore {
  broken = false;

  override commit(changes: Parameters<MemoryDeviceStore["commit"]>[0]): Promise<void> {
    return this.broken ? Promise.reject(new SignalError("storage", "disk full")) : super.commit(changes);
  }
}

export class Peer {
  store = new BrokenStore();
  device!: SignalDevice;
  messenger!: Messenger;
  readonly bodies: Body[] = [];
  readonly texts: string[] = [];
  readonly receipts: [from: string, token: number][] = [];
  readonly undelivered: [to: string, token: number, why: string][] = [];
  readonly changed: string[] = [];
  readonly warnings: string[] = [];
  connected = true;
  acknowledged = 0;

  constructor(
    private readonly world: World,
    readonly id: DeviceId,
  ) {}

  /** A new device under the same name: what a wiped browser profile makes. */
  async wipe(register = true): Promise<void> {
    this.store = new BrokenStore();
    await this.open(register);
  }

  /** The page is closed as in a crash, and opened again. */
  async restart(): Promise<void> {
    this.messenger.close();
    const values = new Map(this.store.names("").map((name) => [name, this.store.get(name)!] as const));
    this.store = new BrokenStore(values);
    await this.open(false);
    await this.messenger.resume();
  }

  /** Loses all sessions; identity and pins stay. */
  async forgetSessions(): Promise<void> {
    for (const peer of this.world.peers) await this.device.deleteSessions(addressOf(peer.id));
  }

  async open(register = true): Promise<void> {
    const { random } = this.world;
    this.device = await SignalDevice.open(this.store, NOW, (length) => random.bytes(length));
    this.messenger = new Messenger({
      self: this.id,
      device: this.device,
      directory: this.world.directory,
      transport: this.world.transportFor(this),
      clock: this.world.clock,
      observer: {
        onBody: (_from, _id, body) => {
          this.bodies.push(body);
          if (body.what.purpose === Purpose.Text) this.texts.push(body.what.text);
        },
        onReceipt: (from, token) => this.receipts.push([from.user, token]),
        onUndelivered: (to, token, why) => this.undelivered.push([to.user, token, why]),
        onIdentityChanged: (device: DeviceId, _key: PublicKey) => this.changed.push(device.user),
        onWarning: (message) => this.warnings.push(message),
      },
      random: (length) => random.bytes(length),
      store: this.store,
    });
    if (register) this.world.directory.keys.set(addressOf(this.id), await this.device.publication());
  }

  text(words: string, to: readonly Peer[], token = 1, store = true): void {
    const body: Body = { group: "family", sentMs: NOW, what: { purpose: Purpose.Text, text: words } };
    this.messenger.send(body, to.map(({ id }) => id), token, store);
  }

  /** A key message with this step. */
  key(step: number, to: readonly Peer[], token = 1): void {
    const key = { id: { sender: 1, generation: 0, step }, suite: 0xd0, sk: new Uint8Array(32).fill(step) } as const;
    const body: Body = { group: "call", what: { purpose: Purpose.MediaKey, key } };
    this.messenger.send(body, to.map(({ id }) => id), token, false);
  }
}

class PeerTransport implements MessageTransport {
  constructor(
    private readonly world: World,
    private readonly peer: Peer,
  ) {}

  send(message: OutgoingMessage): Promise<SendOutcome> {
    return Promise.resolve(this.world.accept(this.peer, message));
  }

  acknowledge(upTo: number): void {
    this.peer.acknowledged = upTo;
  }
}

export class TestDirectory implements Directory {
  readonly keys = new Map<string, Publication>();
  readonly asked: string[] = [];
  /** Answers wait until this is resolved. */
  gate: Promise<void> = Promise.resolve();
  failure: DirectoryError | undefined;

  async fetchBundles(user: string, devices: readonly string[]): Promise<DeviceBundle[]> {
    this.asked.push(`${user} ${devices.join(" ")}`);
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    return devices.flatMap((device) => {
      const address = addressOf({ user, device });
      const found = this.keys.get(address);
      if (found === undefined) return [];
      const [oneTimePreKey, ...rest] = found.oneTimePreKeys;
      this.keys.set(address, { ...found, oneTimePreKeys: rest });
      return [{ device, bundle: { ...found, oneTimePreKey } }];
    });
  }

  listDevices(): Promise<string[]> {
    return Promise.resolve([]);
  }

  register(keys: Publication): Promise<number> {
    return Promise.resolve(keys.oneTimePreKeys.length);
  }

  addOneTimePreKeys(keys: readonly PublishedPreKey[]): Promise<number> {
    return Promise.resolve(keys.length);
  }

  renewSignedPreKey(): Promise<void> {
    return Promise.resolve();
  }
}

interface Parcel {
  readonly to: Peer;
  readonly message: IncomingMessage;
}

export class World {
  readonly seed = seed();
  readonly random = new Random(this.seed);
  readonly clock = new TestClock();
  readonly directory = new TestDirectory();
  readonly peers: Peer[] = [];
  /** Everything that was sent, in order. */
  readonly sent: OutgoingMessage[] = [];
  /** On its way. */
  parcels: Parcel[] = [];
  /** What the server does to a message on its way; undefined: loses it. */
  tamper: (message: IncomingMessage, to: Peer) => IncomingMessage | undefined = (message) => message;
  private seq = 0;

  /** How a peer's messages leave. */
  transportFor(peer: Peer): MessageTransport {
    return new PeerTransport(this, peer);
  }

  async peer(user: string, register = true): Promise<Peer> {
    const peer = new Peer(this, { user, device: "phone" });
    await peer.open(register);
    this.peers.push(peer);
    return peer;
  }

  accept(from: Peer, message: OutgoingMessage): SendOutcome {
    this.sent.push(message);
    const unknown: DeviceId[] = [];
    for (const { to, type, body } of message.recipients) {
      const peer = this.peers.find(({ id }) => sameDevice(id, to));
      if (peer === undefined || (!message.store && !peer.connected)) {
        unknown.push(to);
        continue;
      }
      const { id, purpose, group, shared } = message;
      const seq = message.store ? ++this.seq : 0;
      this.parcels.push({ to: peer, message: { seq, from: from.id, id, purpose, group, type, body, shared } });
    }
    return { unknown, full: [] };
  }

  /** Lets everything happen that happens by itself within `ms`. */
  async run(ms = 200): Promise<void> {
    const end = this.clock.time + ms;
    for (;;) {
      await this.still();
      if (this.clock.next > end) break;
      this.clock.time = Math.max(this.clock.time, this.clock.next);
      this.clock.fire();
    }
    this.clock.time = end;
  }

  /** Delivers until nothing is on its way and nobody is at work. */
  async still(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      for (const peer of this.peers) await peer.messenger.settled();
      await new Promise<void>((resolve) => setImmediate(resolve));
      const parcels = this.parcels.splice(0);
      quiet = parcels.length === 0 ? quiet + 1 : 0;
      for (const { to, message } of parcels) {
        const delivered = this.tamper(message, to);
        if (delivered !== undefined) to.messenger.onMessage(delivered);
      }
    }
  }
}

export const idOf = (id: Bytes) => toHex(id);
