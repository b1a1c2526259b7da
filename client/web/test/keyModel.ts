// A model of calls for the key agreement: members in one process and in virtual time, a server that announces who comes and
// goes, a network that loses, delays, repeats and reorders, and somebody who lies. What the agreement promises is asserted
// while it runs and at the end; everything follows from one seed.

import assert from "node:assert/strict";

import { packKeyId, type KeyId } from "../src/e2ee/KeyId.ts";
import { type MediaKey } from "../src/e2ee/KeyProvider.ts";
import { Suite } from "../src/e2ee/FrameMetadata.ts";
import { type KeyAction } from "../src/keys/KeyActions.ts";
import { MediaKeyAgreement } from "../src/keys/MediaKeyAgreement.ts";
import { COALESCING_MS, LIVE_WITHIN_MS } from "../src/keys/SendingKeys.ts";
import { ratchetSecret } from "../src/messages/derive.ts";
import { addressOf, type DeviceId } from "../src/messages/DeviceId.ts";
import { device } from "./keySupport.ts";
import { Random } from "./random.ts";

const FRAME_MS = 200;
/** Of one sender, as docs/e2ee.md section 4 has it. */
const MOST_GENERATIONS = 4;
/** Between two questions to one device. */
const ASK_INTERVAL_MS = 1000;
/** Messages with keys to one device within a second, whatever happens: rotations cannot come closer than this, each retry
 * doubles its wait, and questions are answered once a second with at most two keys. */
const MOST_SENDS_A_SECOND = 3 * Math.ceil(1000 / COALESCING_MS) + 4;

const text = (key: MediaKey): string => Buffer.from(key.sk).toString("hex");
const numberOf = (id: KeyId): number => Number(packKeyId(id));

/** Things that happen at their time; those of one moment in the order in which they were asked for. */
class VirtualTime {
  now = 0;
  private readonly heap: { at: number; order: number; run: () => void }[] = [];
  private order = 0;

  at(when: number, run: () => void): void {
    const { heap } = this;
    heap.push({ at: Math.max(when, this.now), order: this.order++, run });
    for (let i = heap.length - 1; i > 0; ) {
      const up = (i - 1) >> 1;
      if (!this.before(i, up)) break;
      [heap[i], heap[up]] = [heap[up]!, heap[i]!];
      i = up;
    }
  }

  after(ms: number, run: () => void): void {
    this.at(this.now + ms, run);
  }

  runFor(ms: number): void {
    const end = this.now + ms;
    while (this.heap.length > 0 && this.heap[0]!.at <= end) {
      const { at, run } = this.take();
      this.now = at;
      run();
    }
    this.now = end;
  }

  private take() {
    const { heap } = this;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    heap[0] = last;
    for (let i = 0; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) if (child < heap.length && this.before(child, least)) least = child;
      if (least === i) return first;
      [heap[i], heap[least]] = [heap[least]!, heap[i]!];
      i = least;
    }
  }

  private before(a: number, b: number): boolean {
    const [left, right] = [this.heap[a]!, this.heap[b]!];
    return left.at - right.at < 0 || (left.at === right.at && left.order < right.order);
  }
}

/** A key message on its way: which device sealed it is certain, as the session says so. */
interface Sent {
  readonly from: DeviceId;
  readonly key: MediaKey;
  readonly rotation: number;
}

interface Span {
  readonly from: number;
  to: number;
}

class Person {
  readonly address: string;
  readonly keys: MediaKeyAgreement;
  /** In the room, as the server sees it; `ready`: and knows it. */
  here = false;
  ready = false;
  sender = 0;
  rosterAt = 0;
  /** Stored for it while it was invited. */
  mailbox: Sent[] = [];
  /** Sender -> generation -> keys that frames are opened with. */
  installed = new Map<number, Map<number, MediaKey[]>>();
  /** All that was ever sealed for it, delivered or not: an adversary inside would have it. */
  readonly sealedForIt = new Map<number, Set<string>>();
  /** What it sealed frames with, and when. */
  readonly used: { readonly key: MediaKey; readonly span: Span }[] = [];
  /** When, in its own view, a device was to have its keys; by address. */
  readonly entitled = new Map<string, Span[]>();
  invited = new Set<string>();
  readonly sends = new Map<string, number[]>();
  readonly askedAt = new Map<string, number>();
  wakeAt = Infinity;

