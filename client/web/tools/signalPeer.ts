// One device of the browser client behind the line protocol of tests/interop/signal/README.md, for tests against other
// implementations. Everything is in memory, and it ends at end of input.

import { createInterface } from "node:readline";

import { fromHex, toHex, utf8, type Bytes } from "../src/e2ee/bytes.ts";
import { callCode, EMOJI } from "../src/signal/callCode.ts";
import { PublicKey, systemRandom, type RandomBytes } from "../src/signal/curve.ts";
import { MemoryDeviceStore } from "../src/signal/DeviceStore.ts";
import { compareScanned, fingerprint, type Party } from "../src/signal/fingerprint.ts";
import { type PreKeyBundle } from "../src/signal/preKeys.ts";
import { ProtobufReader, ProtobufWriter } from "../src/signal/protobuf.ts";
import { SignalDevice } from "../src/signal/SignalDevice.ts";
import { SignalError } from "../src/signal/SignalError.ts";
import { verify } from "../src/signal/xeddsa.ts";
import { Random } from "../test/random.ts";

type Members = Record<string, unknown>;

/** A member of a request is missing or of the wrong form. */
class BadRequest extends Error {}

function text(members: Members, name: string): string {
  const value = members[name];
  if (typeof value !== "string") throw new BadRequest(`${name} is not a text`);
  return value;
}

function bytes(members: Members, name: string): Bytes {
  const value = text(members, name);
  if (!/^([0-9a-f]{2})*$/.test(value)) throw new BadRequest(`${name} is not hex`);
  return fromHex(value);
}

function number(members: Members, name: string): number {
  const value = members[name];
  if (!Number.isSafeInteger(value)) throw new BadRequest(`${name} is not a whole number`);
  return value as number;
}

function object(value: unknown): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new BadRequest("not an object");
  return value as Members;
}

/** A device and what the directory of this peer has handed out. */
interface Peer {
  readonly store: MemoryDeviceStore;
  readonly device: SignalDevice;
  readonly deviceId: number;
  /** One-time prekeys not yet in a bundle, in order. */
  readonly preKeys: { readonly id: number; readonly publicKey: PublicKey }[];
}

function seeded(seed: Bytes): RandomBytes {
  if (seed.length !== 8) throw new BadRequest("seed is not 8 bytes");
  const random = new Random(new DataView(seed.buffer).getInt32(0) ^ new DataView(seed.buffer).getInt32(4));
  return (length) => random.bytes(length);
}

async function start(store: MemoryDeviceStore, deviceId: number, random: RandomBytes = systemRandom): Promise<Peer> {
  const device = await SignalDevice.open(store, Date.now(), random);
  return { store, device, deviceId, preKeys: [...(await device.publication()).oneTimePreKeys] };
}

function describe({ device, deviceId }: Peer): Members {
  return { registrationId: device.registrationId, deviceId, identityKey: toHex(device.identityKey.serialized) };
}

async function bundle(peer: Peer, oneTime: boolean): Promise<Members> {
  const { signedPreKey } = await peer.device.publication();
  const preKey = oneTime ? peer.preKeys.shift() : undefined;
  return {
    ...describe(peer),
    signedPreKeyId: signedPreKey.id,
    signedPreKey: toHex(signedPreKey.publicKey.serialized),
    signature: toHex(signedPreKey.signature),
    ...(preKey && { preKeyId: preKey.id, preKey: toHex(preKey.publicKey.serialized) }),
  };
}

function readBundle(members: Members): PreKeyBundle {
  const key = (name: string) => PublicKey.parse(bytes(members, name));
  return {
    registrationId: number(members, "registrationId"),
    identityKey: key("identityKey"),
    signedPreKey: {
      id: number(members, "signedPreKeyId"),
      publicKey: key("signedPreKey"),
      signature: bytes(members, "signature"),
    },
    oneTimePreKey:
      members["preKeyId"] === undefined ? undefined : { id: number(members, "preKeyId"), publicKey: key("preKey") },
  };
}

const STATE = { deviceId: 1, preKeysLeft: 2, entry: 3 } as const;
const ENTRY = { name: 1, value: 2 } as const;

function exportState({ store, deviceId, preKeys }: Peer): string {
  const state = new ProtobufWriter()
    .uint(STATE.deviceId, deviceId)
    .uint(STATE.preKeysLeft, preKeys.length)
    .messages(STATE.entry, store.names(""), (entry, name) =>
      entry.bytes(ENTRY.name, utf8(name)).bytes(ENTRY.value, store.get(name)),
    );
  return toHex(state.finish());
}

