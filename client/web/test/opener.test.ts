// Receiving: replays, unknown keys, ratchet steps; and the external key provider.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Bytes } from "../src/e2ee/bytes.ts";
import { Suite } from "../src/e2ee/FrameMetadata.ts";
import { ratchet } from "../src/e2ee/kdf.ts";
import { ExternalKeyProvider, stretchPassphrase } from "../src/e2ee/KeyProvider.ts";
import { packKeyId, unpackKeyId } from "../src/e2ee/KeyId.ts";
import { REPLAY_WINDOW, ReplayWindow } from "../src/e2ee/ReplayWindow.ts";
import { SFrameOpener } from "../src/e2ee/SFrameOpener.ts";
import { SFrameSealer, sealFrame } from "../src/e2ee/SFrameSealer.ts";
import { deriveCipher } from "../src/e2ee/SuiteCipher.ts";
import { Random, seed } from "./random.ts";

const AUDIO = {
  video: false,
  keyFrame: false,
  discardable: false,
  switchingPoint: false,
  spatial: 0,
  temporal: 0,
  width: 0,
  height: 0,
  clearLength: 0,
} as const;

async function sealedAt(sk: Bytes, step: number, ctr: bigint): Promise<Bytes> {
  const kid = packKeyId({ sender: 5, generation: 1, step });
  const cipher = await deriveCipher(Suite.Duo, sk, kid);
  return sealFrame(cipher, new Uint8Array([1, 2, 3]), { ...AUDIO, suite: Suite.Duo, kid, ctr });
}

async function ratchetedBy(sk: Bytes, steps: number): Promise<Bytes> {
  for (let i = 0; i < steps; i++) sk = await ratchet(sk);
  return sk;
}

test("key ids keep their parts and refuse impossible senders", () => {
  assert.equal(packKeyId({ sender: 0x1f4, generation: 2, step: 3 }), 0x1f40203n);
  assert.deepEqual(unpackKeyId(0xffff00ffn), { sender: 0xffff, generation: 0, step: 255 });
  assert.equal(unpackKeyId(0xffffn), undefined);
  assert.equal(unpackKeyId(0x1_0000_0000n), undefined);
  assert.throws(() => packKeyId({ sender: 0, generation: 0, step: 0 }), RangeError);
  assert.throws(() => packKeyId({ sender: 1, generation: 0, step: 256 }), RangeError);
});

test("the replay window takes every counter once and nothing from below it", () => {
  const chosen = seed();
  const random = new Random(chosen);
  const window = new ReplayWindow();
  const accepted = new Set<bigint>();
  let highest = -1n;
  for (let round = 0; round < 20000; round++) {
    const jump = random.below(50) === 0 ? 3000 : 8;
    const ctr = highest + BigInt(random.below(jump)) - BigInt(random.below(1200));
    if (ctr < 0n) continue;
    const expected = !accepted.has(ctr) && ctr > highest - REPLAY_WINDOW;
    assert.equal(window.isFresh(ctr), expected, `SOTTO_SEED=${chosen} round ${round}`);
    if (!expected) continue;
    window.accept(ctr);
    accepted.add(ctr);
    if (ctr > highest) highest = ctr;
  }
});

test("a frame opens once; its duplicate, even one under way at the same time, is a replay", async () => {
  const sk = new Uint8Array(32).fill(1);
  const opener = new SFrameOpener();
  await opener.install(Suite.Duo, sk, { sender: 5, generation: 1, step: 0 });
  const sealed = await sealedAt(sk, 0, 9n);
  const kinds = (await Promise.all([opener.open(sealed), opener.open(sealed)])).map(({ kind }) => kind);
  assert.deepEqual(kinds.sort(), ["opened", "replayed"]);
  assert.equal((await opener.open(sealed)).kind, "replayed");
});

test("a forged frame does not move the replay window", async () => {
  const sk = new Uint8Array(32).fill(1);
  const opener = new SFrameOpener();
  await opener.install(Suite.Duo, sk, { sender: 5, generation: 1, step: 0 });
  const forged = await sealedAt(new Uint8Array(32).fill(2), 0, 1_000_000n);
  assert.equal((await opener.open(forged)).kind, "forged");
  assert.equal((await opener.open(await sealedAt(sk, 0, 0n))).kind, "opened");
});

test("frames of unknown senders and generations are unknown, and those of forgotten ones again", async () => {
  const sk = new Uint8Array(32).fill(1);
  const opener = new SFrameOpener();
  const sealed = await sealedAt(sk, 0, 0n);
  assert.equal((await opener.open(sealed)).kind, "unknown-key");
  await opener.install(Suite.Duo, sk, { sender: 5, generation: 2, step: 0 });
  assert.equal((await opener.open(sealed)).kind, "unknown-key");
  await opener.install(Suite.Duo, sk, { sender: 5, generation: 1, step: 0 });
  assert.equal((await opener.open(sealed)).kind, "opened");
  opener.forget(5);
  assert.equal((await opener.open(await sealedAt(sk, 0, 1n))).kind, "unknown-key");
});