  constructor(
    readonly device: DeviceId,
    random: Random,
    /** Sends lies; what it says of its own keys is not held against the others. */
    readonly liar: boolean,
  ) {
    this.address = addressOf(device);
    this.keys = new MediaKeyAgreement(Suite.Duo, (length) => random.bytes(length));
  }

  get current(): MediaKey | undefined {
    return this.used.at(-1)?.key;
  }
}

export class KeyModel {
  readonly time = new VirtualTime();
  rotations = 0;
  messages = 0;
  private readonly random: Random;
  private readonly people: Person[];
  private lossPercent = 0;
  private lastSender = 0;
  private invitations = new Set<Person>();
  /** Everything that was ever sent, for whoever repeats it. */
  private readonly recorded: { to: Person; sent: Sent }[] = [];
  /** Who sealed a key: what is installed is looked up here. */
  private readonly sealedBy = new Map<MediaKey, string>();
  private readonly ratcheted = new Map<string, string>();
  private quietSince = Infinity;

  constructor(seed: number) {
    this.random = new Random(seed);
    const count = 4 + this.below(3);
    this.people = Array.from({ length: count }, (_, i) => new Person(device(`user${i}`), this.random, i === 0));
    this.frames();
  }

  /** Joins, leaves, losses and lies at random. */
  runWild(events: number): void {
    this.lossPercent = this.below(3) * 12;
    for (let i = 0; i < events; i++) {
      this.happen();
      // Mostly in quick succession, now and then with time for things to settle.
      this.time.runFor(this.below(4) === 0 ? 2000 + this.below(6000) : this.below(500));
    }
  }

  /** Nothing more happens, is lost or lied about; then everything holds, and nothing is said any more. */
  settle(): void {
    this.lossPercent = 0;
    for (const person of this.people) {
      for (const other of this.people) {
        if (person.keys.isBlocked(other.device)) this.inView(person, () => person.keys.accept(other.device, this.time.now));
      }
    }
    this.time.runFor(50_000);
    this.quietSince = this.time.now;
    this.time.runFor(20_000);
    for (const sender of this.people) this.checkSecrecy(sender);
    for (const sender of this.people) if (sender.here && !sender.liar) this.checkOpened(sender);
  }

  // What happens

  private below(limit: number): number {
    return this.random.below(limit);
  }

  private anybody(): Person {
    return this.people[this.below(this.people.length)]!;
  }

  private happen(): void {
    const person = this.anybody();
    const what = this.below(20);
    if (what < 10) return person.here ? this.leave(person) : this.join(person);
    if (what < 11) return person.here ? this.joinAnew(person) : this.join(person);
    if (what < 13) return this.invite(person);
    if (what < 15) return this.trust(person);
    if (what < 17) return this.repeat();
    this.lie();
  }

  private join(person: Person): void {
    person.here = true;
    person.sender = ++this.lastSender;
    this.invitations.delete(person);
    const members = this.people.filter((other) => other.here && other !== person);
    const roster = members.map((other) => ({ sender: other.sender, device: other.device }));
    const { sender } = person;
    for (const other of members) {
      this.announce(other, () => {
        other.keys.memberJoined({ sender, device: person.device }, this.time.now);
        this.tellInvited(other);
      });
    }
    this.announce(person, () => {
      person.ready = true;
      person.keys.joined(sender, roster, this.time.now);
      this.tellInvited(person);
      for (const sent of person.mailbox.splice(0)) this.deliver(person, sent);
    });
  }

  private leave(person: Person): void {
    const { sender } = person;
    this.forget(person);
    person.here = false;
    for (const other of this.people) if (other.here) this.announce(other, () => other.keys.memberLeft(sender, this.time.now));
  }

  /** Under another number, while the others still have the one before. */
  private joinAnew(person: Person): void {
    const before = person.sender;
    this.forget(person);
    this.join(person);
    for (const other of this.people) {
      if (other.here && other !== person) this.announce(other, () => other.keys.memberLeft(before, this.time.now));
    }
  }

  private forget(person: Person): void {
    person.ready = false;
    person.keys.left();
    person.keys.takeActions();
    person.installed.clear();
    person.askedAt.clear();
    this.endUse(person);
    for (const spans of person.entitled.values()) this.close(spans);
  }

