// Key messages over two ways: which is taken, what happens when the data channel brings nothing, and that a message that
// comes by both is one message.

import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex, type Bytes } from "../src/e2ee/bytes.ts";
import { Purpose } from "../src/messages/content.ts";
import { decodeDirect, encodeDirect } from "../src/messages/DirectMessage.ts";
import { LONGEST_WAIT, MAX_UNCONFIRMED, MessageWays, REST } from "../src/messages/MessageWays.ts";
import { type IncomingMessage, type MessageTransport } from "../src/messages/ports.ts";
import { Peer, World } from "./messengerWorld.ts";
import { Random } from "./random.ts";

interface Direct {
  readonly to: number;
  readonly payload: Bytes;
}

/** The data channel of one peer. */
class Channel {
  open = true;
  largest = 65_532;
  readonly roundTrip = 50;
  /** What went over it, oldest first. */
  readonly sent: Direct[] = [];
  ways!: MessageWays;

  constructor(private readonly forward: (data: Direct) => void) {}

  send(to: number, payload: Bytes): boolean {
    if (!this.open || payload.length > this.largest) return false;
    this.sent.push({ to, payload });
    this.forward({ to, payload });
    return true;
  }
}

/** Members 1, 2 and 3 of a call, whose sessions are there, with all data channels open. */
class Call extends World {
  readonly channels = new Map<string, Channel>();
  /** The server does, data messages. */
  forwards = true;

  static async open(): Promise<[Call, Peer, Peer, Peer]> {
    const call = new Call();
    const [alice, bob, carol] = [await call.peer("alice"), await call.peer("bob"), await call.peer("carol")];
    alice.text("let us have sessions", [bob, carol]);
    bob.text("let us, too", [carol]);
    await call.run();
    for (const peer of call.peers) {
      const { ways } = call.channel(peer);
      for (const other of call.peers) if (other !== peer) ways.reachable(call.numberOf(other), other.id);
      for (const kept of [peer.bodies, peer.receipts]) kept.splice(0);
    }
    call.sent.splice(0);
    return [call, alice, bob, carol];
  }

  override transportFor(peer: Peer): MessageTransport {
    const channel = new Channel(({ to, payload }) => {
      if (!this.forwards) return;
      // What the origin's number says, and nothing else, tells the receiver whose it is.
      const message = decodeDirect(payload, peer.id);
      assert.ok(message);
      this.parcels.push({ to: this.peers[to - 1]!, message });
    });
    channel.ways = new MessageWays(peer.id, super.transportFor(peer), channel, this.clock);
    this.channels.set(peer.id.user, channel);
    return channel.ways;
  }

  channel(peer: Peer): Channel {
    return this.channels.get(peer.id.user)!;
  }

  counters(peer: Peer) {
    return this.channel(peer).ways.counters;
  }

  numberOf(peer: Peer): number {
    return this.peers.indexOf(peer) + 1;
  }
}

const steps = (peer: Peer) =>
  peer.bodies.map(({ what }) => (what.purpose === Purpose.MediaKey ? what.key.id.step : -1));

test("with both data channels open a key and its receipts take them, and nothing the WebSocket", async () => {
  const [call, alice, bob, carol] = await Call.open();
  alice.key(7, [bob, carol], 5);
  await call.run();
  assert.equal(call.sent.length, 0);
  assert.deepEqual([steps(bob), steps(carol)], [[7], [7]]);
  assert.deepEqual(alice.receipts.sort(), [["bob", 5], ["carol", 5]]);
  const { sentDirect, openedDirect, fellBack } = call.counters(alice);
  assert.deepEqual({ sentDirect, openedDirect, fellBack }, { sentDirect: 2, openedDirect: 2, fellBack: 0 });
});

