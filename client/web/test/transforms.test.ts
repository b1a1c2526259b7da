// Describing frames for their trailers, and the two frame pipes, with frames that browsers really made.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromHex, toHex } from "../src/e2ee/bytes.ts";
import { parseFrameMetadata } from "../src/e2ee/FrameMetadata.ts";
import type { EncodedFrame, EncodedFrameMetadata, Transformer } from "../src/e2ee/worker/EncodedFrames.ts";
import { FrameDescriber } from "../src/e2ee/worker/FrameDescriber.ts";
import { FrameKeys } from "../src/e2ee/worker/FrameKeys.ts";
import { receiveTransform, sendTransform } from "../src/e2ee/worker/transforms.ts";
import { vectors } from "./data.ts";

interface Recorded {
  head: string;
  key_frame: boolean;
  temporal: number;
  frame_id: number;
  dependencies: number[];
  width: number;
  height: number;
}

function frame(data: Uint8Array, metadata: EncodedFrameMetadata, type?: "key" | "delta"): EncodedFrame {
  const made = { data: data.slice().buffer as ArrayBuffer, getMetadata: () => metadata };
  return type === undefined ? made : { ...made, type };
}

function vp8(recorded: Recorded, ssrc = 1): EncodedFrame {
  const metadata = {
    mimeType: "video/VP8",
    synchronizationSource: ssrc,
    temporalIndex: recorded.temporal,
    spatialIndex: 0,
    frameId: recorded.frame_id,
    dependencies: recorded.dependencies,
    width: recorded.width,
    height: recorded.height,
  };
  return frame(fromHex(recorded.head), metadata, recorded.key_frame ? "key" : "delta");
}

function keyFrame(width: number, height: number, ssrc: number): EncodedFrame {
  const data = fromHex("5011009d012a000000003965001e1c240c2c2c44");
  new DataView(data.buffer).setUint16(6, width, true);
  new DataView(data.buffer).setUint16(8, height, true);
  return frame(data, { mimeType: "video/VP8", synchronizationSource: ssrc, width, height }, "key");
}

const opus = (...bytes: number[]) => frame(new Uint8Array(bytes), { mimeType: "audio/opus" });

async function through(
  transform: TransformStream<EncodedFrame, EncodedFrame>,
  frames: readonly EncodedFrame[],
): Promise<EncodedFrame[]> {
  const input = new ReadableStream<EncodedFrame>({
    start(controller) {
      for (const each of frames) controller.enqueue(each);
      controller.close();
    },
  });
  const out: EncodedFrame[] = [];
  for await (const each of input.pipeThrough(transform)) out.push(each);
  return out;
}

async function keysFor(sender: number, passphrase = "secret"): Promise<{ keys: FrameKeys; published: unknown }> {
  const keys = new FrameKeys();
  keys.setPassphrase(passphrase, "demo");
  return { keys, published: await keys.takeOwnKey(sender, "duo") };
}

const noTransformer = {} as Transformer;

for (const browser of ["chromium", "firefox"]) {
  test(`${browser}: key frames have their size, the frames that nothing refers to are discardable`, () => {
    const recorded = vectors("vp8-encoded-frames.json")[browser] as Recorded[];
    const referred = new Set(recorded.flatMap(({ dependencies }) => dependencies));
    const describer = new FrameDescriber([1]);
    let discardable = 0;
    for (const each of recorded) {
      const description = describer.describe(vp8(each))!;
      assert.equal(description.keyFrame, each.key_frame);
      assert.equal(description.temporal, each.temporal);
      assert.equal(description.clearLength, each.key_frame ? 10 : 3);
      if (each.key_frame) assert.deepEqual([description.width, description.height], [each.width, each.height]);
      if (description.discardable) {
        discardable++;
        assert.ok(!referred.has(each.frame_id), `frame ${each.frame_id} is referred to`);
      }
    }
    assert.ok(discardable >= 3, `${discardable} discardable frames`);
  });

  test(`${browser}: switching points depend on lower temporal layers only`, () => {
    const recorded = vectors("vp8-encoded-frames.json")[browser] as Recorded[];
    const temporal = new Map(recorded.map((each) => [each.frame_id, each.temporal]));
    const describer = new FrameDescriber([1]);
    const points = recorded.filter((each) => describer.describe(vp8(each))!.switchingPoint && each.temporal > 0);
    assert.ok(points.length > 0);
    for (const point of points) {
      for (const id of point.dependencies) assert.ok(temporal.get(id)! < point.temporal);
    }
  });
}

