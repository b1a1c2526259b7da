// Our own media key: when it changes, who gets it, when it is in use. The same table as the native client's.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Suite } from "../src/e2ee/FrameMetadata.ts";
import { type KeyAction } from "../src/keys/KeyActions.ts";
import { LIVE_WITHIN_MS, SendingKeys } from "../src/keys/SendingKeys.ts";
import { ratchetSecret } from "../src/messages/derive.ts";
import { addressOf } from "../src/messages/DeviceId.ts";
import { device, kid, only, used, users } from "./keySupport.ts";
import { Random, seed } from "./random.ts";

const SELF = 7;

/** A sender in a call with some members, driven by hand. */
class Call {
  readonly actions: KeyAction[] = [];
  readonly keys: SendingKeys;

  constructor(members: readonly string[] = [], start = true) {
    const random = new Random(seed());
    this.keys = new SendingKeys((length) => random.bytes(length), Suite.Duo, this.actions);
    for (const member of members) this.keys.add(device(member), true, 0);
    if (!start) return;
    this.keys.start(SELF, 0);
    for (const member of members) this.keys.receipt(device(member), 1, 0);
    this.take();
  }

  take(): KeyAction[] {
    return this.actions.splice(0);
  }

  time(ms: number): KeyAction[] {
    this.keys.onTime(ms);
    return this.take();
  }

  get last() {
    return this.keys.reports.at(-1)!;
  }

  receipts(members: readonly string[], ms: number): void {
    for (const member of members) this.keys.receipt(device(member), this.last.number, ms);
  }
}

const sends = (actions: readonly KeyAction[]) => only(actions, "send-key").map(({ key, to }) => [key.id, users(to)]);

test("the first key goes to all members and into the mailboxes of the invited, and is in use at once", () => {
  const call = new Call(["bob", "carol"], false);
  call.keys.add(device("dave"), false, 0);
  call.keys.start(SELF, 0);
  const actions = call.take();
  const sent = only(actions, "send-key");
  assert.deepEqual(sent.map(({ to, store }) => [users(to), store]), [[["bob", "carol"], false], [["dave"], true]]);
  assert.deepEqual(used(actions), kid(SELF, 0, 0));
  assert.deepEqual(only(actions, "use-key")[0]!.key.sk, sent[0]!.key.sk);
  assert.equal(sent[0]!.key.sk.length, 32);
});

test("a join is a ratchet step after the coalescing time, sent to the newcomer alone", () => {
  const call = new Call(["bob", "carol"]);
  call.keys.onTime(999);
  call.keys.add(device("dave"), true, 1000);
  assert.equal(call.keys.nextDeadline(), 1250);
  assert.deepEqual(call.time(1249), []);
  const actions = call.time(1250);
  assert.deepEqual(sends(actions), [[kid(SELF, 0, 1), ["dave"]]]);
  assert.deepEqual(used(actions), kid(SELF, 0, 1));
  assert.equal(only(actions, "force-key-frame").length, 1);
  assert.equal(call.last.reason, "join");
});

test("a ratchet step is what everybody else derives", () => {
  const call = new Call([], false);
  call.keys.start(SELF, 0);
  const first = only(call.take(), "use-key")[0]!.key.sk;
  call.keys.add(device("bob"), true, 0);
  assert.deepEqual(only(call.time(250), "send-key")[0]!.key.sk, ratchetSecret(first));
});

test("a leave draws a fresh key, in use once all who remain have acknowledged", () => {
  const call = new Call(["bob", "carol", "dave"]);
  const before = call.keys.liveKey;
  call.keys.remove(device("dave"), 1000);
  const drawn = call.time(1250);
  assert.deepEqual(sends(drawn), [[kid(SELF, 1, 0), ["bob", "carol"]]]);
  assert.equal(used(drawn), undefined);
  assert.deepEqual(call.keys.liveKey, before);
  call.receipts(["bob"], 1400);
  assert.equal(used(call.take()), undefined);
  call.receipts(["carol"], 1500);
  const live = call.take();
  assert.deepEqual(used(live), kid(SELF, 1, 0));
  assert.equal(only(live, "force-key-frame").length, 1);
  const { reason, drawnAt, liveAt, receipts, removed } = call.last;
  assert.deepEqual([reason, drawnAt, liveAt, receipts.get(addressOf(device("bob")))], ["leave", 1250, 1500, 1400]);
  assert.deepEqual(removed, [{ device: device("dave"), knownAt: 1000 }]);
});