test("texts, stored messages and requests for a key go by the WebSocket", async () => {
  const [call, alice, bob] = await Call.open();
  alice.text("hello", [bob]);
  const request = { purpose: Purpose.KeyRequest, request: { sender: 2, generation: 0, step: 0 } } as const;
  alice.messenger.send({ group: "call", sentMs: 0, what: request }, [bob.id], 0, false);
  await call.run();
  assert.equal(call.channel(alice).sent.length, 0);
  assert.equal(call.sent.filter(({ purpose }) => purpose !== 0).length, 2);
});

test("who has no data channel gets its copy by the WebSocket at once, and answers the same way", async () => {
  const [call, alice, bob, carol] = await Call.open();
  call.channel(alice).ways.unreachable(3);
  alice.key(7, [bob, carol], 5);
  await call.run();
  assert.deepEqual(call.sent[0]!.recipients.map(({ to }) => to.user), ["carol"]);
  assert.equal(call.channel(alice).sent.length, 1);
  assert.equal(alice.receipts.length, 2);
  assert.equal(call.counters(carol).sentBySocket, 1);
  assert.equal(call.counters(bob).sentDirect, 1);
});

test("without a channel of our own, or when it takes no more, everything goes by the WebSocket", async () => {
  for (const spoil of [(channel: Channel) => (channel.open = false), (channel: Channel) => (channel.largest = 100)]) {
    const [call, alice, bob, carol] = await Call.open();
    spoil(call.channel(alice));
    alice.key(7, [bob, carol], 5);
    await call.run();
    assert.equal(call.sent[0]!.recipients.length, 2);
    assert.equal(alice.receipts.length, 2);
    assert.equal(call.counters(alice).sentDirect, 0);
  }
});

test("what the channel swallows goes by the WebSocket, byte for byte the same, and is counted once", async () => {
  const [call, alice, bob, carol] = await Call.open();
  call.forwards = false;
  alice.key(7, [bob, carol], 5);
  await call.run(LONGEST_WAIT + 200);
  const swallowed = call.channel(alice).sent.map(({ payload }) => toHex(payload));
  const [message] = call.sent;
  assert.equal(call.sent.filter(({ purpose }) => purpose === Purpose.MediaKey).length, 1, "one request for both");
  assert.deepEqual(message!.recipients.map((to) => toHex(encodeDirect(message!, to)!)), swallowed);
  assert.deepEqual(alice.receipts.sort(), [["bob", 5], ["carol", 5]]);
  assert.equal(call.counters(alice).fellBack, 2);

  // What comes late after all changes nothing.
  const { payload } = call.channel(alice).sent.find(({ to }) => to === 2)!;
  call.parcels.push({ to: bob, message: decodeDirect(payload, alice.id)! });
  await call.run();
  assert.deepEqual(steps(bob), [7]);
  assert.equal(call.counters(bob).repeated, 1);
  assert.equal(alice.receipts.length, 2);

  // And the channel gets a rest.
  alice.key(8, [bob], 6);
  await call.run();
  assert.equal(call.channel(alice).sent.length, 2);
  await call.run(REST);
  call.forwards = true;
  alice.key(9, [bob], 7);
  await call.run();
  assert.equal(call.channel(alice).sent.length, 3);
  assert.deepEqual(steps(bob), [7, 8, 9]);
});

test("a receipt that the channel swallows is repeated when the key comes again, as it was", async () => {
  const [call, alice, bob] = await Call.open();
  call.tamper = (message) => (message.direct && message.purpose === 0 ? undefined : message);
  alice.key(7, [bob], 5);
  await call.run(LONGEST_WAIT + 200);
  assert.deepEqual(alice.receipts, [["bob", 5]]);
  assert.deepEqual(steps(bob), [7]);
  assert.equal(call.counters(bob).receiptsRepeated, 1);
  // A server that repeats the key again and again gets no more answers.
  const answers = call.sent.length;
  for (let i = 0; i < 20; i++) call.accept(alice, call.sent.find(({ purpose }) => purpose === Purpose.MediaKey)!);
  await call.run();
  assert.equal(call.sent.length, answers + 20);
  assert.deepEqual(steps(bob), [7]);
});

