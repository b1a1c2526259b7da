// Known answers, round trips and tampering for the trailer and the three suites.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, fromHex, toHex } from "../src/e2ee/bytes.ts";
import {
  macLength,
  parseFrameMetadata,
  Suite,
  writeFrameMetadata,
  type FrameMetadata,
} from "../src/e2ee/FrameMetadata.ts";
import { hkdf, ratchet } from "../src/e2ee/kdf.ts";
import { packKeyId } from "../src/e2ee/KeyId.ts";
import { parseSFrameHeader, writeSFrameHeader } from "../src/e2ee/SFrameHeader.ts";
import { SFrameOpener } from "../src/e2ee/SFrameOpener.ts";
import { SFrameSealer, sealFrame, type FrameDescription } from "../src/e2ee/SFrameSealer.ts";
import { counterNonce, deriveCipher, deriveGcmKeys } from "../src/e2ee/SuiteCipher.ts";
import { checkVectors, VectorFormatError, VectorMismatch } from "../src/e2ee/vectors.ts";
import { vectors } from "./data.ts";
import { Random, seed } from "./random.ts";

const SUITES = Object.values(Suite);

function randomMetadata(random: Random, suite: Suite, clearLength: number): FrameMetadata {
  const video = random.bool();
  const keyFrame = video && random.bool();
  const sized = keyFrame || (video && random.bool());
  return {
    video,
    keyFrame,
    discardable: random.bool(),
    switchingPoint: random.bool(),
    spatial: video ? random.below(8) : 0,
    temporal: video ? random.below(8) : 0,
    width: sized ? 1 + random.below(0xffff) : 0,
    height: sized ? 1 + random.below(0xffff) : 0,
    kid: packKeyId({ sender: 1 + random.below(0xffff), generation: random.below(256), step: random.below(256) }),
    ctr: BigInt(random.below(2 ** 31)) << BigInt(random.below(33)),
    clearLength,
    suite,
  };
}

test("every known answer of sotto-frames.json is sealed and opened byte for byte", async () => {
  const { frames, ratchets } = await checkVectors(vectors("sotto-frames.json"));
  assert.equal(frames, 12);
  assert.equal(ratchets, 1);
});

test("a wrong known answer is named, and a file in another form is refused", async () => {
  const file = vectors("sotto-frames.json") as { frames: Record<string, unknown>[] };
  file.frames[3]!["mac"] = "00".repeat(32);
  await assert.rejects(checkVectors(file), (error) => error instanceof VectorMismatch && /frames\[3\]: mac/.test(error.message));
  file.frames[0]!["frame"] = "zz";
  await assert.rejects(checkVectors(file), VectorFormatError);
  await assert.rejects(checkVectors([]), VectorFormatError);
});

test("the ratchet gives the steps of duo-paper-known-answers.json", async () => {
  const known = vectors("duo-paper-known-answers.json")["ratchet"] as { SK: string; step1: string; step2: string };
  const step1 = await ratchet(fromHex(known.SK));
  assert.equal(toHex(step1), known.step1);
  assert.equal(toHex(await ratchet(step1)), known.step2);
});

test("all headers of RFC 9605 appendix C.1 are written and read", () => {
  const headers = vectors("rfc9605-sframe.json")["header"] as { kid_hex: string; ctr_hex: string; encoded: string }[];
  assert.ok(headers.length > 200);
  for (const { kid_hex, ctr_hex, encoded } of headers) {
    const header = { kid: BigInt(`0x${kid_hex}`), ctr: BigInt(`0x${ctr_hex}`) };
    assert.equal(toHex(writeSFrameHeader(header)), encoded);
    assert.deepEqual(parseSFrameHeader(fromHex(encoded)), header);
  }
});

test("headers that are not in the shortest form, too short or too long are refused", () => {
  for (const hex of ["", "8007", "0807", "90000a", "99", "0000", "88ff"]) {
    assert.equal(parseSFrameHeader(fromHex(hex)), undefined, hex);
  }
});

