// What the page says to the server about devices, messages and files, and what it makes of strange answers.

import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex, utf8, type Bytes } from "../src/e2ee/bytes.ts";
import { Api } from "../src/messages/Api.ts";
import { fromBase64, toBase64 } from "../src/messages/base64.ts";
import { BlobStore } from "../src/messages/BlobStore.ts";
import { DeviceRegistration } from "../src/messages/DeviceRegistration.ts";
import { HttpDirectory } from "../src/messages/HttpDirectory.ts";
import { DirectoryError, type OutgoingMessage } from "../src/messages/ports.ts";
import { readMessageEvent, SocketMailbox } from "../src/messages/SocketMailbox.ts";
import { SignalDevice } from "../src/signal/SignalDevice.ts";
import { MemoryDeviceStore } from "../src/signal/DeviceStore.ts";
import { RequestError } from "../src/signaling/messages.ts";
import { Random, seed } from "./random.ts";
import { newDevice, NOW } from "./signalDevices.ts";

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly authorization: string | null;
}

type Answer = (request: Request, init: RequestInit) => Response | Promise<Response>;

function server(answer: Answer) {
  const requests: Request[] = [];
  const tokens: boolean[] = [];
  const fetcher = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(String(input));
    const request = {
      method: init.method ?? "GET",
      path: url.pathname,
      body: typeof init.body === "string" ? (JSON.parse(init.body) as unknown) : init.body,
      authorization: new Headers(init.headers).get("authorization"),
    };
    requests.push(request);
    return answer(request, init);
  };
  const token = (fresh: boolean) => {
    tokens.push(fresh);
    return Promise.resolve(fresh ? "fresh" : "kept");
  };
  return { api: new Api(new URL("https://sotto.example/api/v1/"), token, fetcher), requests, tokens };
}

const json = (value: unknown, status = 200) => new Response(JSON.stringify(value), { status });

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => "none",
    (error: unknown) => (error instanceof DirectoryError ? error.code : String(error)),
  );
}

test("base64 is that of everybody else, for any length", () => {
  const random = new Random(seed());
  for (const length of [0, 1, 2, 3, 100, 70_000]) {
    const bytes = random.bytes(length);
    assert.equal(toBase64(bytes), Buffer.from(bytes).toString("base64"));
    assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
  }
  for (const bad of ["*", "a", undefined, 7]) assert.equal(fromBase64(bad), undefined);
});

test("a device registers with what it has, and refills what is missing", async () => {
  const random = new Random(seed());
  const { device } = await newDevice(random);
  let left = 100;
  const { api, requests } = server(({ method }) => json({ oneTimePreKeys: method === "PUT" ? left : 100 }));
  const registration = new DeviceRegistration(device, new HttpDirectory(api));
  await registration.register(NOW);
  const body = requests[0]!.body as Record<string, unknown>;
  assert.deepEqual([requests[0]!.method, requests[0]!.path], ["PUT", "/api/v1/keys"]);
  assert.equal(body["identityKey"], toBase64(device.identityKey.serialized));
  assert.equal(body["registrationId"], device.registrationId);
  const before = body["oneTimePreKeys"] as { id: number }[];
  assert.equal(before.length, 100);
  left = 7;
  await registration.register(NOW + 1);
  const refill = requests.at(-1)!;
  assert.deepEqual([refill.method, refill.path], ["POST", "/api/v1/keys/one-time"]);
  const added = (refill.body as { oneTimePreKeys: { id: number }[] }).oneTimePreKeys;
  assert.equal(added.length, 93);
  assert.ok(added.every(({ id }) => !before.some((known) => known.id === id)), "ids are new");
  await registration.renewIfDue(NOW + 8 * 24 * 3600 * 1000);
  assert.equal(requests.at(-1)!.path, "/api/v1/keys/signed");
});

