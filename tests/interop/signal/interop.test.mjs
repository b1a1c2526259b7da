// Signal sessions between implementations that know nothing of each other's code: @signalapp/libsignal-client, the
// native client and the browser client, each in a process of its own (README.md). Every pair, both ways round.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Peer } from "./Peer.mjs";
import { Random, seed } from "./random.mjs";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const commands = {
  libsignal: [process.execPath, path("libsignal-peer.mjs")],
  web: [process.execPath, path("../../../client/web/node_modules/.sotto/tools/signalPeer.mjs")],
};
if (process.env.SOTTO_SIGNAL_PEER !== undefined) commands.native = [process.env.SOTTO_SIGNAL_PEER];

const toHex = (words) => Buffer.from(words).toString("hex");

/** What a device sends, until it is delivered. */
async function seal(from, to, plaintext) {
  const { type, body } = await from.call("encrypt", { address: to.name, plaintext });
  return { type, body };
}

const openAs = (to, from, sealed) => ({ address: from.name, type: sealed.type, body: sealed.body });

async function deliver(from, to, sealed, plaintext, note = "") {
  const opened = await to.call("decrypt", openAs(to, from, sealed));
  assert.equal(opened.plaintext, plaintext, note);
}

/** `words` from one to the other; the type of the message. */
async function say(from, to, words, note) {
  const sealed = await seal(from, to, toHex(words));
  await deliver(from, to, sealed, toHex(words), note);
  return sealed.type;
}

async function introduce(from, to, members = {}) {
  const bundle = await to.call("bundle", members);
  await from.call("initiate", { address: to.name, bundle });
  return bundle;
}

async function acquaint(a, b) {
  await introduce(a, b);
  await say(a, b, "hello");
  await say(b, a, "hello back");
}

/** Sends at random in both directions over a link that loses, reorders and repeats. */
async function roughTalk(a, b, random, messages, note) {
  const flying = [];
  const seen = new Set();
  const counts = { opened: 0, repeated: 0, lost: 0 };
  const arrive = async () => {
    const { from, to, sealed, plaintext } = flying.shift();
    if (seen.has(sealed.body)) {
      assert.equal(await to.refusal("decrypt", openAs(to, from, sealed)), "duplicate", note);
      counts.repeated++;
      return;
    }
    seen.add(sealed.body);
    await deliver(from, to, sealed, plaintext, note);
    counts.opened++;
  };
  for (let i = 0; i < messages; i++) {
    const [from, to] = random.below(2) === 0 ? [a, b] : [b, a];
    const plaintext = random.hex(random.below(60));
    const sealed = await seal(from, to, plaintext);
    if (random.below(100) < 10) {
      counts.lost++;
    } else {
      for (let copies = random.below(100) < 12 ? 2 : 1; copies > 0; copies--) {
        flying.splice(random.below(flying.length + 1), 0, { from, to, sealed, plaintext });
      }
    }
    // Few at once, so that none comes later than the five turns of the ratchet for which chains are kept.
    while (flying.length > random.below(4)) await arrive();
  }
  while (flying.length > 0) await arrive();
  return counts;
}