test("keys, salts, nonces and ciphertexts of RFC 9605 appendix C.3 come out for both GCM suites", async () => {
  const entries = vectors("rfc9605-sframe.json")["sframe"] as Record<string, string | number>[];
  const gcm = entries.filter(({ cipher_suite }) => cipher_suite === 4 || cipher_suite === 5);
  assert.equal(gcm.length, 2);
  for (const entry of gcm) {
    const text = (name: string) => String(entry[name]);
    const suite = entry["cipher_suite"] as 4 | 5;
    const kid = BigInt(`0x${text("kid_hex")}`);
    const ctr = BigInt(`0x${text("ctr_hex")}`);
    const { key, salt } = await deriveGcmKeys(suite, fromHex(text("base_key")), kid);
    assert.equal(toHex(key), text("sframe_key"));
    assert.equal(toHex(salt), text("sframe_salt"));
    assert.equal(toHex(counterNonce(salt, ctr)), text("nonce"));
    // The RFC's AAD is header || metadata: a frame without clear prefix whose trailer is the RFC's metadata.
    const cipher = await deriveCipher(suite, fromHex(text("base_key")), kid);
    const parts = { ctr, clear: new Uint8Array(0), trailer: fromHex(text("metadata")) };
    const sealed = await cipher.seal(parts, fromHex(text("pt")));
    assert.equal(toHex(concat(writeSFrameHeader({ kid, ctr }), sealed)), text("ct"));
    assert.equal(toHex((await cipher.open(parts, sealed))!), text("pt"));
  }
});

test("any trailer survives writing and reading, whatever stands before it", () => {
  const chosen = seed();
  const random = new Random(chosen);
  for (let round = 0; round < 2000; round++) {
    const suite = SUITES[random.below(3)]!;
    const metadata = randomMetadata(random, suite, random.below(40));
    const before = random.bytes(metadata.clearLength + macLength(suite) + random.below(20));
    const parsed = parseFrameMetadata(concat(before, writeFrameMetadata(metadata)));
    assert.deepEqual(parsed, { metadata, start: before.length }, `SOTTO_SEED=${chosen} round ${round}`);
  }
});

test("rubbish never makes the trailer parser throw", () => {
  const chosen = seed();
  const random = new Random(chosen);
  for (let round = 0; round < 5000; round++) {
    const bytes = random.bytes(random.below(80));
    if (bytes.length > 3 && random.bool()) {
      bytes[bytes.length - 1] = 0x51;
      bytes[bytes.length - 2] = random.below(bytes.length + 2);
      bytes[bytes.length - 3] = SUITES[random.below(3)]!;
    }
    assert.doesNotThrow(() => parseFrameMetadata(bytes), `SOTTO_SEED=${chosen} round ${round}`);
  }
});

test("lying trailers are told apart", () => {
  const random = new Random(1);
  const metadata = { ...randomMetadata(random, Suite.Duo, 3), video: true, keyFrame: true, width: 4, height: 4 };
  const sealed = concat(random.bytes(3 + 32), writeFrameMetadata(metadata));
  const change = (fromEnd: number, value: number) => {
    const copy = sealed.slice();
    copy[copy.length - fromEnd] = value;
    return parseFrameMetadata(copy);
  };
  assert.equal(typeof parseFrameMetadata(sealed), "object");
  assert.equal(change(1, 0), "version");
  assert.equal(change(2, 255), "length");
  assert.equal(change(2, 6), "length");
  assert.equal(change(3, 1), "suite");
  assert.equal(change(5, 0xff), "clear-length");
  assert.equal(parseFrameMetadata(sealed.subarray(sealed.length - 5)), "too-short");
  assert.equal(parseFrameMetadata(sealed.subarray(1)), "clear-length");
});

