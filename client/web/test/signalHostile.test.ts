// What strangers may send: mutated, truncated, inflated, replayed. A refusal by name, and nothing changes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, fromHex, toHex, type Bytes } from "../src/e2ee/bytes.ts";
import { messageKeys, messageSeed, nextChainKey } from "../src/signal/chains.ts";
import { agree, keyPairFrom, PublicKey } from "../src/signal/curve.ts";
import { parsePreKeySignalMessage, writePreKeySignalMessage } from "../src/signal/PreKeySignalMessage.ts";
import { MAX_UINT32, ProtobufReader, ProtobufWriter } from "../src/signal/protobuf.ts";
import { readSessionRecord } from "../src/signal/sessionCodec.ts";
import { type SealedMessage } from "../src/signal/SessionState.ts";
import { SignalError } from "../src/signal/SignalError.ts";
import { parseSignalMessage, sealSignalMessage } from "../src/signal/SignalMessage.ts";
import { StoreDraft } from "../src/signal/StoreDraft.ts";
import { Random, seed } from "./random.ts";
import { bundleOf, bytesOf, contents, newDevice, refusalOf, text, type TestDevice } from "./signalDevices.ts";

const refusal = (attempt: () => unknown) => refusalOf((async () => attempt())());

/** A prekey message from alice and, after an answer, a plain one; bob has opened neither. */
async function setting(random: Random) {
  const [alice, bob] = [await newDevice(random), await newDevice(random)];
  await alice.device.initiate("bob", await bundleOf(bob.device, 0));
  await bob.device.decrypt("alice", await alice.device.encrypt("bob", bytesOf("first")));
  const opening = await alice.device.encrypt("bob", bytesOf("second"));
  await alice.device.decrypt("bob", await bob.device.encrypt("alice", bytesOf("answer")));
  const plain = await alice.device.encrypt("bob", bytesOf("third"));
  return { alice, bob, opening, plain };
}

/** `message` is refused by the device, which stays as it was. */
async function refused(bob: TestDevice, message: SealedMessage, name: string): Promise<string> {
  const before = contents(bob.store);
  const why = await refusalOf(bob.device.decrypt("alice", message));
  assert.notEqual(why, undefined, `${name}: ${message.kind} ${toHex(message.bytes)} was opened`);
  assert.deepEqual(contents(bob.store), before, `${name}: ${message.kind} ${toHex(message.bytes)}`);
  return why!;
}

function mutated(random: Random, bytes: Uint8Array): Bytes {
  switch (random.below(5)) {
    case 0: {
      const out = new Uint8Array(bytes);
      out[random.below(out.length)]! ^= 1 << random.below(8);
      return out;
    }
    case 1:
      return new Uint8Array(bytes.slice(0, random.below(bytes.length)));
    case 2: {
      const at = random.below(bytes.length);
      return concat(bytes.slice(0, at), random.bytes(1 + random.below(12)), bytes.slice(at));
    }
    case 3: {
      const at = random.below(bytes.length);
      return concat(bytes.slice(0, at), bytes.slice(at + 1 + random.below(8)));
    }
    default:
      return random.bytes(random.below(200));
  }
}

/** The part of a prekey message that must open: a mutation that leaves it and its session alone may pass. */
function sameContent(a: Bytes, b: Bytes): boolean {
  try {
    const [x, y] = [parsePreKeySignalMessage(a), parsePreKeySignalMessage(b)];
    return toHex(x.message.serialized) === toHex(y.message.serialized) && x.baseKey.equals(y.baseKey);
  } catch {
    return false;
  }
}

test("thousands of mutated messages are refused and change nothing", async () => {
  const started = seed();
  const random = new Random(started);
  const { bob, opening, plain } = await setting(random);
  const reasons = new Set<string>();
  for (let i = 0; i < 4_000; i++) {
    const original = random.bool() ? opening : plain;
    const bytes = mutated(random, original.bytes);
    if (toHex(bytes) === toHex(original.bytes)) continue;
    // Known base key: the header around the sealed message is not needed any more, and not covered by its MAC.
    if (original.kind === "prekey" && sameContent(bytes, original.bytes)) continue;
    const kind = random.below(8) === 0 ? (original.kind === "prekey" ? "signal" : "prekey") : original.kind;
    reasons.add(await refused(bob, { kind, bytes }, `seed ${started}`));
  }
  for (const reason of ["malformed", "unsupported-version", "invalid-key", "invalid-message"]) {
    assert.ok(reasons.has(reason), `seed ${started}: never ${reason}`);
  }
  // Unharmed: what was meant still opens.
  assert.equal(text(await bob.device.decrypt("alice", plain)), "third");
  assert.equal(text(await bob.device.decrypt("alice", opening)), "second");
});

