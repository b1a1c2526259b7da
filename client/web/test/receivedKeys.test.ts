// The keys of others: which are taken, how long they stay, and when one is asked for. And who is there and whom we trust.
// The same tables as the native client's.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Suite } from "../src/e2ee/FrameMetadata.ts";
import { KeyWatch } from "../src/e2ee/worker/KeyWatch.ts";
import { type KeyAction } from "../src/keys/KeyActions.ts";
import { MediaKeyAgreement } from "../src/keys/MediaKeyAgreement.ts";
import { MAX_EARLY_OF_DEVICE, ReceivedKeys } from "../src/keys/ReceivedKeys.ts";
import { device, kid, mediaKey, only, used, users } from "./keySupport.ts";

const BOBS = 3;

class Keys {
  readonly actions: KeyAction[] = [];
  readonly keys = new ReceivedKeys(this.actions);

  constructor() {
    this.keys.present(BOBS, device("bob"), 0);
  }

  take(): KeyAction[] {
    return this.actions.splice(0);
  }

  time(ms: number): KeyAction[] {
    this.keys.onTime(ms);
    return this.take();
  }
}

test("a key is taken from the device that has the number, and from no other", () => {
  const call = new Keys();
  call.keys.arrived(device("mallory"), mediaKey(kid(BOBS, 0, 0), 1), 0);
  call.keys.arrived({ user: "bob", device: "another phone" }, mediaKey(kid(BOBS, 0, 0), 1), 0);
  assert.deepEqual(call.take(), []);
  call.keys.arrived(device("bob"), mediaKey(kid(BOBS, 0, 0), 2), 0);
  assert.deepEqual(only(call.take(), "install-key").map(({ key }) => key), [mediaKey(kid(BOBS, 0, 0), 2)]);
});

test("a key of the wrong length, or of sender 0, is not taken", () => {
  const call = new Keys();
  call.keys.present(0, device("bob"), 0);
  call.keys.arrived(device("bob"), mediaKey(kid(0, 0, 0), 1), 0);
  call.keys.arrived(device("bob"), { ...mediaKey(kid(BOBS, 0, 0), 1), sk: new Uint8Array(31) }, 0);
  assert.deepEqual(call.take(), []);
});

test("a key that comes before its sender is kept a minute, for its own device only", () => {
  for (const [at, taken] of [[59_999, 1], [60_000, 0]] as const) {
    const call = new Keys();
    call.keys.arrived(device("carol"), mediaKey(kid(4, 0, 0), 1), 0);
    call.keys.arrived(device("mallory"), mediaKey(kid(4, 0, 0), 2), 0);
    assert.equal(call.keys.nextDeadline(), 60_000);
    call.keys.present(4, device("carol"), at);
    const installed = only(call.take(), "install-key");
    assert.equal(installed.length, taken);
    for (const { key } of installed) assert.equal(key.sk[0], 1);
    call.time(60_000);
    assert.equal(call.keys.nextDeadline(), Infinity);
  }
});

test("one device cannot fill the room for early keys", () => {
  const call = new Keys();
  call.keys.arrived(device("carol"), mediaKey(kid(4, 0, 0), 1), 0);
  for (let i = 0; i < 1000; i++) call.keys.arrived(device("mallory"), mediaKey(kid(100 + i, 0, 0), 2), 1);
  call.keys.present(4, device("carol"), 2);
  assert.equal(only(call.take(), "install-key").length, 1);
  for (let i = 0; i < 1000; i++) call.keys.present(100 + i, device("mallory"), 3);
  assert.equal(only(call.take(), "install-key").length, MAX_EARLY_OF_DEVICE);
});

test("old keys stay ten seconds after a newer one has opened a frame", () => {
  const call = new Keys();
  call.keys.arrived(device("bob"), mediaKey(kid(BOBS, 0, 0), 1), 0);
  call.keys.arrived(device("bob"), mediaKey(kid(BOBS, 1, 0), 2), 1000);
  call.keys.opened(kid(BOBS, 0, 0), 1500);
  assert.deepEqual(only(call.time(60_000), "remove-keys"), []);
  call.keys.opened(kid(BOBS, 1, 0), 60_000);
  call.keys.opened(kid(BOBS, 1, 0), 65_000);
  assert.deepEqual(only(call.time(69_999), "remove-keys"), []);
  assert.deepEqual(only(call.time(70_000), "remove-keys"), [{ type: "remove-keys", sender: BOBS, generation: 0 }]);
});

test("of one sender at most four generations are kept", () => {
  const call = new Keys();
  for (let i = 0; i < 5; i++) call.keys.arrived(device("bob"), mediaKey(kid(BOBS, i, 0), i), i);
  assert.deepEqual(only(call.take(), "remove-keys").map(({ generation }) => generation), [0]);
});