test("simulcast layers are ranked by size, whichever shows up first", () => {
  const describer = new FrameDescriber([4, 2, 1], 720);
  assert.equal(describer.describe(keyFrame(640, 360, 12))!.spatial, 1);
  assert.equal(describer.describe(keyFrame(320, 180, 11))!.spatial, 0);
  assert.equal(describer.describe(keyFrame(1280, 720, 13))!.spatial, 2);
  // All three adapt to half the size under load: the ranks stay.
  assert.equal(describer.describe(keyFrame(160, 90, 11))!.spatial, 0);
  assert.equal(describer.describe(keyFrame(320, 180, 12))!.spatial, 1);
  assert.equal(describer.describe(keyFrame(640, 360, 13))!.spatial, 2);
});

test("a smaller camera has fewer layers, ranked anew", () => {
  const describer = new FrameDescriber([4, 2, 1], 720);
  for (const [width, height, ssrc] of [[320, 180, 11], [640, 360, 12], [1280, 720, 13]] as const) {
    describer.describe(keyFrame(width, height, ssrc));
  }
  describer.setCapture(360, [2, 1]);
  assert.equal(describer.describe(keyFrame(640, 360, 12))!.spatial, 1);
  assert.equal(describer.describe(keyFrame(320, 180, 11))!.spatial, 0);
});

test("empty frames and foreign codecs are not described, so never sent", () => {
  const describer = new FrameDescriber([1]);
  assert.equal(describer.describe(frame(new Uint8Array(0), { mimeType: "audio/opus" })), undefined);
  assert.equal(describer.describe(frame(new Uint8Array(9), { mimeType: "audio/red" })), undefined);
  assert.equal(describer.describe(frame(new Uint8Array(9), { mimeType: "video/H264" }, "key")), undefined);
  assert.equal(describer.describe(frame(new Uint8Array(9), {}, "delta")), undefined);
  assert.equal(describer.describe(frame(new Uint8Array(9), { mimeType: "video/VP8" }, "key")), undefined);
});

test("without a key nothing comes out of the send pipe", async () => {
  const keys = new FrameKeys();
  const out = await through(sendTransform(keys, new FrameDescriber([1])), [opus(1, 2, 3), keyFrame(64, 64, 1)]);
  assert.equal(out.length, 0);
  assert.deepEqual(keys.ownReport(), { sealed: 0, dropped: 2 });
});

test("whatever fails while sealing, the frame is dropped and the pipe goes on", async () => {
  const { keys } = await keysFor(1);
  const broken = { ...opus(1), getMetadata: () => { throw new Error("no metadata"); } } as EncodedFrame;
  const unsealable = keyFrame(64, 64, 1);
  const describer = new FrameDescriber([1]);
  const describe = describer.describe.bind(describer);
  describer.describe = (each) => (each === unsealable ? { ...describe(each)!, clearLength: 1000 } : describe(each));
  const out = await through(sendTransform(keys, describer), [broken, unsealable, opus(7, 8, 9)]);
  assert.equal(out.length, 1);
  assert.equal(typeof parseFrameMetadata(new Uint8Array(out[0]!.data)), "object");
});

test("no clear byte of a frame beyond its prefix is left in what is sent", async () => {
  const { keys } = await keysFor(1);
  const marker = fromHex("00112233445566778899aabbccddeeff");
  const data = new Uint8Array([...new Uint8Array(keyFrame(64, 64, 1).data), ...marker]);
  const made = frame(data, { mimeType: "video/VP8", width: 64, height: 64 }, "key");
  const [out] = await through(sendTransform(keys, new FrameDescriber([1])), [made]);
  assert.ok(!toHex(new Uint8Array(out!.data)).includes(toHex(marker.subarray(0, 4))));
});

