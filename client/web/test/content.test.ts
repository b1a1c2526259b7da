// Contents: what goes in comes out, all small ones look alike, and nothing out of bounds gets through.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromHex, toHex, utf8, type Bytes } from "../src/e2ee/bytes.ts";
import { Suite } from "../src/e2ee/FrameMetadata.ts";
import {
  ContentError,
  decodeErrorReceipt,
  encodeErrorReceipt,
  ErrorReason,
  Purpose,
  type Body,
  type ContentProblem,
  type What,
} from "../src/messages/content.ts";
import { decodeBody, decodeContent } from "../src/messages/contentDecoder.ts";
import { encodeBody, encodeContent } from "../src/messages/contentEncoder.ts";
import { derive, ratchetSecret } from "../src/messages/derive.ts";
import { openBlob, sealBlob } from "../src/messages/mediaBlob.ts";
import { additionalData, openOneTime, openShared, sealOneTime, sealShared } from "../src/messages/oneTimeKey.ts";
import { ProtobufWriter } from "../src/signal/protobuf.ts";
import { vectors } from "./data.ts";
import { Random, seed } from "./random.ts";

const sk = new Uint8Array(32).map((_, i) => i);
const keyBody: Body = {
  group: "00112233445566778899aabbccddeeff",
  sentMs: 1_700_000_000_123,
  what: {
    purpose: Purpose.MediaKey,
    key: { id: { sender: 65_535, generation: 255, step: 7 }, suite: Suite.Aes256Gcm, sk },
  },
};
const bodyOf = (what: What): Body => ({ group: "g", sentMs: undefined, what });
const textBody = (text: string) => bodyOf({ purpose: Purpose.Text, text });
const id = (first: number): Bytes => {
  const bytes = new Uint8Array(16);
  bytes[0] = first;
  return bytes;
};

/** Padded by hand, as a hostile sender could. */
function padded(plain: Uint8Array): Bytes {
  const out = new Uint8Array(plain.length + 1);
  out.set(plain);
  out[plain.length] = 0x80;
  return out;
}

const bodyWith = (purpose: number, field: number, inner: Uint8Array) =>
  padded(new ProtobufWriter().uint(1, purpose).bytes(2, utf8("g")).bytes(field, inner).finish());

function problemOf(read: () => unknown): ContentProblem | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof ContentError) return error.problem;
    throw error;
  }
}

test("a media key in a content comes out as it went in, in 320 bytes", () => {
  const wire = encodeContent({ kind: "body", body: keyBody });
  assert.equal(wire.length, 320);
  assert.deepEqual(decodeContent(wire), { kind: "body", body: keyBody });
});

test("bytes on the wire are those of the schema", () => {
  const body = bodyOf({ purpose: Purpose.KeyRequest, request: { sender: 3, generation: 1 } });
  assert.equal(toHex(encodeBody(body)).slice(0, 26), "08021201672a04080310018000");
  // body 1 { purpose 1: 2, group 2: "g", key_request 5 { sender 1: 3, generation 2: 1 } }
  assert.equal(toHex(encodeContent({ kind: "body", body })).slice(0, 30), "0a0b08021201672a04080310018000");
});

test("every kind of body comes out as it went in", () => {
  const media = { blob: "a".repeat(64), km: sk, digest: sk.map((byte) => byte ^ 255), size: 104_857_600 };
  const all: What[] = [
    { purpose: Purpose.KeyRequest, request: { sender: 1, generation: 2, step: 3 } },
    { purpose: Purpose.KeyRequest, request: { sender: 1, generation: undefined, step: undefined } },
    { purpose: Purpose.Text, text: "Grüße 👋" },
    { purpose: Purpose.Text, text: "" },
    { purpose: Purpose.Text, text: "\ufeffbegins with a byte order mark" },
    { purpose: Purpose.MediaMessage, media: { ...media, name: "Urlaub.jpg", type: "image/jpeg" } },
    { purpose: Purpose.MediaMessage, media: { ...media, name: "", type: "" } },
    { purpose: Purpose.Reaction, reaction: { message: id(1), emoji: "🎉", remove: false } },
    { purpose: Purpose.Reaction, reaction: { message: id(2), emoji: "🎉", remove: true } },
  ];
  for (const what of all) assert.deepEqual(decodeBody(encodeBody(bodyOf(what))), bodyOf(what));
});

test("key messages, key requests, shared keys and receipts cannot be told apart by length", () => {
  const request = bodyOf({ purpose: Purpose.KeyRequest, request: { sender: 1 } });
  assert.equal(encodeBody(keyBody).length, 320);
  for (const content of [
    { kind: "body", body: keyBody },
    { kind: "body", body: request },
    { kind: "shared", shared: { km: sk, digest: sk } },
    { kind: "receipt", messages: [id(1)] },
    { kind: "receipt", messages: Array.from({ length: 16 }, (_, i) => id(i)) },
  ] as const) {
    assert.equal(encodeContent(content).length, 320, content.kind);
  }
});