test("bundles are read with care: who has strange keys is named without any", async () => {
  const { identityKey, registrationId, signedPreKey, oneTimePreKeys } = await (
    await SignalDevice.open(new MemoryDeviceStore(), NOW)
  ).publication();
  const key = (value: { id: number; publicKey: { serialized: Uint8Array } }) => ({ id: value.id, key: toBase64(value.publicKey.serialized) });
  const good = {
    registrationId,
    identityKey: toBase64(identityKey.serialized),
    signedPreKey: { ...key(signedPreKey), signature: toBase64(signedPreKey.signature) },
    oneTimePreKey: key(oneTimePreKeys[0]!),
  };
  const devices = [
    { device: "a", ...good },
    { device: "b", ...good, oneTimePreKey: null },
    { device: "c", ...good, identityKey: toBase64(new Uint8Array(33).fill(5)).slice(4) },
    { device: "d", ...good, signedPreKey: null },
    { device: "e", ...good, oneTimePreKey: { id: "1", key: good.identityKey } },
    { device: "f" },
    { nobody: true },
    null,
    7,
  ];
  const { api, requests } = server(() => json({ devices }));
  const bundles = await new HttpDirectory(api).fetchBundles("zoë/x", ["a", "b"]);
  assert.equal(requests[0]!.path, "/api/v1/users/zo%C3%AB%2Fx/bundles");
  assert.deepEqual(bundles.map(({ device, bundle }) => [device, bundle !== undefined]),
    [["a", true], ["b", true], ["c", false], ["d", false], ["e", false], ["f", false]]);
  assert.equal(bundles[0]!.bundle!.oneTimePreKey!.id, oneTimePreKeys[0]!.id);
  assert.equal(bundles[1]!.bundle!.oneTimePreKey, undefined);
  for (const reply of ["no JSON", "[]", "null", '{"devices":7}']) {
    const strange = server(() => new Response(reply));
    assert.deepEqual(await new HttpDirectory(strange.api).fetchBundles("u", ["a"]), []);
  }
});

test("a refused token is asked for anew once; refusals keep their codes", async () => {
  const { api, requests, tokens } = server(({ authorization }) =>
    authorization === "Bearer fresh" ? json({ devices: [{ device: "web" }] }) : json({}, 401));
  assert.deepEqual(await new HttpDirectory(api).listDevices("bob"), ["web"]);
  assert.deepEqual([tokens, requests.length], [[false, true], 2]);
  const refusing = (status: number, body: unknown) => codeOf(new HttpDirectory(server(() => json(body, status)).api).listDevices("bob"));
  assert.equal(await refusing(404, { error: { code: "unknown_user", message: "?" } }), "unknown_user");
  assert.equal(await refusing(500, "oops"), "http_500");
  assert.equal(await refusing(401, {}), "http_401");
  const gone = server(() => Promise.reject(new TypeError("network")));
  assert.equal(await codeOf(new HttpDirectory(gone.api).listDevices("bob")), "unreachable");
});

/** A blob store that keeps at most `most` bytes of each piece, and breaks off every third one. */
function blobServer(most: number) {
  let blob: Bytes = new Uint8Array(0);
  let size = 0;
  let pieces = 0;
  const answer: Answer = async ({ method, body }, init) => {
    const headers = () => ({ "upload-offset": String(blob.length) });
    if (method === "POST") {
      size = (body as { size: number }).size;
      return json({ id: "ab".repeat(32), expires: 0 }, 201);
    }
    if (method === "GET") return new Response(blob, { headers: { "content-length": String(blob.length) } });
    if (method === "HEAD") return new Response(null, { headers: headers() });
    if (Number(new Headers(init.headers).get("upload-offset")) !== blob.length) return new Response(null, { status: 409, headers: headers() });
    const piece = (init.body as Bytes).subarray(0, most);
    blob = Uint8Array.from([...blob, ...piece]);
    if (++pieces % 3 === 0) throw new TypeError("broken off");
    return new Response(null, { status: 204, headers: headers() });
  };
  return { ...server(answer), contents: () => blob, expected: () => size, spoil: () => (blob[3]! ^= 1) };
}

