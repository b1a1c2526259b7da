// Messages between devices: sessions as needed, one body for many, receipts, recovery, changed identities. The same cases as
// the native client's.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat } from "../src/e2ee/bytes.ts";
import { encodeErrorReceipt, ErrorReason } from "../src/messages/content.ts";
import { addressOf } from "../src/messages/DeviceId.ts";
import { DirectoryError, type IncomingMessage } from "../src/messages/ports.ts";
import { PeriodLimit, RateLimit } from "../src/messages/RateLimit.ts";
import { World } from "./messengerWorld.ts";

async function pair() {
  const world = new World();
  const [alice, bob] = [await world.peer("alice"), await world.peer("bob")];
  return { world, alice, bob };
}

/** As `pair`, with a session that both have used. */
async function talking() {
  const { world, alice, bob } = await pair();
  alice.text("hello", [bob], 100);
  await world.run();
  bob.text("hi", [alice], 100);
  await world.run();
  assert.deepEqual([alice.texts, bob.texts], [["hi"], ["hello"]], `SOTTO_SEED=${world.seed}`);
  for (const list of [alice.texts, bob.texts, alice.receipts, bob.receipts, world.sent]) list.length = 0;
  return { world, alice, bob };
}

test("a text reaches its device, and its receipt comes back", async () => {
  const { world, alice, bob } = await pair();
  alice.text("Grüße", [bob], 7);
  await world.run();
  assert.deepEqual(bob.texts, ["Grüße"]);
  assert.deepEqual(alice.receipts, [["bob", 7]]);
  assert.ok(bob.acknowledged > 0 && alice.acknowledged > 0, "nothing waits at the server");
  assert.deepEqual(world.sent.map(({ recipients }) => recipients[0]!.type), ["prekey", "signal"]);
  assert.deepEqual([...alice.warnings, ...bob.warnings], []);
});

test("to several devices the body goes once, and each gets the key to it", async () => {
  const world = new World();
  const [alice, bob, carol] = [await world.peer("alice"), await world.peer("bob"), await world.peer("carol")];
  alice.text("to all", [alice, bob, carol], 3);
  await world.run();
  assert.deepEqual([bob.texts, carol.texts, alice.texts], [["to all"], ["to all"], []]);
  assert.equal(world.sent[0]!.recipients.length, 2);
  assert.ok(world.sent[0]!.shared !== undefined);
  assert.deepEqual(alice.receipts.sort(), [["bob", 3], ["carol", 3]]);
});

test("key messages, receipts and shared keys have sealed bodies of one length", async () => {
  const { world, alice, bob } = await talking();
  const carol = await world.peer("carol");
  alice.text("carol, too", [carol]);
  await world.run();
  world.sent.length = 0;
  alice.key(1, [bob]);
  await world.run();
  alice.key(2, [bob, carol]);
  await world.run();
  const lengths = world.sent.flatMap(({ recipients }) =>
    recipients.filter(({ type }) => type === "signal").map(({ body }) => body.length));
  assert.ok(lengths.length >= 5);
  assert.ok(Math.max(...lengths) - Math.min(...lengths) <= 2, "counters of the ratchet may take a byte more");
});