test("audio and video of one sender arrive at another, duplicates and empty frames quietly do not", async () => {
  const alice = await keysFor(1);
  const bob = await keysFor(2);
  await bob.keys.setMember(1, alice.published);
  const audio = await through(sendTransform(alice.keys, new FrameDescriber([1])), [opus(1, 2, 3), opus(4)]);
  const video = await through(sendTransform(alice.keys, new FrameDescriber([1])), [keyFrame(64, 48, 1)]);
  const copy = { ...video[0]!, data: video[0]!.data.slice(0) };
  const senders: number[] = [];
  const pipe = () => receiveTransform(bob.keys, noTransformer, (sender) => senders.push(sender));
  const empty = frame(new Uint8Array(0), {});
  const heard = await through(pipe(), [audio[0]!, empty, audio[1]!]);
  assert.deepEqual(heard.map(({ data }) => toHex(new Uint8Array(data))), ["010203", "04"]);
  const seen = await through(pipe(), [video[0]!, copy]);
  assert.equal(seen.length, 1);
  assert.equal(toHex(new Uint8Array(seen[0]!.data)), toHex(new Uint8Array(keyFrame(64, 48, 1).data)));
  assert.deepEqual(senders, [1, 1]);
  assert.deepEqual(bob.keys.senderReports(), [{ sender: 1, hasKey: true, opened: 3, failed: 0, withoutKey: 0 }]);
});

test("a wrong passphrase opens nothing and says so; a missing key is told apart", async () => {
  const alice = await keysFor(1);
  const eve = await keysFor(2, "wrong");
  await eve.keys.setMember(1, alice.published);
  const stranger = await keysFor(3);
  const sealed = await through(sendTransform(alice.keys, new FrameDescriber([1])), [opus(1), opus(2)]);
  for (const { keys, expected } of [
    { keys: eve.keys, expected: { hasKey: true, failed: 2, withoutKey: 0 } },
    { keys: stranger.keys, expected: { hasKey: false, failed: 0, withoutKey: 2 } },
  ]) {
    const copies = sealed.map((each) => ({ ...each, data: each.data.slice(0) }));
    const out = await through(receiveTransform(keys, noTransformer, () => assert.fail("opened")), copies);
    assert.equal(out.length, 0);
    assert.deepEqual(keys.senderReports(), [{ sender: 1, opened: 0, ...expected }]);
  }
});

test("after video frames that stayed shut, the pipe asks for a key frame and waits for it", async () => {
  const recorded = vectors("vp8-encoded-frames.json")["firefox"] as Recorded[];
  const firstDelta = recorded.findIndex((each) => !each.key_frame);
  const alice = await keysFor(1);
  const bob = await keysFor(2);
  const describer = new FrameDescriber([1]);
  const frames = [recorded[firstDelta - 1]!, recorded[firstDelta]!, recorded[firstDelta - 1]!].map((each) => vp8(each));
  const sealed = await through(sendTransform(alice.keys, describer), frames);
  let requests = 0;
  const transformer = { sendKeyFrameRequest: async () => void requests++ } as unknown as Transformer;
  const pipe = receiveTransform(bob.keys, transformer, () => undefined);
  const writer = pipe.writable.getWriter();
  const reader = pipe.readable.getReader();
  await writer.ready;
  const pending = reader.read();
  await writer.write(sealed[0]!);
  await bob.keys.setMember(1, alice.published);
  await writer.write(sealed[1]!);
  await writer.write(sealed[2]!);
  const first = await pending;
  assert.equal(toHex(new Uint8Array(first.value!.data)), toHex(fromHex(recorded[firstDelta - 1]!.head)));
  assert.equal(requests, 1);
});

test("removing a member and taking it back in does not let its frames be replayed", async () => {
  const alice = await keysFor(1);
  const bob = await keysFor(2);
  await bob.keys.setMember(1, alice.published);
  const [sealed] = await through(sendTransform(alice.keys, new FrameDescriber([1])), [opus(5)]);
  const bytes = new Uint8Array(sealed!.data);
  assert.equal((await bob.keys.open(bytes)).kind, "opened");
  await bob.keys.setMember(1, alice.published);
  assert.equal((await bob.keys.open(bytes)).kind, "replayed");
  await bob.keys.removeMember(1);
  assert.equal((await bob.keys.open(bytes)).kind, "unknown-key");
  await bob.keys.setMember(1, alice.published);
  assert.equal((await bob.keys.open(bytes)).kind, "replayed");
});