test("a file goes up in pieces that go on after a failure, and comes down whole or not at all", async () => {
  const random = new Random(seed());
  const file = random.bytes(10_000);
  const store = blobServer(1_000);
  const blobs = new BlobStore(store.api, (length) => random.bytes(length));
  const media = await blobs.upload(file, "Urlaub.jpg", "image/jpeg");
  assert.deepEqual([store.contents().length, store.expected(), media.size], [10_000, 10_000, 10_000]);
  assert.notEqual(toHex(store.contents().subarray(0, 100)), toHex(file.subarray(0, 100)), "sealed");
  assert.deepEqual(await blobs.download(media), file);
  store.spoil();
  assert.equal(await blobs.download(media), undefined, "a wrong digest");
  assert.equal(await blobs.download({ ...media, size: 9_999 }), undefined, "a wrong size");
});

test("an upload that does not go on is given up", async () => {
  const { api } = server(({ method }) =>
    method === "POST" ? json({ id: "x" }, 201) : new Response(null, { status: 409, headers: { "upload-offset": "0" } }));
  assert.equal(await codeOf(new BlobStore(api).upload(utf8("x"), "", "")), "wrong_offset");
});

const outgoing = (store: boolean): OutgoingMessage => ({
  id: new Uint8Array(16).fill(0xab),
  purpose: 3,
  group: "family",
  shared: undefined,
  recipients: [{ to: { user: "bob", device: "phone" }, type: "signal", body: Uint8Array.of(1, 2) }],
  store,
});

test("messages go out in the form of the contract, and failures come back by kind", async () => {
  const requests: [string, unknown][] = [];
  const unknown = [{ user: "a", device: "1" }, { user: "b", device: "2", full: true }];
  const mailbox = new SocketMailbox(<Reply>(type: string, fields?: object) => {
    requests.push([type, fields]);
    return Promise.resolve({ unknown, accepted: 1 } as Reply);
  });
  const outcome = await mailbox.send(outgoing(true));
  assert.deepEqual(requests[0], [
    "send",
    {
      messageId: "ab".repeat(16),
      purpose: 3,
      group: "family",
      recipients: [{ user: "bob", device: "phone", type: "signal", body: "AQI=" }],
      store: true,
    },
  ]);
  assert.deepEqual([outcome.unknown, outcome.full], [[unknown[0]], [unknown[1]]]);
});

test("what a lost socket could not take is sent with the next one under its id, if it is to be kept", async () => {
  let lost = true;
  const sent: object[] = [];
  const mailbox = new SocketMailbox(<Reply>(type: string, fields?: object) => {
    if (lost) return Promise.reject(new RequestError("connection_lost", "gone"));
    if (type === "send") sent.push(fields!);
    return Promise.resolve({} as Reply);
  });
  const kept = mailbox.send(outgoing(true));
  assert.ok((await mailbox.send(outgoing(false))).error);
  lost = false;
  mailbox.resume();
  assert.equal((await kept).error, undefined);
  assert.deepEqual(sent.map((fields) => (fields as { messageId: string }).messageId), ["ab".repeat(16)]);
});

test("events that are not in the form of the contract are no messages", () => {
  const good = {
    event: "message",
    seq: 3,
    from: { user: "bob", device: "phone" },
    messageId: "0f".repeat(16),
    purpose: 3,
    group: "g",
    time: 1,
    type: "prekey",
    body: "AQI=",
  };
  const message = readMessageEvent(good);
  assert.deepEqual(message?.from, { user: "bob", device: "phone" });
  assert.deepEqual([message?.seq, message?.body, message?.shared], [3, Uint8Array.of(1, 2), undefined]);
  assert.deepEqual(readMessageEvent({ ...good, shared: "Aw==" })?.shared, Uint8Array.of(3));
  const bad = [{ seq: "3" }, { from: null }, { from: { user: "bob" } }, { messageId: "0F".repeat(16) }, { messageId: "0f" }, { type: "x" }, { body: "*" }, { group: 7 }];
  for (const change of bad) assert.equal(readMessageEvent({ ...good, ...change }), undefined, JSON.stringify(change));
});