test("a later step is followed, with one replay window however many frames arrive at once", async () => {
  const sk = new Uint8Array(32).fill(1);
  const opener = new SFrameOpener();
  await opener.install(Suite.Duo, sk, { sender: 5, generation: 1, step: 0 });
  const third = await ratchetedBy(sk, 3);
  const first = await sealedAt(third, 3, 0n);
  const kinds = (await Promise.all([opener.open(first), opener.open(first)])).map(({ kind }) => kind);
  assert.deepEqual(kinds.sort(), ["opened", "replayed"]);
  assert.equal((await opener.open(first)).kind, "replayed");
  assert.equal((await opener.open(await sealedAt(sk, 0, 7n))).kind, "opened", "the earlier step still opens");
});

test("a made-up step is not kept and costs one ratchet only, and the true one is found afterwards", async () => {
  const sk = new Uint8Array(32).fill(1);
  const opener = new SFrameOpener();
  await opener.install(Suite.Duo, sk, { sender: 5, generation: 1, step: 0 });
  const liar = new Uint8Array(32).fill(2);
  assert.equal((await opener.open(await sealedAt(liar, 255, 0n))).kind, "forged");
  assert.equal((await opener.open(await sealedAt(liar, 255, 1n))).kind, "unknown-key", "no second ratchet at once");
  assert.equal((await opener.open(await sealedAt(sk, 0, 0n))).kind, "opened", "the installed key is not held up");
  const true1 = await ratchetedBy(sk, 1);
  let opened = 0;
  for (let ctr = 0n; ctr < 60n; ctr++) if ((await opener.open(await sealedAt(true1, 1, ctr))).kind === "opened") opened++;
  assert.ok(opened >= 10, `${opened} frames opened`);
});

test("steps never go back: an old step of a newer key stays shut", async () => {
  const sk = new Uint8Array(32).fill(1);
  const opener = new SFrameOpener();
  await opener.install(Suite.Duo, await ratchetedBy(sk, 2), { sender: 5, generation: 1, step: 2 });
  assert.equal((await opener.open(await sealedAt(sk, 0, 0n))).kind, "unknown-key");
});

test("external keys agree between two members and differ for every sender and join", async () => {
  const secret = await stretchPassphrase("correct horse", "demo");
  const alice = new ExternalKeyProvider(secret);
  const bob = new ExternalKeyProvider(await stretchPassphrase("correct horse", "demo"));
  const mine = await alice.ownKey(3, "duo");
  const theirs = await bob.memberKey(3, JSON.parse(JSON.stringify(mine.published)));
  assert.deepEqual(theirs, mine.key);
  assert.notDeepEqual((await bob.memberKey(4, mine.published))!.sk, mine.key.sk);
  assert.notDeepEqual((await alice.ownKey(3, "duo")).key.sk, mine.key.sk);
  assert.notDeepEqual(await stretchPassphrase("correct horse", "other room"), secret);
});

test("the passphrase is stretched as docs/frame-format.md says", async () => {
  // Node takes scrypt from OpenSSL: another implementation than the one under test.
  const { scryptSync } = await import("node:crypto");
  const expected = scryptSync("grüße", "SottoPassphrase:demo", 32, { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 });
  assert.deepEqual(await stretchPassphrase("grüße", "demo"), new Uint8Array(expected));
});

test("what a participant publishes is distrusted", async () => {
  const provider = new ExternalKeyProvider(new Uint8Array(32));
  const salt = "00".repeat(16);
  for (const published of [undefined, null, 7, {}, { suite: "duo" }, { suite: "toString", salt }, { suite: "duo", salt: "zz" }]) {
    assert.equal(await provider.memberKey(1, published), undefined, JSON.stringify(published));
  }
  assert.ok(await provider.memberKey(1, { suite: "aes256gcm", salt }));
});

test("a sealer and an opener understand each other in every suite", async () => {
  for (const suite of Object.values(Suite)) {
    const id = { sender: 9, generation: 0, step: 0 };
    const sealer = await SFrameSealer.create(suite, new Uint8Array(32), id);
    const opener = new SFrameOpener();
    await opener.install(suite, new Uint8Array(32), id);
    for (let i = 0; i < 3; i++) {
      const result = await opener.open(await sealer.seal(new Uint8Array([i]), AUDIO));
      assert.equal(result.kind, "opened");
    }
  }
});