test("every truncation of both kinds of message is refused", async () => {
  const { bob, opening, plain } = await setting(new Random(1));
  for (const { kind, bytes } of [opening, plain]) {
    for (let length = 0; length < bytes.length; length++) {
      await refused(bob, { kind, bytes: bytes.slice(0, length) }, `${length} bytes`);
    }
  }
});

test("random bytes never make the parsers throw anything but refusals", () => {
  const started = seed();
  const random = new Random(started);
  const parsers = [parseSignalMessage, parsePreKeySignalMessage, readSessionRecord, (bytes: Bytes) => new ProtobufReader(bytes)];
  for (let i = 0; i < 20_000; i++) {
    const bytes = random.bytes(random.below(120));
    if (random.bool() && bytes.length > 0) bytes[0] = 0x33;
    for (const parse of parsers) {
      try {
        parse(bytes);
      } catch (error) {
        assert.ok(error instanceof SignalError, `seed ${started}: ${toHex(bytes)}: ${String(error)}`);
      }
    }
  }
});

test("versions other than 3 are refused, whatever the sender's highest", async () => {
  const { bob, opening, plain } = await setting(new Random(2));
  for (const message of [opening, plain]) {
    for (let version = 0; version < 256; version++) {
      if (version >> 4 === 3) continue;
      const bytes = message.bytes.slice();
      bytes[0] = version;
      assert.equal(await refused(bob, { kind: message.kind, bytes }, `version ${version}`), "unsupported-version");
    }
  }
});

test("varints that are too long, too big or cut short, and lengths beyond the end are malformed", async () => {
  const cases = [
    ["10", "varint without a value"],
    ["10ffffffffffffffffffff01", "eleven bytes"],
    ["10ffffffffffffffffff02", "more than 64 bits"],
    ["0a05aabbccdd", "four of five bytes"],
    ["0affffffffffffffffff01", "a length of nearly 2^64"],
    ["0a808080808080808001", "a length of 2^56"],
    ["0affffffff0f", "a length of 2^32 - 1"],
    ["00", "field 0"],
    ["0b", "a group"],
    ["0f", "wire type 7"],
    ["0900000000000000", "seven of eight bytes"],
    ["0d000000", "three of four bytes"],
    ["80808080808080808001", "a field number beyond 2^29"],
  ] as const;
  for (const [hex, name] of cases) assert.equal(await refusal(() => new ProtobufReader(fromHex(hex))), "malformed", name);
  const counter = new ProtobufReader(fromHex("10ffffffff0f")).uint(2);
  assert.equal(counter, MAX_UINT32);
  assert.equal(await refusal(() => new ProtobufReader(fromHex("108080808010")).uint(2)), "malformed");
});

test("unknown fields are skipped, the last of repeated ones counts, missing ones are refused", async () => {
  const fields = new ProtobufReader(fromHex("f80101" + "f90100000000000000" + "00" + "0801" + "0802" + "1201aa"));
  assert.equal(fields.requiredUint(1), 2);
  assert.equal(toHex(fields.requiredBytes(2)), "aa");
  assert.equal(await refusal(() => fields.requiredBytes(3)), "malformed");
  const written = new ProtobufWriter().uint(1, 2 ** 40 + 3).bytes(2, undefined).uint(3, undefined).finish();
  assert.equal(new ProtobufReader(written).uint(1, Number.MAX_SAFE_INTEGER), 2 ** 40 + 3);
});

const PRIME = "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
const LOW_ORDER = [
  "00".repeat(32),
  "01" + "00".repeat(31),
  "ec" + PRIME.slice(2),
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
];

test("keys of low order, of other types and lengths, and second encodings are refused", async () => {
  const random = new Random(3);
  for (const u of LOW_ORDER) {
    assert.equal(await refusal(() => PublicKey.parse(fromHex("05" + u))), "invalid-key", u);
    const highBit = fromHex(u);
    highBit[31]! |= 0x80;
    assert.equal(await refusal(() => PublicKey.fromU(highBit)), "invalid-key", u);
  }
  for (const u of [PRIME, "ee" + PRIME.slice(2), "f6" + PRIME.slice(2), "ff".repeat(32)]) {
    assert.equal(await refusal(() => PublicKey.fromU(fromHex(u))), "invalid-key", u);
  }
  const good = keyPairFrom(random.bytes(32)).publicKey.serialized;
  assert.equal(await refusal(() => PublicKey.parse(good.subarray(1))), "invalid-key");
  assert.equal(await refusal(() => PublicKey.parse(concat(good, Uint8Array.of(0)))), "invalid-key");
  for (const type of [0x00, 0x04, 0x06, 0x85]) {
    const other = good.slice();
    other[0] = type;
    assert.equal(await refusal(() => PublicKey.parse(other)), "invalid-key");
  }
  assert.ok(agree(random.bytes(32), PublicKey.parse(good)).some((byte) => byte !== 0));
});

