// Files in a call: what is sent, how far it came, and what is refused.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CallFiles, cutToBytes, FileProblem, MAX_FILE_BYTES, safeFileName, sizeText } from "../src/call/CallFiles.ts";
import { type Bytes } from "../src/e2ee/bytes.ts";
import { Api } from "../src/messages/Api.ts";
import { BlobStore } from "../src/messages/BlobStore.ts";
import { CallMessages, type Delivery } from "../src/messages/CallMessages.ts";
import { LIMITS, Purpose, type Body, type MediaMessage } from "../src/messages/content.ts";
import { addressOf, type DeviceId } from "../src/messages/DeviceId.ts";
import { Random, seed } from "./random.ts";

const BOB = { user: "bob", device: "web" };
const CAROL = { user: "carol", device: "web" };

interface Sent {
  readonly what: Body["what"];
  readonly to: readonly DeviceId[];
  readonly token: number;
}

function messages(members: readonly DeviceId[] = [BOB, CAROL]) {
  const sent: Sent[] = [];
  const port = { send: (what: Body["what"], to: readonly DeviceId[], token: number) => void sent.push({ what, to, token }), members: () => members };
  return { messages: new CallMessages(port), sent };
}

/** A store that keeps one blob; `refusal` answers its creation, `missing` every download. */
function store({ refusal, missing }: { refusal?: Response; missing?: boolean } = {}) {
  let blob: Bytes = new Uint8Array(0);
  const fetcher = (_url: RequestInfo | URL, { method, body }: RequestInit = {}): Promise<Response> => {
    if (method === "POST") return Promise.resolve(refusal ?? new Response('{"id":"aa"}', { status: 201 }));
    if (method === "GET" && missing === true) return Promise.resolve(new Response('{"error":{"code":"not_found","message":"gone"}}', { status: 404 }));
    if (method === "GET") return Promise.resolve(new Response(blob));
    blob = Uint8Array.from([...blob, ...(body as Bytes)]);
    return Promise.resolve(new Response(null, { status: 204, headers: { "upload-offset": String(blob.length) } }));
  };
  const api = new Api(new URL("https://sotto.example/api/v1/"), () => Promise.resolve("token"), fetcher as typeof fetch);
  return { store: new BlobStore(api), spoil: () => (blob[0]! ^= 1), grow: () => (blob = Uint8Array.from([...blob, 0])), blob: () => blob };
}

async function problemOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => "none",
    (error: unknown) => (error instanceof FileProblem ? `${error.code}: ${error.message}` : `another: ${String(error)}`),
  );
}

const nothing = () => undefined;

test("a file goes sealed to the store, and what opens it to everybody's device", async () => {
  const bytes = new Random(seed()).bytes(3_000_000);
  const { messages: way, sent } = messages();
  const { store: blobs, blob } = store();
  const files = new CallFiles(blobs, way);
  const shares: number[] = [];
  let news = 0;
  const states = await files.send(new File([bytes], "Grüße.bin", { type: "x/y" }), (done, all) => shares.push(done / all), () => news++);
  assert.deepEqual(shares.slice(0, 2).concat(shares.at(-1)!), [0, 1_048_576 / 3_000_000, 1]);
  assert.deepEqual([sent.length, sent[0]!.to, sent[0]!.what.purpose], [1, [BOB, CAROL], Purpose.MediaMessage]);
  const { media } = sent[0]!.what as { media: MediaMessage };
  assert.deepEqual([media.name, media.type, media.size], ["Grüße.bin", "x/y", 3_000_000]);
  assert.notDeepEqual(blob().subarray(0, 64), bytes.subarray(0, 64));
  assert.deepEqual(await files.open(media, nothing), bytes);

  assert.ok(CallMessages.owns(sent[0]!.token) && !CallMessages.owns(0) && !CallMessages.owns(1));
  const of = (device: DeviceId) => states.get(addressOf(device));
  assert.deepEqual([of(BOB), of(CAROL)], ["under-way", "under-way"]);
  way.delivered(BOB, sent[0]!.token, "opened");
  way.delivered(CAROL, sent[0]!.token, "out-of-reach");
  assert.deepEqual([of(BOB), of(CAROL), news], ["opened", "out-of-reach", 2]);
  // What has been opened stays so; strangers and other tokens change nothing.
  way.delivered(BOB, sent[0]!.token, "no-keys");
  way.delivered({ user: "eve", device: "web" }, sent[0]!.token, "opened");
  way.delivered(CAROL, sent[0]!.token - 1, "opened");
  assert.deepEqual([of(BOB), of(CAROL), states.size, news], ["opened" satisfies Delivery, "out-of-reach", 2, 2]);
});