test("frames of every suite round-trip, and one changed byte anywhere keeps them shut", async () => {
  const chosen = seed();
  const random = new Random(chosen);
  for (const suite of SUITES) {
    const id = { sender: 1 + random.below(0xffff), generation: random.below(256), step: random.below(256) };
    const sk = random.bytes(32);
    const sealer = await SFrameSealer.create(suite, sk, id);
    for (const length of [0, 1, 15, 16, 17, 60 + random.below(200)]) {
      const where = `SOTTO_SEED=${chosen} suite ${suite} length ${length}`;
      const frame = random.bytes(length);
      const clearLength = random.below(Math.min(length, 10) + 1);
      const description: FrameDescription = randomMetadata(random, suite, clearLength);
      const sealed = await sealer.seal(frame, description);
      const opener = new SFrameOpener();
      await opener.install(suite, sk, id);
      for (let at = 0; at < sealed.length; at++) {
        const forged = sealed.slice();
        forged[at]! ^= 1 + random.below(255);
        const result = await opener.open(forged);
        assert.notEqual(result.kind, "opened", `${where} byte ${at}`);
      }
      const result = await opener.open(sealed);
      assert.equal(result.kind, "opened", where);
      if (result.kind === "opened") assert.equal(toHex(result.frame), toHex(frame), where);
    }
  }
});

test("a key opens nothing that another key sealed", async () => {
  for (const suite of SUITES) {
    const id = { sender: 7, generation: 0, step: 0 };
    const sealer = await SFrameSealer.create(suite, new Uint8Array(32).fill(1), id);
    const opener = new SFrameOpener();
    await opener.install(suite, new Uint8Array(32).fill(2), id);
    const sealed = await sealer.seal(new Uint8Array(100), randomMetadata(new Random(3), suite, 0));
    assert.equal((await opener.open(sealed)).kind, "forged");
  }
});

test("two neighbouring frames share no key stream block", async () => {
  const blocks = (bytes: Uint8Array) =>
    Array.from({ length: bytes.length / 16 }, (_, i) => toHex(bytes.subarray(16 * i, 16 * i + 16)));
  for (const suite of SUITES) {
    const cipher = await deriveCipher(suite, new Uint8Array(32).fill(9), 0x10000n);
    const seen = new Set<string>();
    // Sealing zeros shows the key stream itself.
    for (const ctr of [0n, 1n, 2n, 0xffffffffn, 0x100000000n]) {
      const sealed = await sealFrame(cipher, new Uint8Array(16 * 64), {
        ...randomMetadata(new Random(4), suite, 0),
        kid: 0x10000n,
        ctr,
      });
      for (const block of blocks(sealed.subarray(0, 16 * 64))) {
        assert.ok(!seen.has(block), `suite ${suite}: counter ${ctr} repeats a key stream block`);
        seen.add(block);
      }
    }
  }
});

test("one counter runs over everything that a sealer seals", async () => {
  const sealer = await SFrameSealer.create(Suite.Duo, new Uint8Array(32), { sender: 1, generation: 0, step: 0 });
  const description = randomMetadata(new Random(5), Suite.Duo, 0);
  const sealed = await Promise.all(Array.from({ length: 50 }, () => sealer.seal(new Uint8Array(9), description)));
  const counters = sealed.map((frame) => {
    const parsed = parseFrameMetadata(frame);
    assert.ok(typeof parsed === "object");
    return parsed.metadata.ctr;
  });
  assert.deepEqual(counters, Array.from({ length: 50 }, (_, i) => BigInt(i)));
});

test("hkdf is RFC 5869's, as its first test case shows", async () => {
  const ikm = fromHex("0b".repeat(22));
  const okm = await hkdf("SHA-256", ikm, fromHex("000102030405060708090a0b0c"), fromHex("f0f1f2f3f4f5f6f7f8f9"), 42);
  assert.equal(
    toHex(okm),
    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  );
});
