// The page's logic without a browser: slots, locks, layout, addresses, statistics, the time code.

import assert from "node:assert/strict";
import { test } from "node:test";

import { E2eeTracker, OwnE2eeTracker } from "../src/call/E2eeState.ts";
import { SlotPlan, wishedHeight, wishes, type View } from "../src/call/SlotPlan.ts";
import { decodeTimecode } from "../src/call/Timecode.ts";
import { gridShape } from "../src/page/gridLayout.ts";
import { namesInToken } from "../src/page/account.ts";
import { inviteLink, readOptions } from "../src/page/params.ts";
import { cameraLayers } from "../src/rtc/encodings.ts";
import { StatisticsReader } from "../src/rtc/Statistics.ts";
import { Random, seed } from "./random.ts";

const view = (participant: string, priority = 20, height = 300): View => ({
  participant,
  source: "camera",
  height,
  priority,
});
const names = (assigned: readonly (View | undefined)[]) => assigned.map((each) => each?.participant);

test("pictures stay in their slots when others come and go", () => {
  const plan = new SlotPlan(3);
  assert.deepEqual(names(plan.assign([view("a"), view("b")])), ["a", "b", undefined]);
  assert.deepEqual(names(plan.assign([view("c"), view("b")])), ["c", "b", undefined]);
  assert.deepEqual(names(plan.assign([view("b"), view("d"), view("c")])), ["c", "b", "d"]);
});

test("with too few slots the most important pictures are shown", () => {
  const plan = new SlotPlan(2);
  plan.assign([view("a"), view("b")]);
  const shown = names(plan.assign([view("a"), view("b"), view("c", 100)]));
  assert.ok(shown.includes("c"));
  assert.equal(shown.filter((name) => name !== undefined).length, 2);
});

test("whatever is asked for, no picture is in two slots and no slot is wasted", () => {
  const chosen = seed();
  const random = new Random(chosen);
  const plan = new SlotPlan(5);
  for (let round = 0; round < 500; round++) {
    const wanted = Array.from({ length: 9 }, (_, i) => i).filter(() => random.bool()).map((i) => view(`p${i}`, random.below(101)));
    const shown = names(plan.assign(wanted)).filter((name) => name !== undefined);
    assert.equal(new Set(shown).size, shown.length, `SOTTO_SEED=${chosen} round ${round}`);
    assert.equal(shown.length, Math.min(5, wanted.length), `SOTTO_SEED=${chosen} round ${round}`);
  }
});

test("wishes name slots by mid, with a height from the usual steps", () => {
  assert.deepEqual(wishes(["4", "5"], [undefined, view("a", 60, 250)]), [
    { mid: "5", mode: "participant", participant: "a", source: "camera", maxHeight: 360, priority: 60 },
  ]);
  assert.deepEqual([80, 200, 241, 242, 480, 500, 9999].map(wishedHeight), [90, 180, 180, 360, 360, 720, 2160]);
});

test("the lock follows what happens to a participant's frames", () => {
  const tracker = new E2eeTracker();
  const report = (hasKey: boolean, opened: number, failed: number, withoutKey: number) => ({
    sender: 1,
    hasKey,
    opened,
    failed,
    withoutKey,
  });
  assert.equal(tracker.state(0), "waiting");
  tracker.update(report(true, 0, 0, 0), 100);
  assert.equal(tracker.state(100), "ready");
  tracker.update(report(true, 10, 0, 0), 200);
  assert.equal(tracker.state(200), "sealed");
  tracker.update(report(true, 10, 5, 0), 300);
  assert.equal(tracker.state(300), "failing");
  tracker.update(report(true, 30, 6, 0), 400);
  assert.equal(tracker.state(400), "sealed", "one bad frame among many good ones");
  tracker.update(report(true, 30, 6, 4), 500);
  assert.equal(tracker.state(500), "waiting");
  tracker.update(report(false, 30, 6, 4), 9000);
  assert.equal(tracker.state(9000), "waiting");
});

test("a wrong key stays failing, also when nothing comes for a while", () => {
  const tracker = new E2eeTracker();
  tracker.update({ sender: 1, hasKey: true, opened: 0, failed: 9, withoutKey: 0 }, 0);
  assert.equal(tracker.state(60_000), "failing");
});

test("the own lock is closed only by frames that were sealed", () => {
  const tracker = new OwnE2eeTracker();
  assert.equal(tracker.state(), "waiting");
  tracker.update({ sealed: 0, dropped: 3 });
  assert.equal(tracker.state(), "waiting");
  tracker.update({ sealed: 1, dropped: 3 });
  assert.equal(tracker.state(), "sealed");
});

test("the grid fills the area and never leaves it", () => {
  for (let count = 1; count <= 25; count++) {
    for (const [width, height] of [[1280, 640], [360, 600], [320, 480], [800, 800]] as const) {
      const shape = gridShape(count, width, height, 12);
      assert.ok(shape.columns * shape.rows >= count);
      assert.ok(shape.width * shape.columns + 12 * (shape.columns - 1) <= width, `${count} in ${width}×${height}`);
      assert.ok(shape.height * shape.rows + 12 * (shape.rows - 1) <= height, `${count} in ${width}×${height}`);
      assert.ok(shape.width > 0 && shape.height > 0);
    }
  }
  assert.equal(gridShape(4, 1280, 720, 12).columns, 2);
  assert.equal(gridShape(2, 360, 640, 8).columns, 1);
});