test("without a receipt the fresh key is in use five seconds after the removal was known", () => {
  const call = new Call(["bob", "carol"]);
  call.keys.remove(device("carol"), 1000);
  call.time(1250);
  assert.equal(call.keys.nextDeadline(), 6000);
  assert.equal(used(call.time(5999)), undefined);
  assert.deepEqual(used(call.time(6000)), kid(SELF, 1, 0));
  assert.deepEqual([...call.last.receipts.values()], [undefined]);
});

test("when the last one has left, the fresh key waits for nobody", () => {
  const call = new Call(["bob"]);
  call.keys.remove(device("bob"), 1000);
  const actions = call.time(1250);
  assert.deepEqual(sends(actions), []);
  assert.deepEqual(used(actions), kid(SELF, 1, 0));
});

test("changes within the coalescing time make one rotation, fresh if anybody left", () => {
  const call = new Call(["bob", "carol"]);
  call.keys.add(device("dave"), true, 1000);
  call.keys.add(device("erin"), true, 1100);
  call.keys.remove(device("carol"), 1200);
  assert.deepEqual(sends(call.time(1250)), [[kid(SELF, 1, 0), ["bob", "dave", "erin"]]]);
  assert.equal(call.keys.reports.length, 2);
  // Newcomers are not waited for.
  call.receipts(["bob"], 1300);
  assert.deepEqual(used(call.take()), kid(SELF, 1, 0));
});

test("who comes and goes within the coalescing time changes nothing", () => {
  const call = new Call(["bob"]);
  call.keys.add(device("carol"), true, 1000);
  call.keys.remove(device("carol"), 1100);
  assert.deepEqual(call.time(2000), []);
  assert.equal(call.keys.hasWaiting, false);
  assert.deepEqual(call.keys.liveKey, kid(SELF, 0, 0));
});

test("who leaves and comes back within the coalescing time gets the fresh key", () => {
  const call = new Call(["bob", "carol"]);
  call.keys.remove(device("carol"), 1000);
  call.keys.add(device("carol"), true, 1100);
  assert.deepEqual(sends(call.time(1250)), [[kid(SELF, 1, 0), ["bob", "carol"]]]);
});

test("while a key is pending, removals wait, and are honoured within five seconds each", () => {
  const call = new Call(["bob", "carol", "dave", "erin"]);
  call.keys.remove(device("erin"), 0);
  call.time(250);
  call.keys.remove(device("dave"), 1000);
  assert.ok(call.keys.hasPending && call.keys.hasWaiting);
  // Dave has got the pending key, so it goes live early, to make room.
  assert.equal(call.keys.nextDeadline(), 3000);
  assert.deepEqual(used(call.time(3000)), kid(SELF, 1, 0));
  assert.ok(call.keys.hasPending && !call.keys.hasWaiting);
  call.keys.remove(device("carol"), 3500);
  assert.deepEqual(used(call.time(5500)), kid(SELF, 2, 0));
  assert.equal(used(call.time(8499)), undefined);
  assert.deepEqual(used(call.time(8500)), kid(SELF, 3, 0));
  for (const { removed, liveAt } of call.keys.reports) {
    for (const { knownAt } of removed) assert.ok(liveAt! - knownAt <= LIVE_WITHIN_MS);
  }
});