test("it does not matter in which order the two ways bring what was sent", async () => {
  const [call, alice, bob] = await Call.open();
  const random = new Random(call.seed);
  call.forwards = false;
  for (let step = 0; step < 30; step++) alice.key(step, [bob], step + 1);
  await call.still();
  const copies = call.channel(alice).sent.flatMap(({ payload }): IncomingMessage[] => {
    const message = decodeDirect(payload, alice.id)!;
    return [message, { ...message, direct: false }];
  });
  for (let i = copies.length; i > 1; i--) {
    const other = random.below(i);
    [copies[i - 1], copies[other]] = [copies[other]!, copies[i - 1]!];
  }
  call.forwards = true;
  for (const message of copies) call.parcels.push({ to: bob, message });
  await call.run();
  assert.deepEqual(steps(bob).sort((a, b) => a - b), Array.from({ length: 30 }, (_, i) => i), `SOTTO_SEED=${call.seed}`);
  assert.equal(alice.receipts.length, 30, `SOTTO_SEED=${call.seed}`);
  assert.ok(call.sent.every(({ recipients }) => recipients.every(({ type }) => type !== "error")), `SOTTO_SEED=${call.seed}`);
});

test("when a channel closes, what waits for a receipt goes by the WebSocket at once", async () => {
  const [call, alice, bob, carol] = await Call.open();
  const { ways, sent } = call.channel(alice);
  call.forwards = false;
  alice.key(7, [bob, carol], 5);
  await call.still();
  ways.channelLost();
  await call.still();
  assert.equal(call.sent[0]!.recipients.length, 2);
  await call.run();
  // Once it is open again it is used again.
  alice.key(8, [bob], 6);
  await call.still();
  assert.equal(sent.length, 3);
  ways.unreachable(2);
  await call.still();
  assert.equal(call.counters(alice).fellBack, 3);
  // Who has left is sent nothing any more.
  alice.key(9, [carol], 7);
  await call.still();
  ways.gone(3);
  const before = call.sent.length;
  await call.run(LONGEST_WAIT);
  assert.equal(call.sent.slice(before).filter(({ purpose }) => purpose === Purpose.MediaKey).length, 0);
});

test("so much may be on its way without a receipt: the rest is reached over the WebSocket", async () => {
  const [call, alice, bob] = await Call.open();
  call.forwards = false;
  let count = 0;
  while (call.sent.length === 0 && count < 200) {
    alice.key(count, [bob], ++count);
    await call.still();
  }
  const bytes = call.channel(alice).sent.reduce((sum, { payload }) => sum + payload.length, 0);
  assert.ok(bytes <= MAX_UNCONFIRMED && bytes > MAX_UNCONFIRMED - 1000, `${bytes} bytes`);
});

test("what comes under another's number opens nothing, and the real message still does", async () => {
  const [call, alice, bob, carol] = await Call.open();
  call.forwards = false;
  alice.key(7, [bob], 5);
  await call.still();
  const { payload } = call.channel(alice).sent[0]!;
  const forged = payload.slice();
  forged[forged.length - 20]! ^= 1;
  call.parcels.push({ to: bob, message: decodeDirect(payload, carol.id)! }, { to: bob, message: decodeDirect(forged, alice.id)! });
  await call.still();
  assert.deepEqual(steps(bob), []);
  await call.run(LONGEST_WAIT + 200);
  assert.ok(steps(bob).length > 0 && steps(bob).every((step) => step === 7));
  assert.equal(alice.receipts.length, steps(bob).length);
});

test("who is reached neither way is reported, and nobody else", async () => {
  const [call, alice, bob, carol] = await Call.open();
  call.channel(alice).ways.unreachable(3);
  carol.connected = false;
  alice.key(7, [bob, carol], 5);
  await call.run();
  assert.deepEqual(alice.undelivered, [["carol", 5, "out-of-reach"]]);
  assert.deepEqual(alice.receipts, [["bob", 5]]);
});