  private invite(person: Person): void {
    if (person.here) return;
    if (!this.invitations.delete(person)) this.invitations.add(person);
    for (const other of this.people) if (other.here) this.announce(other, () => this.tellInvited(other));
  }

  private tellInvited(person: Person): void {
    const list = [...this.invitations].map((invited) => invited.device);
    person.invited = new Set(list.map(addressOf));
    person.keys.setInvited(list, this.time.now);
  }

  private trust(person: Person): void {
    const other = this.anybody();
    if (!person.ready || other === person) return;
    // Who is taken back is a stranger that may be asked at once.
    person.askedAt.clear();
    this.inView(person, () => {
      if (person.keys.isBlocked(other.device)) person.keys.accept(other.device, this.time.now);
      else person.keys.block(other.device, this.time.now);
    });
  }

  /** Any message of before once more, whoever is there by now. */
  private repeat(): void {
    for (let left = this.below(10); left > 0 && this.recorded.length > 0; left--) {
      const { to, sent } = this.recorded[this.below(this.recorded.length)]!;
      this.time.after(this.below(2000), () => {
        if (to.ready) this.deliver(to, sent);
      });
    }
  }

  /** Whoever lies can say anything, under its own name: that the session proves. */
  private lie(): void {
    const liar = this.people[0]!;
    const stranger = this.below(3) === 0 ? device("stranger") : liar.device;
    const victim = this.anybody();
    if (!victim.ready || victim === liar) return;
    const of = this.below(3) === 0 ? liar.sender : this.below(this.lastSender + 2);
    for (let left = 1 + this.below(12); left > 0; left--) {
      const id = { sender: of, generation: this.below(256), step: this.below(256) };
      const key = { id, suite: Suite.Duo, sk: this.random.bytes(this.below(20) === 0 ? this.below(64) : 32) };
      const { now } = this.time;
      const rotation = this.below(2) === 0 ? this.below(100) : 2 ** 31;
      this.sealedBy.set(key, addressOf(stranger));
      [
        () => victim.keys.keyArrived(stranger, key, now),
        () => victim.keys.receipt(stranger, rotation, now),
        () => victim.keys.undelivered(stranger, rotation, this.below(2) === 0, now),
        () => {
          const about = this.below(2) === 0 ? victim.sender : of;
          for (let times = this.below(40); times >= 0; times--) victim.keys.keyAsked(stranger, about, now);
        },
        () => victim.keys.keyUnknown(id, now),
        // A step below the one we have was there before us; one above may be ratcheted to.
        () => victim.keys.frameOpened({ ...id, sender: liar.sender }, now),
      ][this.below(6)]!();
      this.carryOut(victim);
    }
  }

  // The server and the network

  /** An event of the server: in order at each, after a while. */
  private announce(person: Person, event: () => void): void {
    person.rosterAt = Math.max(person.rosterAt + 1, this.time.now + 5 + this.below(100));
    const { sender } = person;
    this.time.at(person.rosterAt, () => {
      if (person.here && person.sender === sender) this.inView(person, event);
    });
  }

  private inView(person: Person, event: () => void): void {
    event();
    this.noteEntitled(person);
    this.carryOut(person);
  }

  private noteEntitled(person: Person): void {
    for (const other of this.people) {
      const there = [...person.keys.members.values()].some((member) => addressOf(member) === other.address);
      const entitled = person.ready && (there || person.invited.has(other.address)) && !person.keys.isBlocked(other.device);
      const spans = person.entitled.get(other.address) ?? [];
      person.entitled.set(other.address, spans);
      const open = spans.at(-1)?.to === Infinity;
      if (entitled && !open) spans.push({ from: this.time.now, to: Infinity });
      else if (!entitled && open) this.close(spans);
    }
  }

  private close(spans: Span[]): void {
    const last = spans.at(-1);
    if (last !== undefined) last.to = Math.min(last.to, this.time.now);
  }

  private endUse(person: Person): void {
    const last = person.used.at(-1);
    if (last !== undefined) last.span.to = Math.min(last.span.to, this.time.now);
  }