test("generations wrap: 0 after 255 is the newer one", () => {
  const call = new Keys();
  call.keys.arrived(device("bob"), mediaKey(kid(BOBS, 255, 0), 1), 0);
  call.keys.arrived(device("bob"), mediaKey(kid(BOBS, 0, 0), 2), 1);
  call.keys.opened(kid(BOBS, 0, 0), 2);
  assert.deepEqual(only(call.time(10_002), "remove-keys").map(({ generation }) => generation), [255]);
});

test("who leaves loses all keys", () => {
  const call = new Keys();
  call.keys.arrived(device("bob"), mediaKey(kid(BOBS, 0, 0), 1), 0);
  call.take();
  call.keys.gone(BOBS);
  assert.deepEqual(call.take(), [{ type: "remove-keys", sender: BOBS, generation: undefined }]);
});

test("an unknown key is asked for after a moment, then at growing intervals, eight times", () => {
  const call = new Keys();
  const asks: number[] = [];
  const waiting: boolean[] = [];
  for (let now = 0; now < 120_000; now += 10) {
    call.keys.unknown(kid(BOBS, 5, 2), now);
    const actions = call.time(now);
    for (const { of, key } of only(actions, "ask-for-key")) {
      assert.deepEqual([of, key], [device("bob"), kid(BOBS, 5, 2)]);
      asks.push(now);
    }
    waiting.push(...only(actions, "waiting-for-keys").map((action) => action.waiting));
  }
  assert.deepEqual(waiting, [true]);
  assert.deepEqual(asks, [300, 1300, 3300, 7300, 15_300, 23_300, 31_300, 39_300]);
});

test("a key that arrives in time is not asked for, and the waiting ends with the first frame", () => {
  const call = new Keys();
  call.keys.unknown(kid(BOBS, 0, 0), 0);
  call.keys.arrived(device("bob"), mediaKey(kid(BOBS, 0, 0), 1), 200);
  assert.deepEqual(only(call.time(300), "ask-for-key"), []);
  assert.ok(call.keys.waitingFor(BOBS));
  call.keys.opened(kid(BOBS, 0, 0), 310);
  assert.deepEqual(call.take(), [{ type: "waiting-for-keys", sender: BOBS, waiting: false }]);
  assert.deepEqual(only(call.time(20_000), "ask-for-key"), []);
});

test("frames that name one key after another do not make us ask more often than once a second", () => {
  const call = new Keys();
  let asked = 0;
  for (let now = 0; now < 10_000; now += 10) {
    call.keys.unknown(kid(BOBS, (now / 10) % 256, 0), now);
    asked += only(call.time(now), "ask-for-key").length;
  }
  assert.ok(asked <= 10, String(asked));
});

test("frames from before we joined are not asked about", () => {
  const call = new Keys();
  call.keys.arrived(device("bob"), mediaKey(kid(BOBS, 0, 3), 1), 0);
  call.take();
  call.keys.unknown(kid(BOBS, 0, 2), 10);
  assert.deepEqual(only(call.time(5000), "ask-for-key"), []);
  assert.ok(!call.keys.waitingFor(BOBS));
});

test("a question settles itself when no more such frames come, and strangers are not asked about", () => {
  const call = new Keys();
  call.keys.unknown(kid(BOBS, 5, 0), 0);
  call.keys.unknown(kid(99, 0, 0), 0);
  const said: boolean[] = [];
  for (let now = 0; now < 60_000; now += 100) {
    said.push(...only(call.time(now), "waiting-for-keys").map(({ waiting }) => waiting));
  }
  assert.deepEqual(said, [true, false]);
  assert.ok(!call.keys.waitingFor(99));
});

/** Alice, number 1, in a call with bob (2) and carol (3) who have her first key. */
class Call {
  readonly keys = new MediaKeyAgreement(Suite.Duo);

  constructor() {
    this.keys.joined(1, [{ sender: 2, device: device("bob") }, { sender: 3, device: device("carol") }], 0);
    for (const user of ["bob", "carol"]) this.keys.receipt(device(user), 1, 0);
    this.keys.takeActions();
  }

  time(ms: number): KeyAction[] {
    this.keys.onTime(ms);
    return this.keys.takeActions();
  }
}

const recipients = (actions: readonly KeyAction[]) => only(actions, "send-key").flatMap(({ to }) => users(to)).sort();

test("joining draws a key for everybody but ourselves", () => {
  const keys = new MediaKeyAgreement(Suite.Aes128Gcm);
  keys.joined(1, [{ sender: 1, device: device("alice") }, { sender: 2, device: device("bob") }], 0);
  const actions = keys.takeActions();
  assert.deepEqual(recipients(actions), ["bob"]);
  const [send] = only(actions, "send-key");
  assert.deepEqual([send!.key.suite, send!.key.id], [Suite.Aes128Gcm, kid(1, 0, 0)]);
});