async function importState(state: Bytes): Promise<Peer> {
  const fields = new ProtobufReader(state);
  const entries = fields.messages(STATE.entry).map((entry): [string, Bytes] => [
    new TextDecoder().decode(entry.requiredBytes(ENTRY.name)),
    entry.requiredBytes(ENTRY.value),
  ]);
  const peer = await start(new MemoryDeviceStore(new Map(entries)), fields.requiredUint(STATE.deviceId));
  const left = fields.requiredUint(STATE.preKeysLeft);
  return { ...peer, preKeys: left === 0 ? [] : peer.preKeys.slice(-left) };
}

function fingerprintFor(peer: Peer, members: Members) {
  const local: Party = { stableId: bytes(members, "localId"), identityKey: peer.device.identityKey };
  const remoteIdentity = PublicKey.parse(bytes(members, "remoteIdentityKey"));
  return fingerprint(local, { stableId: bytes(members, "remoteId"), identityKey: remoteIdentity });
}

function codeOfCall(members: Members): Members {
  const list = members["members"];
  if (!Array.isArray(list)) throw new BadRequest("members is not a list");
  const { digits, emoji } = callCode(
    list.map(object).map((member) => ({
      user: text(member, "user"),
      device: text(member, "device"),
      identityKey: bytes(member, "identityKey"),
    })),
  );
  return { digits, emoji: emoji.map((index) => EMOJI[index]![0]).join("") };
}

let peer: Peer | undefined;

async function answer(request: Members): Promise<Members> {
  const op = text(request, "op");
  if (op === "init") {
    const deviceId = request["deviceId"] === undefined ? 1 : number(request, "deviceId");
    peer = await start(new MemoryDeviceStore(), deviceId, request["seed"] === undefined ? undefined : seeded(bytes(request, "seed")));
    return describe(peer);
  }
  if (op === "import") return describe((peer = await importState(bytes(request, "state"))));
  if (op === "call-code") return codeOfCall(request);
  if (op === "verify") {
    const key = PublicKey.parse(bytes(request, "publicKey"));
    return { valid: verify(key, bytes(request, "message"), bytes(request, "signature")) };
  }
  if (peer === undefined) throw new BadRequest("no init yet");
  return answerAs(peer, op, request);
}

async function answerAs(self: Peer, op: string, request: Members): Promise<Members> {
  const { device } = self;
  switch (op) {
    case "bundle":
      return bundle(self, request["oneTime"] !== false);
    case "rotate-signed-prekey":
      return { signedPreKeyId: (await device.renewSignedPreKey(Date.now(), true))!.id };
    case "initiate":
      await device.initiate(text(request, "address"), readBundle(object(request["bundle"])));
      return {};
    case "encrypt": {
      const sealed = await device.encrypt(text(request, "address"), bytes(request, "plaintext"));
      return { type: sealed.kind === "prekey" ? "prekey" : "message", body: toHex(sealed.bytes) };
    }
    case "decrypt": {
      const kind = text(request, "type") === "prekey" ? "prekey" : "signal";
      return { plaintext: toHex(await device.decrypt(text(request, "address"), { kind, bytes: bytes(request, "body") })) };
    }
    case "session": {
      const session = await device.session(text(request, "address"));
      const pinned = await device.pinnedIdentity(text(request, "address"));
      return { ...session, ...(pinned && { remoteIdentityKey: toHex(pinned.serialized) }) };
    }
    case "delete-session":
      await device.deleteSessions(text(request, "address"));
      return {};
    case "trust":
      await device.acceptIdentity(text(request, "address"), PublicKey.parse(bytes(request, "identityKey")));
      return {};
    case "export":
      return { state: exportState(self) };
    case "sign":
      return { signature: toHex(await device.sign(bytes(request, "message"))) };
    case "fingerprint": {
      const { digits, scannable } = fingerprintFor(self, request);
      return { digits, scannable: toHex(scannable) };
    }
    case "compare-fingerprint":
      return { match: compareScanned(fingerprintFor(self, request), bytes(request, "scanned")) === "match" };
    default:
      throw new BadRequest(`unknown op ${op}`);
  }
}

function failure(error: unknown): Members {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof SignalError) return { error: error.refusal, message };
  return { error: "bad-request", message };
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let request: Members = {};
  let members: Members;
  try {
    request = object(JSON.parse(line));
    members = await answer(request);
  } catch (error) {
    members = failure(error);
  }
  const id = request["id"];
  process.stdout.write(`${JSON.stringify({ ...(id === undefined ? {} : { id }), ...members })}\n`);
}