/** Every scenario: `a` begins, `b` answers. */
const scenarios = {
  async "a session begins with a one-time prekey and turns plain with the answer"(a, b) {
    const { preKeyId } = await introduce(a, b);
    assert.notEqual(preKeyId, undefined);
    assert.equal(await say(a, b, "one"), "prekey");
    assert.equal(await say(a, b, "two"), "prekey");
    assert.equal(await say(b, a, "three"), "message");
    for (let i = 0; i < 20; i++) {
      assert.equal(await say(a, b, `there ${i}`), "message");
      assert.equal(await say(b, a, `and back ${i}`), "message");
    }
    const [ofA, ofB] = [await a.call("session", { address: b.name }), await b.call("session", { address: a.name })];
    assert.equal(ofA.remoteRegistrationId, b.registrationId);
    assert.equal(ofB.remoteRegistrationId, a.registrationId);
  },

  async "a session begins without a one-time prekey"(a, b) {
    const { preKeyId } = await introduce(a, b, { oneTime: false });
    assert.equal(preKeyId, undefined);
    assert.equal(await say(a, b, "one"), "prekey");
    assert.equal(await say(b, a, "two"), "message");
    assert.equal(await say(a, b, "three"), "message");
  },

  async "a one-time prekey serves once"(a, b) {
    const bundle = await introduce(a, b);
    const late = await seal(a, b, toHex("late"));
    await say(a, b, "first");
    await a.call("delete-session", { address: b.name });
    await a.call("initiate", { address: b.name, bundle });
    const second = await seal(a, b, toHex("second"));
    assert.equal(await b.refusal("decrypt", openAs(b, a, second)), "unknown-prekey");
    await deliver(a, b, late, toHex("late"));
  },

  async "lost, reordered and repeated messages"(a, b, random, note) {
    await acquaint(a, b);
    const counts = await roughTalk(a, b, random, 400, note);
    assert.ok(counts.opened > 250 && counts.repeated > 10 && counts.lost > 10, `${note} ${JSON.stringify(counts)}`);
  },

  async "opening messages that are lost, reordered and repeated"(a, b) {
    await introduce(a, b);
    const sealed = [];
    for (let i = 0; i < 5; i++) sealed.push(await seal(a, b, toHex(`${i}`)));
    for (const i of [3, 1, 4]) await deliver(a, b, sealed[i], toHex(`${i}`));
    for (const i of [1, 3, 4]) assert.equal(await b.refusal("decrypt", openAs(b, a, sealed[i])), "duplicate");
    await say(b, a, "answer");
    await deliver(a, b, sealed[0], toHex("0"));
    assert.equal(await say(a, b, "on"), "message");
    assert.equal(await b.refusal("decrypt", openAs(b, a, sealed[0])), "duplicate");
  },

  async "keys of 2,000 skipped messages are kept"(a, b) {
    await acquaint(a, b);
    const sealed = await Promise.all(Array.from({ length: 2_002 }, (_, i) => seal(a, b, toHex(`${i}`))));
    await deliver(a, b, sealed[2_001], toHex("2001"));
    for (const i of [2_000, 1_000, 1]) await deliver(a, b, sealed[i], toHex(`${i}`));
    for (const i of [0, 1_000, 2_001]) assert.equal(await b.refusal("decrypt", openAs(b, a, sealed[i])), "duplicate", `${i}`);
  },

  async "both begin at the same time, and come to one session"(a, b, random, note) {
    const [ofB, ofA] = [await b.call("bundle"), await a.call("bundle")];
    await a.call("initiate", { address: b.name, bundle: ofB });
    await b.call("initiate", { address: a.name, bundle: ofA });
    const crossing = [];
    for (let i = 0; i < 3; i++) {
      crossing.push([a, b, await seal(a, b, toHex(`a ${i}`)), toHex(`a ${i}`)]);
      crossing.push([b, a, await seal(b, a, toHex(`b ${i}`)), toHex(`b ${i}`)]);
    }
    while (crossing.length > 0) await deliver(...crossing.splice(random.below(crossing.length), 1)[0], note);
    await roughTalk(a, b, random, 60, note);
    await say(a, b, "settled?");
    assert.equal(await say(b, a, "settled"), "message", note);
    assert.equal(await say(a, b, "settled"), "message", note);
  },

  async "a new session replaces the old one, whose late messages still open"(a, b) {
    await acquaint(a, b);
    const late = [await seal(a, b, toHex("late 0")), await seal(a, b, toHex("late 1"))];
    const other = await seal(b, a, toHex("late 2"));
    await introduce(a, b);
    assert.equal(await say(a, b, "anew"), "prekey");
    await deliver(a, b, late[1], toHex("late 1"));
    await deliver(a, b, late[0], toHex("late 0"));
    await deliver(b, a, other, toHex("late 2"));
    await say(b, a, "and on");
    await say(a, b, "and on");
    for (const message of late) assert.equal(await b.refusal("decrypt", openAs(b, a, message)), "duplicate");
  },

  async "a renewed signed prekey: the one before still serves, the one before that does not"(a, b) {
    const old = await b.call("bundle");
    const older = await b.call("bundle");
    const { signedPreKeyId } = await b.call("rotate-signed-prekey");
    assert.notEqual(signedPreKeyId, old.signedPreKeyId);
    await a.call("initiate", { address: b.name, bundle: old });
    await say(a, b, "with the old one");
    await say(b, a, "fine");
    assert.equal((await b.call("bundle")).signedPreKeyId, signedPreKeyId);
    await introduce(a, b);
    await say(a, b, "with the new one");
    await say(b, a, "fine");
    await b.call("rotate-signed-prekey");
    await a.call("initiate", { address: b.name, bundle: older });
    const sealed = await seal(a, b, toHex("with the oldest"));
    assert.equal(await b.refusal("decrypt", openAs(b, a, sealed)), "unknown-signed-prekey");
    await say(b, a, "the session before still goes");
  },

  async "one side loses its sessions, and a new session heals it"(a, b) {
    await acquaint(a, b);
    await b.call("delete-session", { address: a.name });
    const lost = await seal(a, b, toHex("lost"));
    assert.equal(await b.refusal("decrypt", openAs(b, a, lost)), "no-session");
    assert.equal(await b.refusal("encrypt", { address: a.name, plaintext: "00" }), "no-session");
    await introduce(b, a);
    await say(b, a, "again");
    await say(a, b, "healed");
  },

  async "a changed identity is refused until it is trusted"(a, b) {
    await acquaint(a, b);
    const { identityKey } = await b.call("init");
    await introduce(b, a);
    const sealed = await seal(b, a, toHex("it is me"));
    assert.equal(await a.refusal("decrypt", openAs(a, b, sealed)), "untrusted-identity");
    const bundle = await b.call("bundle");
    assert.equal(await a.refusal("initiate", { address: b.name, bundle }), "untrusted-identity");
    await a.call("trust", { address: b.name, identityKey });
    await deliver(b, a, sealed, toHex("it is me"));
    await say(a, b, "so it is");
  },

  async "bundles with a wrong signature and messages that were altered are refused, and nothing changes"(a, b, random, note) {
    const bundle = await b.call("bundle");
    const other = await a.call("bundle");
    const lie = { ...bundle, signedPreKey: other.signedPreKey };
    assert.equal(await a.refusal("initiate", { address: b.name, bundle: lie }), "invalid-signature");
    await a.call("initiate", { address: b.name, bundle });
    await say(a, b, "opening");
    for (const [from, to] of [[b, a], [a, b]]) {
      const sealed = await seal(from, to, toHex("untouched"));
      for (let i = 0; i < 40; i++) {
        const body = Buffer.from(sealed.body, "hex");
        if (i % 2 === 0) body[body.length - 1 - random.below(24)] ^= 1 << random.below(8);
        const cut = i % 2 === 0 ? body.length : random.below(body.length);
        const altered = { type: sealed.type, body: body.subarray(0, cut).toString("hex") };
        const code = await to.refusal("decrypt", openAs(to, from, altered));
        assert.notEqual(code, undefined, `${note} ${altered.body}`);
        assert.notEqual(code, "bad-request", `${note} ${altered.body}`);
      }
      const version = { type: sealed.type, body: `23${sealed.body.slice(2)}` };
      assert.equal(await to.refusal("decrypt", openAs(to, from, version)), "unsupported-version");
      await deliver(from, to, sealed, toHex("untouched"), note);
    }
  },

  async "a device goes on from its exported state"(a, b, random, note) {
    await acquaint(a, b);
    const late = await seal(a, b, toHex("late"));
    await say(a, b, "before");
    for (const device of [a, b]) {
      const { state } = await device.call("export");
      await device.call("init");
      const { identityKey } = await device.call("import", { state });
      assert.equal(identityKey, device.identityKey);
    }
    await deliver(a, b, late, toHex("late"));
    await roughTalk(a, b, random, 40, note);
  },

  async "signatures verify on the other side, and only what was signed"(a, b, random, note) {
    for (let i = 0; i < 8; i++) {
      const message = random.hex(random.below(80));
      const { signature } = await a.call("sign", { message });
      const check = async (members) => (await b.call("verify", { publicKey: a.identityKey, message, signature, ...members })).valid;
      assert.equal(await check({}), true, note);
      assert.equal(await check({ message: `${message}00` }), false, note);
      assert.equal(await check({ publicKey: b.identityKey }), false, note);
    }
  },

  async "safety numbers are the same on both sides, and scans match"(a, b) {
    const [idA, idB] = [toHex("alice"), toHex("bob")];
    const members = (own, their, peer) => ({ localId: own, remoteId: their, remoteIdentityKey: peer.identityKey });
    const [ofA, ofB] = [members(idA, idB, b), members(idB, idA, a)];
    const fromA = await a.call("fingerprint", ofA);
    const fromB = await b.call("fingerprint", ofB);
    assert.match(fromA.digits, /^[0-9]{60}$/);
    assert.equal(fromA.digits, fromB.digits);
    assert.equal((await a.call("compare-fingerprint", { ...ofA, scanned: fromB.scannable })).match, true);
    assert.equal((await b.call("compare-fingerprint", { ...ofB, scanned: fromA.scannable })).match, true);
    assert.equal((await a.call("compare-fingerprint", { ...ofA, scanned: fromA.scannable })).match, false);
  },
};