test("receipts for many messages leave together", async () => {
  const { world, alice, bob } = await talking();
  for (let i = 0; i < 10; i++) alice.text(`number ${i}`, [bob], i);
  await world.run();
  assert.equal(world.sent.length, 11);
  assert.deepEqual(alice.receipts.map(([, token]) => token), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("a message that the server delivers twice is opened once and complained about not at all", async () => {
  const { world, alice, bob } = await talking();
  const seen: IncomingMessage[] = [];
  world.tamper = (message, to) => (to === bob ? (seen.push(message), message) : message);
  alice.text("once", [bob]);
  await world.run();
  for (const message of seen) bob.messenger.onMessage(message);
  await world.run();
  assert.deepEqual(bob.texts, ["once"]);
  assert.ok(world.sent.every(({ recipients }) => recipients.every(({ type }) => type !== "error")));
});

test("two who write to each other at the same time converge on a session", async () => {
  const { world, alice, bob } = await pair();
  alice.text("from alice", [bob], 1);
  bob.text("from bob", [alice], 1);
  await world.run();
  for (let i = 0; i < 3; i++) {
    alice.text(`a${i}`, [bob]);
    bob.text(`b${i}`, [alice]);
    await world.run();
  }
  assert.deepEqual(bob.texts, ["from alice", "a0", "a1", "a2"]);
  assert.deepEqual(alice.texts, ["from bob", "b0", "b1", "b2"]);
  assert.equal(world.directory.asked.length, 2, "no session was begun again");
});

test("messages to one device arrive in the order of their sending, the first ones too", async () => {
  const { world, alice, bob } = await pair();
  const carol = await world.peer("carol");
  for (let i = 0; i < 20; i++) alice.text(`number ${i}`, i % 3 === 0 ? [bob, carol] : [bob]);
  await world.run();
  assert.deepEqual(bob.texts, Array.from({ length: 20 }, (_, i) => `number ${i}`));
});

test("while the directory takes its time, messages wait and are not asked about twice", async () => {
  const { world, alice, bob } = await pair();
  let open = () => {};
  world.directory.gate = new Promise((resolve) => (open = resolve));
  for (let i = 0; i < 3; i++) alice.text(`number ${i}`, [bob]);
  await world.run();
  assert.deepEqual([world.directory.asked, bob.texts], [["bob phone"], []]);
  open();
  await world.run();
  assert.equal(bob.texts.length, 3);
});

test("what the directory cannot give is told, by kind", async () => {
  const { world, alice, bob } = await pair();
  const nobody = await world.peer("nobody", false);
  alice.text("?", [nobody], 1);
  await world.run();
  world.directory.failure = new DirectoryError("unreachable", "gone");
  alice.text("?", [bob], 2);
  await world.run();
  world.directory.failure = new DirectoryError("unknown_user", "who?");
  alice.text("?", [bob], 3);
  await world.run();
  world.directory.failure = undefined;
  const keys = world.directory.keys.get(addressOf(bob.id))!;
  const signature = keys.signedPreKey.signature.map((byte, i) => (i === 3 ? byte ^ 1 : byte));
  world.directory.keys.set(addressOf(bob.id), { ...keys, signedPreKey: { ...keys.signedPreKey, signature } });
  alice.text("?", [bob], 4);
  await world.run();
  assert.deepEqual(alice.undelivered, [
    ["nobody", 1, "no-keys"],
    ["bob", 2, "out-of-reach"],
    ["bob", 3, "no-keys"],
    ["bob", 4, "bad-keys"],
  ]);
});

test("a device that is not connected is told from one that does not exist", async () => {
  const { world, alice, bob } = await talking();
  bob.connected = false;
  alice.key(1, [bob], 5);
  await world.run();
  assert.deepEqual(alice.undelivered, [["bob", 5, "out-of-reach"]]);
});

test("what could not be stored does not leave, and is not acknowledged", async () => {
  const { world, alice, bob } = await talking();
  const before = bob.acknowledged;
  alice.store.broken = true;
  alice.text("never", [bob]);
  await world.run();
  assert.deepEqual(bob.texts, []);
  assert.ok(alice.warnings.length > 0);
  alice.store.broken = false;
  bob.store.broken = true;
  alice.text("comes again", [bob]);
  await world.run();
  assert.deepEqual([bob.texts, bob.acknowledged], [[], before]);
});

test("a shared body that was exchanged, or comes under other names, opens nothing", async () => {
  const world = new World();
  const [alice, bob, carol] = [await world.peer("alice"), await world.peer("bob"), await world.peer("carol")];
  alice.text("first", [bob, carol]);
  await world.run();
  const tampers: ((message: IncomingMessage) => IncomingMessage)[] = [
    (message) => ({ ...message, shared: message.shared!.map((byte, i) => (i === 5 ? byte ^ 1 : byte)) }),
    (message) => ({ ...message, shared: undefined }),
    (message) => ({ ...message, group: "work" }),
    (message) => ({ ...message, purpose: 5 }),
    (message) => ({ ...message, id: message.id.map((byte) => byte ^ 1) }),
  ];
  for (const tamper of tampers) {
    world.tamper = (message, to) => (to === bob && message.shared !== undefined ? tamper(message) : message);
    alice.text("changed", [bob, carol]);
    await world.run();
  }
  assert.deepEqual(bob.texts, ["first"]);
  assert.equal(bob.warnings.length, tampers.length);
  assert.equal(carol.texts.length, 1 + tampers.length);
});

test("a conversation heals when a side has lost its sessions, and nothing arrives twice", async () => {
  const { world, alice, bob } = await talking();
  await bob.forgetSessions();
  alice.text("still there?", [bob], 9);
  await world.run();
  bob.text("yes", [alice]);
  await world.run();
  assert.deepEqual([bob.texts, alice.texts], [["still there?"], ["yes"]]);
  assert.deepEqual(alice.receipts, [["bob", 9]]);
});

test("several messages in the lost session are each sent once more, in one new session", async () => {
  const { world, alice, bob } = await talking();
  await bob.forgetSessions();
  const asked = world.directory.asked.length;
  for (let i = 0; i < 4; i++) alice.text(`number ${i}`, [bob], i);
  await world.run();
  assert.deepEqual(bob.texts, ["number 0", "number 1", "number 2", "number 3"]);
  assert.equal(world.directory.asked.length, asked + 1);
});

test("a shared body lost by one of its recipients goes to that one again, alone", async () => {
  const { world, alice, bob } = await talking();
  const carol = await world.peer("carol");
  alice.text("carol, too", [carol]);
  await world.run();
  await bob.forgetSessions();
  world.sent.length = 0;
  alice.text("to both", [bob, carol], 4);
  await world.run();
  assert.deepEqual([bob.texts, carol.texts], [["to both"], ["carol, too", "to both"]]);
  const again = world.sent.filter(({ purpose }) => purpose === 3).slice(1);
  assert.deepEqual(again.map(({ recipients }) => recipients.map(({ to }) => to.user)), [["bob"]]);
  assert.equal(again[0]!.shared, undefined);
});

test("to a changed identity nothing is sent before the user has accepted it", async () => {
  const { world, alice, bob } = await talking();
  await bob.wipe();
  alice.text("secret", [bob], 5);
  alice.key(1, [bob], 6);
  await world.run();
  assert.deepEqual(alice.changed, ["bob"]);
  assert.deepEqual([bob.texts, bob.bodies.length], [[], 1]);
  assert.ok(alice.undelivered.some(([, token, why]) => token === 5 && why === "identity-changed"));
  assert.ok(alice.messenger.changedIdentity(bob.id)?.equals(bob.device.identityKey));
  alice.text("held, too", [bob], 7);
  await world.run();
  assert.deepEqual(bob.texts, []);
  await alice.messenger.acceptIdentity(bob.id);
  await world.run();
  assert.deepEqual(bob.texts, ["secret", "held, too"], "texts were held, key messages dropped");
  assert.equal(bob.bodies.length, 3);
  assert.equal(alice.messenger.changedIdentity(bob.id), undefined);
});

test("what a changed identity sends is not opened before the user has accepted it", async () => {
  const { world, alice, bob } = await talking();
  await bob.wipe();
  bob.text("it is me, really", [alice]);
  await world.run();
  assert.deepEqual([alice.texts, alice.changed], [[], ["bob"]]);
  await alice.messenger.acceptIdentity(bob.id);
  await world.run();
  assert.deepEqual(alice.texts, ["it is me, really"]);
});

test("a directory that swaps an identity is found out by the pin", async () => {
  const { world, alice, bob } = await talking();
  const mallory = await world.peer("mallory");
  await bob.forgetSessions();
  world.directory.keys.set(addressOf(bob.id), await mallory.device.publication());
  alice.text("secret", [bob]);
  await world.run();
  assert.deepEqual([bob.texts, mallory.texts, alice.changed], [[], [], ["bob"]]);
});

const errorFrom = (from: IncomingMessage["from"], message: Uint8Array<ArrayBuffer>, seq = 0): IncomingMessage => ({
  seq,
  from,
  id: new Uint8Array(16).fill(1),
  purpose: 0,
  group: "receipt",
  type: "error",
  body: encodeErrorReceipt({ message, reason: ErrorReason.NoSession }),
  shared: undefined,
});

test("error receipts about messages that were never sent there do nothing", async () => {
  const { world, alice, bob } = await talking();
  const carol = await world.peer("carol");
  world.tamper = (message, to) => (to === bob ? undefined : message);
  alice.text("for bob", [bob]);
  await world.run();
  const { id } = world.sent.at(-1)!;
  const before = world.sent.length;
  alice.messenger.onMessage(errorFrom(carol.id, id));
  alice.messenger.onMessage(errorFrom(bob.id, id.map((byte) => byte ^ 1)));
  alice.messenger.onMessage({ ...errorFrom(bob.id, id), body: concat(id, Uint8Array.of(9)) });
  await world.run();
  assert.equal(world.sent.length, before);
  assert.ok((await alice.device.session(addressOf(bob.id))).exists);
});

test("a flood of error receipts makes a message be sent once more, and a session begun thrice an hour", async () => {
  const { world, alice, bob } = await talking();
  world.tamper = (message, to) => (to === bob ? undefined : message);
  const asked = world.directory.asked.length;
  for (let round = 0; round < 10; round++) {
    alice.text(`number ${round}`, [bob], round);
    await world.run();
    for (const { id } of [...world.sent]) for (let i = 0; i < 5; i++) alice.messenger.onMessage(errorFrom(bob.id, id));
    await world.run();
  }
  assert.equal(world.directory.asked.length, asked + 3);
  const texts = world.sent.filter(({ purpose }) => purpose === 3);
  assert.ok(texts.length <= 20, `${texts.length} messages for 10 texts`);
});

test("messages that do not open are complained about five times at once, then once a minute", async () => {
  const { world, alice, bob } = await talking();
  await bob.forgetSessions();
  world.tamper = (message, to) => (to === alice && message.type === "error" ? undefined : message);
  for (let i = 0; i < 20; i++) alice.text(`number ${i}`, [bob]);
  await world.run();
  const errors = () => world.sent.filter(({ recipients }) => recipients[0]!.type === "error").length;
  assert.equal(errors(), 5);
  world.clock.time += 60_000;
  for (let i = 0; i < 20; i++) alice.text(`number ${i}`, [bob]);
  await world.run();
  assert.equal(errors(), 6);
});

test("what is no message at all gets no answer", async () => {
  const { world, alice, bob } = await talking();
  for (const body of [new Uint8Array(0), new Uint8Array(50), Uint8Array.of(0x22, 1, 2, 3), Uint8Array.of(0x33)]) {
    for (const type of ["prekey", "signal", "error"] as const) {
      bob.messenger.onMessage({ ...errorFrom(alice.id, new Uint8Array(16)), type, body });
    }
  }
  await world.run();
  assert.deepEqual(world.sent, []);
});

test("limits: a burst and then one each interval; a count within any period", () => {
  const rate = new RateLimit(3, 10);
  assert.deepEqual([0, 0, 0, 0, 9, 10, 10, 100, 100, 100, 100].map((now) => rate.take(now)),
    [true, true, true, false, false, true, false, true, true, true, false]);
  const period = new PeriodLimit(2, 100);
  assert.deepEqual([0, 50, 99, 100, 101, 150].map((now) => period.take(now)), [true, true, false, true, false, true]);
});