  /** Lost now and then, sometimes twice, and never in order. */
  private send(arrive: () => void): void {
    for (let copies = this.below(15) === 0 ? 2 : 1; copies > 0; copies--) {
      if (this.below(100) >= this.lossPercent) this.time.after(10 + this.below(400), arrive);
    }
  }

  private deliver(to: Person, sent: Sent): void {
    to.keys.keyArrived(sent.from, sent.key, this.time.now);
    this.carryOut(to);
    const from = this.people.find(({ address }) => address === addressOf(sent.from));
    this.send(() => {
      if (from?.ready !== true) return;
      from.keys.receipt(to.device, sent.rotation, this.time.now);
      this.carryOut(from);
    });
  }

  // What the agreement asks for

  private carryOut(person: Person): void {
    for (const action of person.keys.takeActions()) this.perform(person, action);
    const pending = person.keys.reports.filter(({ key, liveAt }) => key.sender === person.sender && liveAt === undefined);
    // Of a number that was given up in mid-rotation nothing goes live any more.
    assert.ok(pending.length <= 1, `${person.device.user} has ${pending.length} rotations pending`);
    this.wake(person);
  }

  private wake(person: Person): void {
    const due = person.keys.nextDeadline();
    if (due === person.wakeAt || due === Infinity) return;
    person.wakeAt = due;
    this.time.at(due, () => {
      if (person.wakeAt !== due) return;
      person.wakeAt = Infinity;
      if (!person.ready) return;
      person.keys.onTime(this.time.now);
      assert.ok(person.keys.nextDeadline() > this.time.now, "time passes, and yet something is due at once");
      this.carryOut(person);
    });
  }

  private perform(person: Person, action: KeyAction): void {
    switch (action.type) {
      case "send-key":
        for (const to of action.to) this.sendKey(person, addressOf(to), action);
        return;
      case "use-key":
        return this.useKey(person, action.key);
      case "install-key":
        return this.installKey(person, action.key);
      case "remove-keys":
        if (action.generation === undefined) person.installed.delete(action.sender);
        else person.installed.get(action.sender)?.delete(action.generation);
        return;
      case "ask-for-key":
        return this.ask(person, action.of, action.key.sender);
      default:
    }
  }

  private sendKey(person: Person, address: string, { key, rotation, store }: Extract<KeyAction, { type: "send-key" }>): void {
    this.messages++;
    const { now } = this.time;
    assert.equal(this.quietSince, Infinity, `${person.device.user} still sends keys when all is settled`);
    this.noteEntitled(person);
    assert.equal(person.entitled.get(address)?.at(-1)?.to, Infinity, `a key of ${person.device.user} goes to ${address}`);
    const lately = (person.sends.get(address) ?? []).filter((when) => now - when < 1000);
    person.sends.set(address, [...lately, now]);
    assert.ok(lately.length < MOST_SENDS_A_SECOND, `${person.device.user} floods ${address}`);

    const to = this.people.find((other) => other.address === address)!;
    const sealed = to.sealedForIt.get(numberOf(key.id)) ?? new Set();
    to.sealedForIt.set(numberOf(key.id), sealed.add(text(key)));
    this.sealedBy.set(key, person.address);
    const sent = { from: person.device, key, rotation };
    this.recorded.push({ to, sent });
    const failed = () => {
      if (!person.ready) return;
      person.keys.undelivered(to.device, rotation, this.below(30) === 0, this.time.now);
      this.carryOut(person);
    };
    this.send(() => {
      if (to.ready) this.deliver(to, sent);
      else if (store) to.mailbox.push(sent);
      else this.time.after(20, failed);
    });
  }

  private useKey(person: Person, key: MediaKey): void {
    this.rotations++;
    this.endUse(person);
    const twin = person.used.find((used) => numberOf(used.key.id) === numberOf(key.id));
    assert.ok(twin === undefined, `${person.device.user} uses the id of a key twice`);
    person.used.push({ key, span: { from: this.time.now, to: Infinity } });
  }