test("a removal while a key is pending does not wait for the removed device's receipt", () => {
  const call = new Call(["bob", "carol", "dave"]);
  call.keys.remove(device("dave"), 0);
  call.time(250);
  call.receipts(["bob"], 300);
  call.take();
  call.keys.remove(device("carol"), 400);
  assert.deepEqual(used(call.take()), kid(SELF, 1, 0));
  // The next is drawn when its own coalescing time is over.
  assert.equal(call.keys.nextDeadline(), 650);
  assert.deepEqual(sends(call.time(650)), [[kid(SELF, 2, 0), ["bob"]]]);
});

test("who joins while a key is pending is sent that key and is not waited for", () => {
  const call = new Call(["bob", "carol"]);
  call.keys.remove(device("carol"), 0);
  call.time(250);
  call.keys.add(device("dave"), true, 300);
  assert.deepEqual(sends(call.take()), [[kid(SELF, 1, 0), ["dave"]]]);
  call.receipts(["bob"], 400);
  assert.deepEqual(used(call.take()), kid(SELF, 1, 0));
  assert.deepEqual(call.time(10_000), []);
});

test("after 255 ratchet steps the next join draws a fresh key", () => {
  const call = new Call(["bob"]);
  let now = 0;
  for (let i = 0; i < 255; i++, now += 1000) {
    call.keys.add(device(`guest${i}`), true, now);
    call.time(now + 250);
  }
  assert.deepEqual(call.keys.liveKey, kid(SELF, 0, 255));
  call.keys.add(device("one more"), true, now);
  const [send] = only(call.time(now + 250), "send-key");
  assert.deepEqual(send!.key.id, kid(SELF, 1, 0));
  assert.equal(send!.to.length, 257);
  assert.equal(call.last.reason, "exhausted");
});

test("a device that asks is answered with the key in use, at most once a second", () => {
  const call = new Call(["bob"]);
  call.keys.asked(device("bob"), 1000);
  assert.deepEqual(sends(call.take()), [[kid(SELF, 0, 0), ["bob"]]]);
  call.keys.asked(device("bob"), 1999);
  assert.deepEqual(call.take(), []);
  call.keys.asked(device("bob"), 2000);
  assert.equal(call.take().length, 1);
});

test("a device that asks while a key is pending is given both", () => {
  const call = new Call(["bob", "carol"]);
  call.keys.remove(device("carol"), 0);
  call.time(250);
  call.keys.asked(device("bob"), 1000);
  assert.deepEqual(sends(call.take()), [[kid(SELF, 0, 0), ["bob"]], [kid(SELF, 1, 0), ["bob"]]]);
});

test("a newcomer that asks before the ratchet is not given the key from before it", () => {
  const call = new Call(["bob"]);
  call.keys.add(device("mallory"), true, 1000);
  call.keys.asked(device("mallory"), 1100);
  assert.deepEqual(call.take(), []);
  assert.deepEqual(sends(call.time(1250)), [[kid(SELF, 0, 1), ["mallory"]]]);
});

test("a newcomer that asks while a key is pending is given that one alone", () => {
  const call = new Call(["bob", "carol"]);
  call.keys.remove(device("carol"), 0);
  call.time(250);
  call.keys.add(device("mallory"), true, 300);
  call.take();
  call.keys.asked(device("mallory"), 400);
  assert.deepEqual(sends(call.take()), [[kid(SELF, 1, 0), ["mallory"]]]);
});

test("strangers, the invited and the removed are not answered", () => {
  const call = new Call(["bob", "carol"]);
  call.keys.add(device("dave"), false, 0);
  call.time(250);
  call.keys.remove(device("carol"), 1000);
  for (const user of ["mallory", "dave", "carol"]) {
    call.keys.asked(device(user), 1100);
    assert.deepEqual(call.take(), [], user);
  }
});