test("texts are padded to multiples of 160 bytes", () => {
  for (const length of [0, 1, 140, 141, 150, 151, 320, 16_384]) {
    const wire = encodeContent({ kind: "body", body: textBody("x".repeat(length)) });
    assert.ok(wire.length % 160 === 0 && wire.length > length && wire.length <= length + 200, `${length}: ${wire.length}`);
    assert.deepEqual(decodeContent(wire), { kind: "body", body: textBody("x".repeat(length)) });
  }
});

test("receipts and shared keys come out as they went in", () => {
  for (const content of [
    { kind: "receipt", messages: [id(1), id(2)] },
    { kind: "shared", shared: { km: sk, digest: new Uint8Array(32).fill(7) } },
  ] as const) {
    assert.deepEqual(decodeContent(encodeContent(content)), content);
  }
});

test("without padding nothing is read", () => {
  for (const hex of ["", "00", "0000", "0a0b", "0a0b00"]) assert.equal(problemOf(() => decodeBody(fromHex(hex))), "padding");
  assert.equal(problemOf(() => decodeBody(new Uint8Array(64 * 1024 + 1).fill(0x80))), "too-large");
});

test("fields out of bounds, missing, of the wrong type or from the future are refused", () => {
  const inner = () => new ProtobufWriter();
  const three = () => inner().uint(1, 1).uint(2, 1).uint(3, 1);
  const cases: [string, Bytes, ContentProblem][] = [
    ["sender 0", bodyWith(2, 5, inner().uint(1, 0).finish()), "out-of-bounds"],
    ["sender above 16 bits", bodyWith(2, 5, inner().uint(1, 65_536).finish()), "out-of-bounds"],
    ["generation above 8 bits", bodyWith(2, 5, inner().uint(1, 1).uint(2, 256).finish()), "out-of-bounds"],
    ["sender as text", bodyWith(2, 5, inner().bytes(1, utf8("1")).finish()), "malformed"],
    ["a number and then text", bodyWith(2, 5, inner().uint(1, 1).bytes(1, utf8("1")).finish()), "malformed"],
    ["purpose and field that do not belong together", bodyWith(1, 5, inner().uint(1, 1).finish()), "missing"],
    ["a purpose that nobody knows", bodyWith(6, 9, new Uint8Array(0)), "unknown-purpose"],
    ["purpose 0", bodyWith(0, 9, new Uint8Array(0)), "unknown-purpose"],
    ["a key of 31 bytes", bodyWith(1, 4, three().uint(4, 0xd0).bytes(5, sk.slice(1)).finish()), "out-of-bounds"],
    ["an unknown suite", bodyWith(1, 4, three().uint(4, 3).bytes(5, sk).finish()), "out-of-bounds"],
    ["no key at all", bodyWith(1, 4, three().uint(4, 0xd0).finish()), "missing"],
    ["text that is not UTF-8", bodyWith(3, 6, inner().bytes(1, fromHex("c0af")).finish()), "out-of-bounds"],
    ["text that is too long", bodyWith(3, 6, inner().bytes(1, new Uint8Array(16_385).fill(120)).finish()), "out-of-bounds"],
    ["half a message id", bodyWith(5, 8, inner().bytes(1, new Uint8Array(8)).bytes(2, utf8("x")).finish()), "out-of-bounds"],
    ["cut protobuf", padded(fromHex("0802120167")).slice(0, 4), "padding"],
    ["a length beyond the end", padded(fromHex("08021205")), "malformed"],
  ];
  for (const [what, bytes, problem] of cases) assert.equal(problemOf(() => decodeBody(bytes)), problem, what);
});

test("a group of no bytes or of 65 is refused", () => {
  for (const length of [0, 65]) {
    const request = new ProtobufWriter().uint(1, 1).finish();
    const body = new ProtobufWriter().uint(1, 2).bytes(2, new Uint8Array(length).fill(103)).bytes(5, request).finish();
    assert.equal(problemOf(() => decodeBody(padded(body))), "out-of-bounds");
  }
});

test("unknown fields are skipped", () => {
  const inner = new ProtobufWriter().uint(1, 9).bytes(77, utf8("from the future")).finish();
  const body = new ProtobufWriter().uint(1, 2).bytes(2, utf8("g")).uint(1_000_000, 5).bytes(5, inner).finish();
  const { what } = decodeBody(padded(body));
  assert.ok(what.purpose === Purpose.KeyRequest && what.request.sender === 9);
});