test("joining anew begins with a new key under the new number, and forgets all of the others", () => {
  const call = new Call();
  call.keys.keyArrived(device("bob"), mediaKey(kid(2, 0, 0), 1), 1);
  call.keys.takeActions();
  call.keys.joined(9, [{ sender: 2, device: device("bob") }], 1000);
  const actions = call.keys.takeActions();
  assert.equal(only(actions, "remove-keys").length, 2);
  assert.deepEqual(used(actions), kid(9, 0, 0));
  assert.deepEqual(recipients(actions), ["bob"]);
});

test("the invited are sent the key, and those who have just come off the list by joining lose nothing", () => {
  for (const rosterFirst of [true, false]) {
    const call = new Call();
    call.keys.setInvited([device("dave"), device("erin")], 100);
    const first = call.time(350);
    assert.deepEqual(recipients(first), ["dave", "erin"]);
    assert.ok(only(first, "send-key")[0]!.store);
    // Dave joins: the server strikes him off the list, in whatever order.
    if (rosterFirst) call.keys.memberJoined({ sender: 4, device: device("dave") }, 1000);
    call.keys.setInvited([device("erin")], 1005);
    if (!rosterFirst) call.keys.memberJoined({ sender: 4, device: device("dave") }, 1010);
    const actions = call.time(1300);
    assert.deepEqual(used(actions), kid(1, 0, 2));
    assert.deepEqual(recipients(actions), ["dave"]);
  }
});

test("a device that joins anew before its old session is gone is sent the key again", () => {
  const call = new Call();
  call.keys.memberJoined({ sender: 4, device: device("bob") }, 0);
  call.keys.memberLeft(2, 10);
  const actions = call.time(300);
  assert.deepEqual(recipients(actions), ["bob"]);
  assert.deepEqual(used(actions), kid(1, 0, 1));
  call.keys.keyArrived(device("bob"), mediaKey(kid(4, 0, 0), 1), 310);
  assert.equal(only(call.keys.takeActions(), "install-key").length, 1);
});

test("a device whose identity has changed gets no key and none is taken from it, until accepted", () => {
  const call = new Call();
  call.keys.block(device("bob"), 1000);
  const drawn = call.time(1250);
  // Whoever had the old identity had our key.
  assert.deepEqual(recipients(drawn), ["carol"]);
  assert.deepEqual(only(drawn, "send-key")[0]!.key.id, kid(1, 1, 0));
  call.keys.receipt(device("carol"), call.keys.reports.at(-1)!.number, 1260);
  call.keys.keyArrived(device("bob"), mediaKey(kid(2, 1, 0), 1), 2000);
  call.keys.keyAsked(device("bob"), 1, 2000);
  const blocked = call.keys.takeActions();
  assert.deepEqual([...only(blocked, "install-key"), ...only(blocked, "send-key")], []);

  call.keys.accept(device("bob"), 3000);
  call.keys.keyArrived(device("bob"), mediaKey(kid(2, 1, 0), 1), 3001);
  const accepted = call.time(3250);
  assert.deepEqual(recipients(accepted), ["bob"]);
  assert.equal(only(accepted, "install-key").length, 1);
});

test("a blocked device that joins is sent nothing", () => {
  const call = new Call();
  call.keys.block(device("mallory"), 0);
  call.keys.memberJoined({ sender: 4, device: device("mallory") }, 0);
  call.keys.setInvited([device("mallory")], 0);
  call.keys.keyArrived(device("mallory"), mediaKey(kid(4, 0, 0), 1), 1);
  assert.deepEqual(call.time(10_000), []);
});

test("only members are answered, and only about our own key", () => {
  const call = new Call();
  call.keys.keyAsked(device("mallory"), 1, 0);
  call.keys.keyAsked(device("bob"), 3, 0);
  assert.deepEqual(call.keys.takeActions(), []);
  call.keys.keyAsked(device("bob"), 1, 0);
  assert.deepEqual(recipients(call.keys.takeActions()), ["bob"]);
});

test("a sender number that passes to another device takes no keys along", () => {
  const call = new Call();
  call.keys.keyArrived(device("bob"), mediaKey(kid(2, 0, 0), 1), 0);
  call.keys.takeActions();
  call.keys.memberJoined({ sender: 2, device: device("mallory") }, 10);
  const actions = call.time(260);
  assert.equal(only(actions, "remove-keys").length, 1);
  assert.deepEqual(recipients(actions), ["carol", "mallory"]);
  assert.deepEqual(only(actions, "send-key")[0]!.key.id, kid(1, 1, 0));
});

test("the worker tells of an open key once, of a missing one now and then, and of the open one again after that", () => {
  const told: string[] = [];
  const watch = new KeyWatch(({ step }) => told.push(`open ${step}`), ({ step }) => told.push(`missing ${step}`));
  for (let i = 0; i < 5; i++) watch.opened(kid(1, 0, 0));
  for (let now = 1000; now < 1200; now += 10) watch.unknown(kid(1, 0, 1), now);
  for (let i = 0; i < 5; i++) watch.opened(kid(1, 0, 1));
  assert.deepEqual(told, ["open 0", "missing 1", "missing 1", "open 1"]);
});