test("a low-order ratchet, base or identity key in a message is refused", async () => {
  const { bob, opening, plain } = await setting(new Random(4));
  const low = fromHex("05" + LOW_ORDER[3]!);
  for (const { kind, bytes } of [opening, plain]) {
    for (let at = 0; at + 33 < bytes.length; at++) {
      if (bytes[at] !== 0x05 || bytes[at - 1] !== 33) continue;
      const altered = bytes.slice();
      altered.set(low, at);
      assert.equal(await refused(bob, { kind, bytes: altered }, `key at ${at}`), "invalid-key");
    }
  }
});

test("a forged opening message in alice's name uses up no prekey and leaves her session alone", async () => {
  const random = new Random(5);
  const { alice, bob, plain } = await setting(random);
  const { oneTimePreKeys, signedPreKey } = await bob.device.publication();
  const forged = writePreKeySignalMessage(
    {
      registrationId: 1,
      preKeyId: oneTimePreKeys[0]!.id,
      signedPreKeyId: signedPreKey.id,
      baseKey: keyPairFrom(random.bytes(32)).publicKey,
      identityKey: alice.device.identityKey,
    },
    sealSignalMessage(
      { ratchetKey: keyPairFrom(random.bytes(32)).publicKey, counter: 0, previousCounter: 0 },
      bytesOf("give me your keys"),
      messageKeys(random.bytes(32)),
      { sender: alice.device.identityKey, receiver: bob.device.identityKey },
    ),
  );
  assert.equal(await refused(bob, { kind: "prekey", bytes: forged }, "forged"), "invalid-message");
  assert.equal((await bob.device.publication()).oneTimePreKeys.length, oneTimePreKeys.length);
  assert.equal(text(await bob.device.decrypt("alice", plain)), "third");
});

test("a message whose MAC verifies but whose ciphertext is not whole blocks is refused", async () => {
  const { alice, bob } = await setting(new Random(6));
  const { sender, previousCounter } = new StoreDraft(alice.store).sessions("bob").current!;
  const ends = { sender: alice.device.identityKey, receiver: bob.device.identityKey };
  const place = { ratchetKey: sender.ratchet.publicKey, counter: sender.chainKey.index, previousCounter };
  const keys = messageKeys(messageSeed(sender.chainKey));
  // Sealed with another IV, so that the last block of padding is rubbish while the MAC is right.
  const wrongPadding = sealSignalMessage(place, new Uint8Array(0), { ...keys, iv: new Uint8Array(16) }, ends);
  assert.equal(await refused(bob, { kind: "signal", bytes: wrongPadding }, "padding"), "invalid-message");
  const right = sealSignalMessage(place, bytesOf("right"), keys, ends);
  assert.equal(text(await bob.device.decrypt("alice", { kind: "signal", bytes: right })), "right");
});

test("counters at the end of their range are refused", async () => {
  const { alice, bob } = await setting(new Random(7));
  const { sender } = new StoreDraft(alice.store).sessions("bob").current!;
  const ends = { sender: alice.device.identityKey, receiver: bob.device.identityKey };
  const keys = messageKeys(messageSeed(nextChainKey(sender.chainKey)));
  const place = { ratchetKey: sender.ratchet.publicKey, counter: MAX_UINT32, previousCounter: MAX_UINT32 };
  const bytes = sealSignalMessage(place, bytesOf("end"), keys, ends);
  assert.equal(await refused(bob, { kind: "signal", bytes }, "end"), "too-far-ahead");
});

test("a damaged session record is refused by name", async () => {
  const { alice } = await setting(new Random(8));
  const stored = alice.store.get("session/bob")!;
  for (let length = 0; length < stored.length; length += 7) {
    const why = await refusal(() => readSessionRecord(stored.subarray(0, length)));
    assert.ok(why === "storage" || why === undefined, `${length}`);
  }
  assert.equal(await refusal(() => readSessionRecord(fromHex("0802"))), "storage");
});
