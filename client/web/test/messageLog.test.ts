// What a messenger remembers over the end of its page.

import assert from "node:assert/strict";
import { test } from "node:test";

import { encodeErrorReceipt, ErrorReason, Purpose } from "../src/messages/content.ts";
import { addressOf } from "../src/messages/DeviceId.ts";
import { MAX_HELD, MAX_SENT, MessageLog } from "../src/messages/MessageLog.ts";
import { type Job } from "../src/messages/Outbox.ts";
import { DirectoryError, type IncomingMessage } from "../src/messages/ports.ts";
import { MemoryDeviceStore } from "../src/signal/DeviceStore.ts";
import { device } from "./keySupport.ts";
import { bytesOf } from "./signalDevices.ts";
import { World, type Peer } from "./messengerWorld.ts";

const bob = device("bob");
const idOf = (number: number) => new Uint8Array(16).fill(number);
const job = (words: string, purpose: number = Purpose.Text): Job => ({ token: 1, purpose, group: "g", plain: bytesOf(words), store: true });
const sealed = (number: number, from = bob, purpose: number = Purpose.Text): IncomingMessage => ({
  seq: number, from, id: idOf(number), purpose, group: "g", type: "prekey", body: idOf(number), shared: undefined,
});

/** Alice and Bob have talked in both directions. */
async function talking(): Promise<{ world: World; alice: Peer; bob: Peer }> {
  const world = new World();
  const [alice, bob] = [await world.peer("alice"), await world.peer("bob")];
  alice.text("hello", [bob]);
  await world.run();
  bob.text("hello", [alice]);
  await world.run();
  for (const peer of [alice, bob]) peer.texts.length = 0;
  return { world, alice, bob };
}

const kept = ({ store }: Peer) => store.names("app/messages/");

test("what was sent and what is held is there after the page was closed, but no media key", async () => {
  const store = new MemoryDeviceStore();
  const log = new MessageLog(store);
  const [text, key] = [job("hello"), job("key", Purpose.MediaKey)];
  log.sent(bob, idOf(1), text, false);
  log.sent(bob, idOf(2), key, false);
  log.hold(sealed(3));
  log.hold(sealed(4, bob, Purpose.MediaKey));
  log.sendAgain(bob, idOf(1));
  await log.save();
  assert.deepEqual(log.takeWaiting(), []);
  const next = new MessageLog(store.copy());
  assert.deepEqual(next.entries.map(({ to, id, state }) => [to, id, state]), [[bob, idOf(1), "again"]]);
  const [waiting] = next.takeWaiting();
  assert.deepEqual([waiting!.to, waiting!.job.plain], [bob, text.plain]);
  assert.deepEqual(next.takeWaiting(), []);
  next.sent(bob, idOf(5), waiting!.job, true);
  next.failed(bob, waiting!.job);
  assert.equal(next.takeWaiting().length, 1);
  assert.deepEqual(next.takeHeld(device("carol")), []);
  assert.deepEqual(next.takeHeld(bob), [{ ...sealed(3), seq: 0 }]);
  assert.equal(log.takeHeld().length, 2);
});

test("neither list grows without bound, and damaged ones are empty", async () => {
  const store = new MemoryDeviceStore();
  const log = new MessageLog(store);
  for (let i = 0; i < MAX_SENT + 2; i++) log.sent(bob, idOf(i), job("x"), false);
  for (let i = 0; i < MAX_HELD + 2; i++) log.hold(sealed(i % 256));
  await log.save();
  const next = new MessageLog(store);
  assert.deepEqual([next.entries.length, next.entries[0]!.id], [MAX_SENT, idOf(2)]);
  assert.equal(next.takeHeld().length, MAX_HELD);
  for (const damage of ["", "{", "null", "7", '{"version":2,"list":[{}]}', '{"version":1,"list":[{},null,{"user":7}]}']) {
    const names = store.names("app/messages/");
    assert.equal(names.length, 2);
    await store.commit(new Map(names.map((name) => [name, bytesOf(damage)])));
    const damaged = new MessageLog(store);
    assert.deepEqual([damaged.entries.length, damaged.takeHeld().length], [0, 0], damage);
  }
});

test("a text that its recipient could not open goes out again from a page that did not send it, once", async () => {
  const { world, alice, bob } = await talking();
  await bob.forgetSessions();
  alice.text("do you hear me", [bob]);
  alice.key(7, [bob]);
  await alice.messenger.settled();
  await alice.restart();
  await world.run();
  assert.deepEqual(bob.texts, ["do you hear me"]);
  assert.deepEqual(kept(alice), []);
  await alice.restart();
  await world.run();
  assert.equal(bob.texts.length, 1);
});

test("a text that waits for the directory outlives its page, and a connection that was gone", async () => {
  const { world, alice, bob } = await talking();
  await bob.forgetSessions();
  world.directory.failure = new DirectoryError("unreachable", "connection refused");
  alice.text("patience", [bob]);
  await world.run();
  assert.deepEqual(bob.texts, []);
  await alice.restart();
  await world.run();
  world.directory.failure = undefined;
  await alice.messenger.resume();
  await world.run();
  assert.deepEqual(bob.texts, ["patience"]);
  await alice.restart();
  await world.run();
  assert.equal(bob.texts.length, 1);
});

test("what waits for the user's yes to an identity outlives the page, in both directions", async () => {
  const { world, alice, bob } = await talking();
  alice.text("on its way to the old bob", [bob]);
  await alice.messenger.settled();
  const { id } = world.sent.at(-1)!;
  world.parcels = [];
  await bob.wipe();
  const error = encodeErrorReceipt({ message: id, reason: ErrorReason.NoSession });
  alice.messenger.onMessage({ ...sealed(77), seq: 0, from: bob.id, type: "error", body: error });
  bob.text("I am the new bob", [alice]);
  await world.run();
  assert.ok(alice.acknowledged > 0);
  assert.deepEqual([alice.texts, bob.texts], [[], []]);
  alice.changed.length = 0;
  await alice.restart();
  await world.run();
  assert.deepEqual([alice.texts, bob.texts, alice.changed], [[], [], ["bob"]]);
  await alice.messenger.acceptIdentity(bob.id);
  await world.run();
  assert.deepEqual(alice.texts, ["I am the new bob"]);
  assert.deepEqual(bob.texts, ["on its way to the old bob"]);
  assert.equal((await alice.device.pinnedIdentity(addressOf(bob.id)))?.equals(bob.device.identityKey), true);
  assert.deepEqual(kept(alice), []);
});
