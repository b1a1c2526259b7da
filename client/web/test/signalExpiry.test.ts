// Sessions that nobody ever answered: they end after thirty days, as deployed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { SignalDevice } from "../src/signal/SignalDevice.ts";
import { Random, seed } from "./random.ts";
import { bundleOf, bytesOf, newDevice, NOW, randomBytes, refusalOf, text } from "./signalDevices.ts";

const DAY_MS = 24 * 3600 * 1000;

async function world() {
  const random = new Random(seed());
  const alice = await newDevice(random);
  const bob = await newDevice(random);
  let now = NOW;
  // From a store, as after every visit.
  const reopen = () => SignalDevice.open(alice.store.copy(), NOW, randomBytes(random), () => now);
  const device = await SignalDevice.open(alice.store, NOW, randomBytes(random), () => now);
  await device.initiate("bob", await bundleOf(bob.device, 0));
  const first = await device.encrypt("bob", bytesOf("is anybody there"));
  return { device, bob: bob.device, first, reopen, after: (days: number, ms = 0) => void (now = NOW + days * DAY_MS + ms) };
}

test("an unanswered session serves for thirty days from its beginning, over all restarts, and not longer", async () => {
  const { device, reopen, after } = await world();
  after(29);
  await device.encrypt("bob", bytesOf("still nobody"));
  after(30);
  const later = await reopen();
  assert.ok((await later.session("bob")).exists);
  after(30, 1000);
  assert.deepEqual(await later.session("bob"), { exists: false, archived: 1, remoteRegistrationId: undefined });
  assert.equal(await refusalOf(later.encrypt("bob", bytesOf("x"))), "no-session");
  assert.ok(!(await (await reopen()).session("bob")).exists);
});

test("an answer that comes after all still opens, and makes the session one that was answered", async () => {
  const { device, bob, first, after } = await world();
  after(40);
  assert.equal(text(await bob.decrypt("alice", first)), "is anybody there");
  assert.equal(text(await device.decrypt("bob", await bob.encrypt("alice", bytesOf("at last")))), "at last");
  after(1000);
  assert.ok((await device.session("bob")).exists);
  assert.equal((await device.encrypt("bob", bytesOf("x"))).kind, "signal");
});

test("a session in a store that has not noted its age gives way to a new one", async () => {
  const { device, bob, after } = await world();
  after(-Math.floor(NOW / DAY_MS));
  await device.initiate("bob", await bundleOf(bob, 1));
  after(0);
  assert.ok(!(await device.session("bob")).exists);
});