  private installKey(person: Person, key: MediaKey): void {
    const owner = person.keys.members.get(key.id.sender);
    assert.ok(owner !== undefined, "a key of nobody in the roster is installed");
    assert.equal(this.sealedBy.get(key), addressOf(owner), "a key is installed for a number that is not its sender's");
    assert.ok(!person.keys.isBlocked(owner), "a key of a blocked device is installed");
    const generations = person.installed.get(key.id.sender) ?? new Map<number, MediaKey[]>();
    person.installed.set(key.id.sender, generations);
    generations.set(key.id.generation, [...(generations.get(key.id.generation) ?? []), key]);
    assert.ok(generations.size <= MOST_GENERATIONS, `${generations.size} generations of one sender are kept`);
  }

  private ask(person: Person, of: DeviceId, sender: number): void {
    const { now } = this.time;
    assert.equal(this.quietSince, Infinity, `${person.device.user} still asks for keys when all is settled`);
    const last = person.askedAt.get(`${sender}`) ?? -Infinity;
    assert.ok(now - last >= ASK_INTERVAL_MS, `${person.device.user} asks again after ${now - last} ms`);
    person.askedAt.set(`${sender}`, now);
    const asked = this.people.find(({ address }) => address === addressOf(of))!;
    this.send(() => {
      if (!asked.ready) return;
      asked.keys.keyAsked(person.device, sender, this.time.now);
      this.carryOut(asked);
    });
  }

  // Frames

  /** All that are there send a frame to all others. */
  private frames(): void {
    for (const sender of this.people) {
      const key = sender.current;
      if (!sender.ready || key === undefined || key.id.sender !== sender.sender) continue;
      for (const viewer of this.people) {
        if (!viewer.ready || viewer === sender) continue;
        if (this.opens(viewer, key)) viewer.keys.frameOpened(key.id, this.time.now);
        else viewer.keys.keyUnknown(key.id, this.time.now);
        this.carryOut(viewer);
      }
    }
    this.time.after(FRAME_MS, () => this.frames());
  }

  private opens(viewer: Person, key: MediaKey): boolean {
    const known = viewer.installed.get(key.id.sender)?.get(key.id.generation) ?? [];
    return known.some((candidate) => this.leadsTo(candidate.id.step, text(candidate), key));
  }

  /** Whether the secret of this step ratchets to the key. */
  private leadsTo(step: number, secret: string, key: MediaKey): boolean {
    let reached = secret;
    for (let at = step; at < key.id.step; at++) {
      const next = this.ratcheted.get(reached) ?? Buffer.from(ratchetSecret(Buffer.from(reached, "hex"))).toString("hex");
      this.ratcheted.set(reached, next);
      reached = next;
    }
    return step <= key.id.step && reached === text(key);
  }

  // What is promised

  private checkOpened(sender: Person): void {
    assert.ok(sender.current !== undefined && sender.current.id.sender === sender.sender, `${sender.device.user} has no key`);
    for (const viewer of this.people) {
      if (!viewer.here || viewer === sender) continue;
      const who = `${viewer.device.user} of ${sender.device.user}`;
      assert.ok(this.opens(viewer, sender.current), `frames stay shut to ${who}`);
      assert.ok(!viewer.keys.waitingFor(sender.sender), `keys are waited for by ${who}`);
    }
  }

  /** Nobody ever had what a frame was sealed with before it was entitled to it, nor five seconds after it no longer was. */
  private checkSecrecy(sender: Person): void {
    for (const { key, span } of sender.used) {
      for (const other of this.people) {
        if (other === sender || !this.couldOpen(other, key)) continue;
        let reached = span.from;
        for (const { from, to } of sender.entitled.get(other.address) ?? []) {
          if (from <= reached) reached = Math.max(reached, to + LIVE_WITHIN_MS);
        }
        const end = Math.min(span.to, this.time.now);
        assert.ok(reached >= end, `${other.device.user} opens frames of ${sender.device.user} for ${end - reached} ms too long`);
      }
    }
    for (const { liveAt, removed } of sender.keys.reports) {
      for (const { knownAt } of removed) {
        if (liveAt !== undefined) assert.ok(liveAt - knownAt <= LIVE_WITHIN_MS, "a removal is honoured too late");
      }
    }
  }

  private couldOpen(other: Person, key: MediaKey): boolean {
    for (let step = 0; step <= key.id.step; step++) {
      for (const secret of other.sealedForIt.get(numberOf({ ...key.id, step })) ?? []) {
        if (this.leadsTo(step, secret, key)) return true;
      }
    }
    return false;
  }
}
