// Data messages: held against Node's own cryptography and the known answers, and what must not open.

import assert from "node:assert/strict";
import { createCipheriv, hkdfSync } from "node:crypto";
import { test } from "node:test";

import { fromHex, toHex, utf8 } from "../src/e2ee/bytes.ts";
import { DataKeys, sealData } from "../src/e2ee/DataKeys.ts";
import { ratchetSecret } from "../src/messages/derive.ts";
import { vectors } from "./data.ts";
import { kid, mediaKey } from "./keySupport.ts";
import { Random, seed } from "./random.ts";

const ALL = { reliable: true, destination: 0 };

test("a sealed message is what Node's own cryptography makes of the formula", () => {
  const sk = new Uint8Array(32).map((_, i) => i + 1);
  const header = Buffer.from("00070203000000000000abcd", "hex");
  const key = Buffer.from(hkdfSync("sha256", sk, "", "SottoDataKey", 32));
  const nonce = Buffer.from(hkdfSync("sha256", sk, "", "SottoDataSalt", 12));
  for (let i = 0; i < 8; i++) nonce[4 + i]! ^= header[4 + i]!;
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 });
  const plain = Buffer.from('{"type":"chat","text":"hello","id":"1"}');
  const aad = Buffer.concat([Buffer.from("SottoData"), header, Buffer.from("010009", "hex")]);
  cipher.setAAD(aad, { plaintextLength: plain.length });
  const expected = Buffer.concat([header, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString("hex");
  assert.equal(toHex(sealData(sk, kid(7, 2, 3), 0xabcdn, { reliable: true, destination: 9 }, plain)), expected);
});

test("sealed messages are the known answers, and open", () => {
  const { messages } = vectors("data-messages.json") as { messages: Record<string, string | number | boolean>[] };
  assert.ok(messages.length >= 3);
  for (const each of messages) {
    const bytes = (name: string) => fromHex(each[name] as string);
    const id = kid(each["sender"] as number, each["generation"] as number, each["step"] as number);
    const route = { reliable: each["reliable"] as boolean, destination: each["destination"] as number };
    const counter = BigInt(`0x${each["counter_hex"] as string}`);
    assert.equal(toHex(sealData(bytes("sk"), id, counter, route, bytes("plaintext"))), each["sealed"]);
    const keys = new DataKeys();
    keys.install({ id, suite: 0xd0, sk: bytes("sk") });
    assert.deepEqual(keys.open(bytes("sealed"), route), { sender: id.sender, plain: bytes("plaintext") });
  }
});

test("a message opens once, by its own route, with its own key", () => {
  const [sender, receiver] = [new DataKeys(), new DataKeys()];
  assert.equal(sender.seal(utf8("too early"), ALL), undefined);
  sender.use(mediaKey(kid(3, 0, 0), 1));
  receiver.install(mediaKey(kid(3, 0, 0), 1));
  receiver.install(mediaKey(kid(4, 0, 0), 2));
  const sealed = sender.seal(utf8("hi"), ALL)!;
  assert.equal(receiver.open(sealed, { ...ALL, reliable: false }), undefined);
  assert.equal(receiver.open(sealed, { ...ALL, destination: 5 }), undefined);
  for (let i = 0; i < sealed.length; i++) {
    const changed = sealed.slice();
    changed[i]! ^= 1;
    assert.equal(receiver.open(changed, ALL), undefined, `byte ${i}`);
    assert.equal(receiver.open(sealed.subarray(0, i), ALL), undefined, `${i} bytes`);
  }
  assert.deepEqual(receiver.open(sealed, ALL), { sender: 3, plain: utf8("hi") });
  assert.equal(receiver.open(sealed, ALL), undefined, "a second time");
  assert.notDeepEqual(sender.seal(utf8("hi"), ALL), sealed, "the counter goes on");
});

test("a key that was forgotten and comes again opens nothing a second time", () => {
  const [sender, receiver] = [new DataKeys(), new DataKeys()];
  sender.use(mediaKey(kid(3, 1, 0), 1));
  receiver.install(mediaKey(kid(3, 1, 0), 1));
  const [first, second] = [sender.seal(utf8("1"), ALL)!, sender.seal(utf8("2"), ALL)!];
  assert.ok(receiver.open(first, ALL));
  receiver.forget(3, 0);
  assert.ok(receiver.open(second, ALL));
  receiver.forget(3, 1);
  const third = sender.seal(utf8("3"), ALL)!;
  assert.equal(receiver.open(third, ALL), undefined);
  receiver.install(mediaKey(kid(3, 1, 0), 1));
  assert.equal(receiver.open(first, ALL), undefined);
  assert.ok(receiver.open(third, ALL));
});

test("ratchet steps are followed, and a made-up step costs one try in fifty messages", () => {
  const [sender, receiver] = [new DataKeys(), new DataKeys()];
  const first = mediaKey(kid(3, 0, 0), 1);
  receiver.install(first);
  const later = { ...first, id: kid(3, 0, 2), sk: ratchetSecret(ratchetSecret(first.sk)) };
  sender.use(later);
  assert.ok(receiver.open(sender.seal(utf8("after two joins"), ALL)!, ALL));
  const forged = sealData(new Uint8Array(32), kid(3, 0, 200), 0n, ALL, utf8("?"));
  assert.equal(receiver.open(forged, ALL), undefined);
  const next = { ...first, id: kid(3, 0, 3), sk: ratchetSecret(later.sk) };
  sender.use(next);
  let tries = 0;
  while (receiver.open(sender.seal(utf8("again"), ALL)!, ALL) === undefined && tries < 100) tries++;
  assert.equal(tries, 50);
});

test("random bytes open nothing and break nothing", () => {
  const chosen = seed();
  const random = new Random(chosen);
  const keys = new DataKeys();
  keys.install(mediaKey(kid(1, 0, 0), 1));
  for (let round = 0; round < 500; round++) {
    const bytes = random.bytes(random.below(100));
    if (random.bool() && bytes.length >= 4) bytes.set([0, 1, 0, random.below(3)]);
    assert.equal(keys.open(bytes, ALL), undefined, `SOTTO_SEED=${chosen} round ${round}`);
  }
});