/** Jumps beyond what is kept. The sender seals 25,002 messages: libsignal, the quickest, does that for all. */
async function farAhead(a, b) {
  await acquaint(a, b);
  // Counter 0 of this chain; the receiver then expects counter 1.
  await say(a, b, "near");
  const sealed = await Promise.all(Array.from({ length: 25_002 }, (_, i) => seal(a, b, toHex(`${i}`))));
  assert.equal(await b.refusal("decrypt", openAs(b, a, sealed[25_001])), "too-far-ahead");
  await deliver(a, b, sealed[25_000], toHex("25000"));
  await say(b, a, "still together");
}

/** Codes of calls, which libsignal does not know. */
async function callCodes(a, b, random, note) {
  for (const count of [1, 2, 7, 40]) {
    const members = Array.from({ length: count }, (_, i) => ({
      user: `user ${i} ü`,
      device: random.hex(3),
      identityKey: `05${random.hex(31)}40`, // below 2^255 - 19
    }));
    const { digits, emoji } = await a.call("call-code", { members });
    assert.match(digits, /^[0-9]{30}$/);
    assert.deepEqual({ ...(await b.call("call-code", { members: [...members].reverse() })) }, { digits, emoji }, note);
  }
}

async function freshPair(peers) {
  for (const peer of peers) peer.identityKey = undefined;
  for (const peer of peers) Object.assign(peer, await peer.call("init"));
}

const names = Object.keys(commands);
for (const [index, first] of names.entries()) {
  for (const second of names.slice(index + 1)) {
    describe(`${first} and ${second}`, () => {
      let peers;
      before(() => {
        peers = [new Peer(first, commands[first]), new Peer(second, commands[second])];
      });
      after(async () => {
        for (const peer of peers) await peer.close();
      });

      for (const begins of [0, 1]) {
        const beginner = [first, second][begins];
        const run = (name, scenario) =>
          test(`${name} (${beginner} begins)`, async () => {
            const started = seed();
            const [a, b] = begins === 0 ? peers : [peers[1], peers[0]];
            await freshPair(peers);
            await scenario(a, b, new Random(started), `seed ${started}`);
          });
        for (const [name, scenario] of Object.entries(scenarios)) run(name, scenario);
        if (beginner === "libsignal") run("a jump of 25,000 messages opens, a longer one is refused", farAhead);
        if (first !== "libsignal") run("the code of a call is the same", callCodes);
      }
    });
  }
}