test("what could not be delivered is sent again, at growing intervals, until acknowledged", () => {
  const call = new Call(["bob", "carol"]);
  call.keys.remove(device("carol"), 0);
  call.time(250);
  const { number } = call.last;
  let now = 250;
  for (const wait of [500, 1000, 2000]) {
    call.keys.undelivered(device("bob"), number, false, now);
    assert.deepEqual(sends(call.time(now + wait - 1)), []);
    assert.equal(sends(call.time(now + wait)).length, 1);
    now += wait;
  }
  call.keys.undelivered(device("bob"), number, false, now);
  call.keys.receipt(device("bob"), number, now + 1);
  assert.deepEqual(used(call.take()), kid(SELF, 1, 0));
  assert.deepEqual(sends(call.time(now + 10_000)), []);
});

test("a device that can never be reached is not waited for", () => {
  const call = new Call(["bob", "carol", "dave"]);
  call.keys.remove(device("dave"), 0);
  call.time(250);
  call.keys.undelivered(device("carol"), call.last.number, true, 260);
  call.receipts(["bob"], 300);
  assert.deepEqual(used(call.take()), kid(SELF, 1, 0));
  // Nor with later keys, until it acknowledges one.
  call.keys.add(device("erin"), true, 1000);
  call.time(1250);
  call.keys.remove(device("erin"), 2000);
  call.time(2250);
  call.receipts(["bob"], 2300);
  assert.deepEqual(used(call.take()), kid(SELF, 2, 0));
  call.receipts(["carol"], 2400);
  call.keys.add(device("frank"), true, 3000);
  call.time(3250);
  call.keys.remove(device("frank"), 4000);
  call.time(4250);
  call.receipts(["bob"], 4300);
  assert.equal(used(call.take()), undefined);
});

test("who was out of reach and is back is sent what it has not acknowledged", () => {
  const call = new Call(["bob", "carol", "dave"]);
  call.keys.back(device("bob"));
  assert.deepEqual(call.take(), []);
  call.keys.remove(device("dave"), 1000);
  call.time(1250);
  call.keys.back(device("bob"));
  assert.deepEqual(sends(call.take()), [[kid(SELF, 1, 0), ["bob"]]]);
});

test("receipts of strangers, for other rotations, or twice, change nothing", () => {
  const call = new Call(["bob", "carol", "dave"]);
  call.keys.remove(device("dave"), 0);
  call.time(250);
  const { number } = call.last;
  const receipts: [string, number, number][] = [
    ["mallory", number, 300],
    ["bob", number, 310],
    ["bob", number, 320],
    ["carol", number - 1, 330],
    ["carol", number + 1, 340],
    ["dave", number, 350],
  ];
  for (const [user, rotation, at] of receipts) call.keys.receipt(device(user), rotation, at);
  assert.deepEqual(call.take(), []);
  assert.equal(call.last.receipts.get(addressOf(device("bob"))), 310);
});

test("an invited device that joins keeps nothing from being a ratchet", () => {
  for (const listFirst of [true, false]) {
    const call = new Call(["bob"]);
    call.keys.add(device("carol"), false, 0);
    call.time(250);
    call.receipts(["carol"], 300);
    if (listFirst) call.keys.remove(device("carol"), 1000);
    call.keys.add(device("carol"), true, 1010);
    call.time(1260);
    assert.deepEqual(call.keys.liveKey, kid(SELF, 0, 2), `list first: ${listFirst}`);
  }
});

test("an invited device that joins and leaves at once does not keep the key that it was sent", () => {
  const call = new Call(["bob"]);
  call.keys.add(device("carol"), false, 0);
  call.time(250);
  call.receipts(["carol"], 300);
  call.keys.remove(device("carol"), 1000);
  call.keys.add(device("carol"), true, 1010);
  call.keys.remove(device("carol"), 1100);
  assert.deepEqual(sends(call.time(1350)), [[kid(SELF, 1, 0), ["bob"]]]);
});

test("an invitation that is taken back draws a fresh key", () => {
  const call = new Call(["bob"]);
  call.keys.add(device("carol"), false, 0);
  call.time(250);
  call.keys.remove(device("carol"), 1000);
  assert.deepEqual(sends(call.time(1250)), [[kid(SELF, 1, 0), ["bob"]]]);
});