test("a content is exactly one of the three, and a receipt names 1 to 64 messages", () => {
  const receipt = (count: number) => {
    const inner = new ProtobufWriter();
    for (let i = 0; i < count; i++) inner.bytes(1, id(i));
    return padded(new ProtobufWriter().bytes(3, inner.finish()).finish());
  };
  const two = padded(new ProtobufWriter().bytes(2, new Uint8Array(0)).bytes(3, new Uint8Array(0)).finish());
  assert.equal(problemOf(() => decodeContent(two)), "missing");
  assert.equal(problemOf(() => decodeContent(padded(new Uint8Array(0)))), "missing");
  assert.equal(problemOf(() => decodeContent(receipt(0))), "missing");
  assert.equal(problemOf(() => decodeContent(receipt(65))), "out-of-bounds");
  assert.equal(problemOf(() => decodeContent(receipt(64))), undefined);
});

test("truncated or changed contents are refused or read, and never throw anything else", () => {
  const chosen = seed();
  const random = new Random(chosen);
  const wire = encodeContent({ kind: "body", body: keyBody });
  for (let length = 0; length < wire.length; length++) problemOf(() => decodeContent(wire.subarray(0, length)));
  for (let round = 0; round < 5000; round++) {
    const changed = wire.slice();
    for (let i = random.below(4); i >= 0; i--) changed[random.below(120)] = random.below(256);
    assert.doesNotThrow(() => problemOf(() => decodeContent(changed)), `SOTTO_SEED=${chosen} round ${round}`);
    assert.doesNotThrow(() => problemOf(() => decodeContent(random.bytes(random.below(200)))), `SOTTO_SEED=${chosen}`);
  }
});

test("error receipts are 17 bytes and have three reasons", () => {
  const receipt = { message: fromHex("01020300000000000000000000000000"), reason: ErrorReason.UnknownPreKey };
  const wire = encodeErrorReceipt(receipt);
  assert.equal(toHex(wire), "0102030000000000000000000000000003");
  assert.deepEqual(decodeErrorReceipt(wire), receipt);
  assert.equal(decodeErrorReceipt(wire.subarray(0, 16)), undefined);
  for (const reason of [0, 4]) assert.equal(decodeErrorReceipt(Uint8Array.of(...wire.subarray(0, 16), reason)), undefined);
});

const known = vectors("duo-paper-known-answers.json") as Record<string, Record<string, string>>;
const answer = (part: string, name: string) => fromHex(known[part]![name]!);

test("the one-time-key form is the known answer", () => {
  const km = answer("otk", "KM");
  assert.deepEqual(derive(km, "OTKEncryptionKey", 32), answer("otk", "key"));
  assert.deepEqual(derive(km, "OTKEncryptionIV", 12), answer("otk", "iv"));
  const sealed = answer("otk", "ciphertext_and_tag");
  assert.deepEqual(sealOneTime(km, answer("otk", "plaintext"), new Uint8Array(0)), sealed);
  assert.deepEqual(openOneTime(km, sealed, new Uint8Array(0)), answer("otk", "plaintext"));
});

test("the ratchet step is the known answer", () => {
  const first = ratchetSecret(answer("ratchet", "SK"));
  assert.deepEqual(first, answer("ratchet", "step1"));
  assert.deepEqual(ratchetSecret(first), answer("ratchet", "step2"));
});

test("a sealed blob and its digest are the known answer, and another blob is dropped unread", async () => {
  const km = answer("media_message", "KM");
  const plain = answer("media_message", "plaintext");
  const { bytes, digest } = await sealBlob(km, plain);
  assert.deepEqual(bytes, answer("media_message", "ciphertext"));
  assert.deepEqual(digest, answer("media_message", "digest_sha256"));
  assert.deepEqual(await openBlob({ km, digest, size: plain.length }, bytes), plain);
  assert.equal(await openBlob({ km, digest, size: plain.length - 1 }, bytes), undefined);
  assert.equal(await openBlob({ km, digest: digest.map((byte) => byte ^ 1), size: plain.length }, bytes), undefined);
  const changed = bytes.slice();
  changed[0]! ^= 1;
  assert.equal(await openBlob({ km, digest, size: plain.length }, changed), undefined);
});

test("a shared body opens for its own context only", () => {
  const random = new Random(seed());
  const context = { purpose: 3, group: "family", sender: { user: "zoë", device: "web" }, message: id(9) };
  assert.equal(toHex(additionalData({ ...context, message: new Uint8Array(0) })), "030666616d696c79047a6fc3ab03776562");
  const { key, sealed } = sealShared(utf8("hello"), context, (length) => random.bytes(length));
  assert.deepEqual(openShared(key, sealed, context), utf8("hello"));
  const others = [
    { ...context, purpose: 4 },
    { ...context, group: "work" },
    { ...context, sender: { user: "zoë", device: "phone" } },
    { ...context, message: id(8) },
  ];
  for (const other of others) assert.equal(openShared(key, sealed, other), undefined);
  assert.equal(openShared({ ...key, digest: key.digest.map((byte) => byte ^ 1) }, sealed, context), undefined);
  assert.equal(openShared(key, sealed.slice(1), context), undefined);
});