test("addresses give options, and strange values their defaults", () => {
  const options = readOptions("?room=team&videoSlots=4&suite=aes256gcm&fps=abc&camera=nonsense", "#key=a%20b&token=t");
  assert.equal(options.room, "team");
  assert.equal(options.videoSlots, 4);
  assert.equal(options.suite, "aes256gcm");
  assert.equal(options.media.size.framesPerSecond, 30);
  assert.equal(options.media.camera, "device");
  assert.equal(options.passphrase, "a b");
  assert.equal(options.token, "t");
  const defaults = readOptions("", "");
  assert.equal(defaults.room, "demo");
  assert.equal(defaults.passphrase, undefined);
  assert.equal(readOptions("?suite=toString", "").suite, undefined);
});

test("the invite link carries room and key, the key in the fragment only", () => {
  const link = new URL(inviteLink("https://sotto.example/?room=x&name=Me#token=secret", { room: "team a", passphrase: "p&q", server: undefined }));
  assert.equal(link.searchParams.get("room"), "team a");
  assert.equal(link.searchParams.get("name"), null);
  const options = readOptions(link.search, link.hash);
  assert.equal(options.passphrase, "p&q");
  assert.equal(options.token, undefined);
  assert.ok(!link.search.includes("p%26q"));
});

test("without a passphrase the invite link has no fragment, and keys are automatic", () => {
  const link = new URL(inviteLink("https://sotto.example/?room=x&account=me#token=secret", { room: "team", passphrase: undefined, server: undefined }));
  assert.equal(link.toString(), "https://sotto.example/?room=team");
  assert.equal(readOptions(link.search, link.hash).passphrase, undefined);
});

test("the invite link of a page that is told its server by the address tells it to others", () => {
  const { server } = readOptions("?room=team&server=https%3A%2F%2Fsotto.example", "");
  assert.equal(server, "https://sotto.example");
  const link = new URL(inviteLink("https://page.example/", { room: "team", passphrase: undefined, server }));
  assert.deepEqual([...link.searchParams], [["room", "team"], ["server", "https://sotto.example"]]);
  assert.equal(readOptions("?server=%20", "").server, undefined);
});

test("a token names user and device, and a strange one is refused", () => {
  const token = (payload: object) => `e30.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.sig`;
  assert.deepEqual(namesInToken(token({ sub: "zoë", device: "web" })), { user: "zoë", device: "web" });
  assert.deepEqual(namesInToken(token({ sub: "bob" })), { user: "bob", device: "default" });
  for (const bad of ["", "a.b.c", token({ device: "web" }), token({ sub: 3 })]) assert.throws(() => namesInToken(bad));
});

test("statistics are rates between two readings", () => {
  const reader = new StatisticsReader();
  const entry = (timestamp: number, bytesReceived: number, packetsReceived: number, packetsLost: number) => ({
    type: "inbound-rtp",
    id: "i",
    kind: "video",
    mid: "5",
    timestamp,
    bytesReceived,
    packetsReceived,
    packetsLost,
    frameWidth: 640,
    frameHeight: 360,
  });
  const first = reader.read([entry(1000, 1000, 10, 0)]).slots[0]!;
  assert.equal(first.bitsPerSecond, 0);
  const second = reader.read([entry(2000, 26_000, 28, 2)]).slots[0]!;
  assert.equal(second.bitsPerSecond, 200_000);
  assert.equal(second.loss, 0.1);
  assert.deepEqual([second.width, second.height, second.mid], [640, 360, "5"]);
  const pair = { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.012 };
  assert.equal(reader.read([pair]).roundTripMs, 12);
});

test("the time code is read from small and blurred pictures, and not from others", () => {
  const value = 0xdeadbeef;
  for (const [width, height] of [[160, 22], [640, 90]] as const) {
    const data = new Uint8ClampedArray(4 * width * height);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const bit = Math.floor((x * 16) / width) + 16 * Math.floor((y * 2) / height);
        data[4 * (y * width + x) + 1] = (value >>> (31 - bit)) & 1 ? 200 : 50;
      }
    }
    assert.equal(decodeTimecode({ width, height, data }), value);
    assert.equal(decodeTimecode({ width, height, data: data.map(() => 128) }), undefined);
  }
});

test("cameras get as many layers as their size carries, the largest at full size", () => {
  const scales = (width?: number, height?: number) =>
    cameraLayers(width, height).filter(({ active }) => active).map(({ scale }) => scale);
  assert.deepEqual(scales(), [4, 2, 1]);
  assert.deepEqual(scales(1280, 720), [4, 2, 1]);
  assert.deepEqual(scales(640, 480), [2, 1]);
  assert.deepEqual(scales(320, 240), [1]);
  const rates = cameraLayers(1280, 720).map(({ maxBitrate }) => maxBitrate);
  assert.deepEqual(rates, [150_000, 500_000, 1_700_000]);
});