test("what cannot be sent says why, and nobody is sent anything", async () => {
  const { messages: way, sent } = messages();
  const refused = (status: number, code: string, message = "") =>
    new CallFiles(store({ refusal: new Response(JSON.stringify({ error: { code, message } }), { status }) }).store, way);
  const file = new File(["x"], "x");
  assert.match(await problemOf(refused(413, "too_large", "a blob may have 4194304 bytes").send(file, nothing, nothing)), /^too_large: .* 4\.0 MiB/);
  assert.match(await problemOf(refused(507, "quota_exceeded").send(file, nothing, nothing)), /^quota_exceeded: .*used up/);
  assert.match(await problemOf(refused(500, "internal", "it broke").send(file, nothing, nothing)), /^internal: it broke \(internal\)/);
  const huge = Object.defineProperty(new File(["x"], "x"), "size", { value: MAX_FILE_BYTES + 1 });
  assert.match(await problemOf(new CallFiles(store().store, way).send(huge, nothing, nothing)), /^too_large: .*100 MiB/);
  assert.match(await problemOf(new CallFiles(store().store, way).send(new File([], "x"), nothing, nothing)), /^empty/);
  assert.equal(sent.length, 0);
});

test("what is not the file that was sent is not opened, and what is gone is said to be", async () => {
  const { messages: way, sent } = messages();
  const { store: blobs, spoil, grow } = store();
  const files = new CallFiles(blobs, way);
  await files.send(new File(["plain text"], "a.txt"), nothing, nothing);
  const { media } = sent[0]!.what as { media: MediaMessage };
  assert.equal(await problemOf(files.open(media, nothing)), "none");
  spoil();
  assert.match(await problemOf(files.open(media, nothing)), /^wrong_digest/);
  spoil();
  grow();
  assert.match(await problemOf(files.open(media, nothing)), /^wrong_digest/, "one byte more than announced");
  assert.match(await problemOf(files.open({ ...media, size: MAX_FILE_BYTES + 1 }, nothing)), /^too_large/);
  assert.match(await problemOf(new CallFiles(store({ missing: true }).store, way).open(media, nothing)), /^not_found: No longer/);
});

test("files and texts that come before the page listens wait, and nothing else does", () => {
  const { messages: way } = messages();
  const text = (words: string): Body => ({ group: "g", what: { purpose: Purpose.Text, text: words } });
  way.arrived(BOB, text("one"));
  way.arrived(BOB, { group: "g", what: { purpose: Purpose.KeyRequest, request: { sender: 1 } } });
  const heard: string[] = [];
  way.listen((from, { what }) => heard.push(`${from.user}: ${what.purpose === Purpose.Text ? what.text : "?"}`));
  way.arrived(CAROL, text("two"));
  assert.deepEqual(heard, ["bob: one", "carol: two"]);
});

test("names of files are cut between characters, and made safe to show and to save", () => {
  assert.equal(cutToBytes("ä€😀", 5), "ä€");
  assert.equal(cutToBytes("x".repeat(300), LIMITS.name).length, LIMITS.name);
  assert.equal(safeFileName("../../etc/passwd"), "__.._etc_passwd");
  assert.equal(safeFileName(".bashrc"), "_bashrc");
  assert.equal(safeFileName("invoice\u202Efdp.exe\u0000\n"), "invoice_fdp.exe__");
  assert.equal(safeFileName("  "), "file");
  assert.deepEqual([1, 1023, 1024, 5_242_880, 52_428_800].map(sizeText), ["1 byte", "1023 bytes", "1 KiB", "5.0 MiB", "50 MiB"]);
});
