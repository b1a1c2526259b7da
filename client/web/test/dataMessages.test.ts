// Chat and reactions: sealed by one, opened by the others, and nothing believed that no key proves.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DataMessages, readDataMessage, type DataMessage } from "../src/call/DataMessages.ts";
import { utf8 } from "../src/e2ee/bytes.ts";
import { DataKeys } from "../src/e2ee/DataKeys.ts";
import type { DataKind, DataSendResult, ReceivedData } from "../src/rtc/DataChannels.ts";
import { kid, mediaKey } from "./keySupport.ts";

interface Sent {
  readonly destination: number;
  readonly data: ReceivedData;
}

/** Somebody with number `self`, and what they send and get. */
function person(self: number, result: DataSendResult = "sent") {
  const keys = new DataKeys();
  const sent: Sent[] = [];
  const got: [number, DataMessage][] = [];
  const data = new DataMessages({
    self,
    sendData: (destination: number, kind: DataKind, lossy: boolean, payload: Uint8Array) => {
      sent.push({ destination, data: { origin: self, kind, lossy, payload } });
      return result;
    },
    seal: (plain, route) => Promise.resolve(keys.seal(plain, route)),
    open: (sealed, routes) => {
      for (const route of routes) {
        const opened = keys.open(sealed, route);
        if (opened !== undefined) return Promise.resolve(opened);
      }
      return Promise.resolve(undefined);
    },
  });
  data.onMessage = (sender, message) => got.push([sender, message]);
  return { keys, data, sent, got };
}

function pair() {
  const [alice, bob] = [person(1), person(2)];
  alice.keys.use(mediaKey(kid(1, 0, 0), 7));
  bob.keys.install(mediaKey(kid(1, 0, 0), 7));
  return { alice, bob };
}

const CHAT = { type: "chat", text: "Grüße 👋", id: "1" } as const;

test("a message to all and one to somebody open there, whatever the server says about who sent them", async () => {
  const { alice, bob } = pair();
  assert.equal(await alice.data.send(CHAT), "sent");
  assert.equal(await alice.data.send({ type: "reaction", emoji: "🎉" }, 2, true), "sent");
  assert.deepEqual(alice.sent.map(({ destination, data }) => [destination, data.kind, data.lossy]), [[0, "data", false], [2, "data", true]]);
  for (const { data } of alice.sent) await bob.data.receive({ ...data, origin: 99 });
  assert.deepEqual(bob.got, [[1, CHAT], [1, { type: "reaction", emoji: "🎉" }]]);
});

test("a message to somebody else, by another channel, or a second time opens nothing", async () => {
  const { alice, bob } = pair();
  await alice.data.send(CHAT, 3, true);
  await alice.data.send(CHAT, 0, true);
  const [elsewhere, lossy] = alice.sent.map(({ data }) => data);
  await bob.data.receive(elsewhere!);
  await bob.data.receive({ ...lossy!, kind: "key" });
  assert.deepEqual(bob.got, []);
  await bob.data.receive(lossy!);
  await bob.data.receive(lossy!);
  assert.equal(bob.got.length, 1);
});

test("a reliable message waits a moment for its key", async () => {
  const { alice, bob } = pair();
  alice.keys.use(mediaKey(kid(1, 1, 0), 8));
  await alice.data.send(CHAT);
  const received = bob.data.receive(alice.sent[0]!.data);
  bob.keys.install(mediaKey(kid(1, 1, 0), 8));
  await received;
  assert.deepEqual(bob.got, [[1, CHAT]]);
});

test("without a key nothing is sent, and a channel that is full says so", async () => {
  const alice = person(1, "full");
  assert.equal(await alice.data.send(CHAT), "no-key");
  assert.deepEqual(alice.sent, []);
  alice.keys.use(mediaKey(kid(1, 0, 0), 7));
  assert.equal(await alice.data.send(CHAT), "full");
});

test("what a member seals is read with care all the same", () => {
  const read = (value: unknown) => readDataMessage(utf8(typeof value === "string" ? value : JSON.stringify(value)));
  assert.deepEqual(read({ type: "chat", text: "x", id: "1", more: true }), { type: "chat", text: "x", id: "1" });
  assert.deepEqual(read({ type: "app", data: { any: ["thing"] } }), { type: "app", data: { any: ["thing"] } });
  const bad = [
    "",
    "{",
    "null",
    "[]",
    "7",
    { type: "chat", text: "", id: "1" },
    { type: "chat", text: "x" },
    { type: "chat", text: "x".repeat(4001), id: "1" },
    { type: "chat", text: 7, id: "1" },
    { type: "reaction", emoji: "x".repeat(33) },
    { type: "__proto__" },
  ];
  for (const value of bad) assert.equal(read(value), undefined, JSON.stringify(value));
  assert.equal(readDataMessage(Uint8Array.of(0x22, 0xff, 0x22)), undefined);
});
