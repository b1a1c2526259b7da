// Known answers of the Signal protocol: tests/vectors/signal-v3.json, rfc7748-x25519.json and call-code.json.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, fromHex, toHex } from "../src/e2ee/bytes.ts";
import { callCode, EMOJI } from "../src/signal/callCode.ts";
import { messageKeys, messageSeed, nextChainKey, rootStep, sessionRoot } from "../src/signal/chains.ts";
import { agree, keyPairFrom, PublicKey } from "../src/signal/curve.ts";
import { compareScanned, fingerprint, partyFingerprint } from "../src/signal/fingerprint.ts";
import { parsePreKeySignalMessage } from "../src/signal/PreKeySignalMessage.ts";
import { initiatorSession, openWith, responderSession, sealWith } from "../src/signal/SessionState.ts";
import { parseSignalMessage } from "../src/signal/SignalMessage.ts";
import { initiatorSecret, responderSecret } from "../src/signal/x3dh.ts";
import { sign, verify } from "../src/signal/xeddsa.ts";
import { vectors } from "./data.ts";
import { Random, seed } from "./random.ts";

type Hex = Record<string, string>;
const signal = vectors("signal-v3.json") as Record<string, Hex>;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = (words: string) => new Uint8Array(new TextEncoder().encode(words));

test("X25519 gives the answers of RFC 7748", () => {
  const file = vectors("rfc7748-x25519.json") as {
    vectors: { scalar: string; u: string; out: string }[];
    dh_6_1: Hex;
  };
  assert.equal(file.vectors.length, 4);
  for (const { scalar, u, out } of file.vectors) {
    const point = fromHex(u);
    point[31]! &= 0x7f; // X25519 ignores this bit; our keys have it clear
    assert.equal(toHex(agree(keyPairFrom(fromHex(scalar)).privateKey, PublicKey.fromU(point))), out);
  }
  const { dh_6_1: known } = file;
  assert.equal(toHex(keyPairFrom(fromHex(known["alice_private"]!)).publicKey.u), known["alice_public"]);
});

test("chain and message keys are those of signal-v3.json", () => {
  const known = signal["chain_key_v3"]!;
  const chain = { key: fromHex(known["chain_key"]!), index: 0 };
  const keys = messageKeys(messageSeed(chain));
  assert.equal(toHex(messageSeed(chain)), known["seed_hmac_01"]);
  assert.equal(toHex(keys.cipherKey), known["cipher_key"]);
  assert.equal(toHex(keys.macKey), known["mac_key"]);
  assert.equal(toHex(keys.iv), known["iv"]);
  assert.deepEqual(nextChainKey(chain), { key: fromHex(known["next_chain_key"]!), index: 1 });
});

test("a turn of the root chain is that of signal-v3.json", () => {
  const known = signal["root_key_step"]!;
  const theirs = PublicKey.fromU(fromHex(known["their_public"]!));
  const step = rootStep(fromHex(known["root_key"]!), fromHex(known["our_private"]!), theirs);
  assert.equal(toHex(step.rootKey), known["next_root_key"]);
  assert.equal(toHex(step.chainKey.key), known["next_chain_key"]);
});

test("the responder's X3DH secret is that of signal-v3.json", () => {
  const known = signal["x3dh_session_no_otpk"]!;
  const secret = responderSecret({
    ourIdentity: keyPairFrom(fromHex(known["bob_identity_private"]!)),
    ourSignedPreKey: keyPairFrom(fromHex(known["bob_signed_prekey_private"]!)),
    ourOneTimePreKey: undefined,
    theirIdentity: PublicKey.fromU(fromHex(known["alice_identity_public"]!)),
    theirBase: PublicKey.fromU(fromHex(known["alice_base_public"]!)),
  });
  assert.equal(toHex(secret), known["master_secret"]);
  const root = sessionRoot(secret);
  assert.equal(toHex(root.rootKey), known["root_key"]);
  assert.equal(toHex(root.chainKey.key), known["initial_chain_key"]);
});

test("the known XEdDSA signature verifies, and nothing near it", () => {
  const known = signal["xeddsa_verify"]!;
  const key = PublicKey.fromU(fromHex(known["public"]!));
  const message = fromHex(known["message"]!);
  const signature = fromHex(known["signature"]!);
  assert.ok(verify(key, message, signature));
  assert.equal(toHex(keyPairFrom(fromHex(known["private"]!)).publicKey.u), known["public"]);
  for (let bit = 0; bit < 8 * signature.length; bit++) {
    const altered = signature.slice();
    altered[bit >> 3]! ^= 1 << (bit & 7);
    assert.ok(!verify(key, message, altered), `bit ${bit} of the signature`);
  }
  for (let at = 0; at < message.length; at++) {
    const altered = message.slice();
    altered[at]! ^= 0x10;
    assert.ok(!verify(key, altered, signature), `byte ${at} of the message`);
  }
  assert.ok(!verify(key, message, signature.subarray(1)));
});

test("signatures of random keys verify with their own key and message only", () => {
  const started = seed();
  const random = new Random(started);
  for (let i = 0; i < 20; i++) {
    const pair = keyPairFrom(random.bytes(32));
    const message = random.bytes(random.below(100));
    const signature = sign(pair.privateKey, message, (length) => random.bytes(length));
    assert.ok(verify(pair.publicKey, message, signature), `seed ${started}`);
    assert.ok(!verify(keyPairFrom(random.bytes(32)).publicKey, message, signature), `seed ${started}`);
    assert.ok(!verify(pair.publicKey, concat(message, Uint8Array.of(0)), signature), `seed ${started}`);
  }
});

interface SessionAnswer {
  master_secret?: string;
  root_key_0?: string;
  bob_initial_sending_chain_key?: string;
  root_key_1?: string;
  alice_sending_chain_key?: string;
  messages: { plaintext: string; chain_key: string; signal_message: string; prekey_signal_message: string }[];
}
const session = signal["full_session_known_answer"] as unknown as {
  private_keys: Hex;
  public_keys: Hex;
  alice_registration_id: number;
  bob_registration_id: number;
  signed_prekey_id: number;
  one_time_prekey_id: number;
} & Record<"v3_version_byte_0x33" | "v3_version_byte_0x34" | "without_one_time_prekey_0x33", SessionAnswer>;
const pair = (name: string) => keyPairFrom(fromHex(session.private_keys[name]!));

function aliceKeys(oneTime: boolean) {
  return {
    ourIdentity: pair("alice_identity"),
    ourBase: pair("alice_base"),
    ourRatchet: pair("alice_ratchet"),
    theirIdentity: pair("bob_identity").publicKey,
    theirSignedPreKey: pair("bob_signed_prekey").publicKey,
    theirOneTimePreKey: oneTime ? pair("bob_one_time_prekey").publicKey : undefined,
    localRegistrationId: session.alice_registration_id,
    remoteRegistrationId: session.bob_registration_id,
    pending: { preKeyId: oneTime ? session.one_time_prekey_id : undefined, signedPreKeyId: session.signed_prekey_id, since: 0 },
  };
}

function bobState(oneTime: boolean) {
  return responderSession({
    ourIdentity: pair("bob_identity"),
    ourSignedPreKey: pair("bob_signed_prekey"),
    ourOneTimePreKey: oneTime ? pair("bob_one_time_prekey") : undefined,
    theirIdentity: pair("alice_identity").publicKey,
    theirBase: pair("alice_base").publicKey,
    localRegistrationId: session.bob_registration_id,
    remoteRegistrationId: session.alice_registration_id,
  });
}

for (const [name, oneTime] of [["v3_version_byte_0x33", true], ["without_one_time_prekey_0x33", false]] as const) {
  test(`the initiator's whole session is known answer ${name}, byte for byte`, () => {
    const known = session[name];
    const keys = aliceKeys(oneTime);
    assert.equal(toHex(initiatorSecret(keys)), known.master_secret);
    const root = sessionRoot(initiatorSecret(keys));
    assert.equal(toHex(root.rootKey), known.root_key_0);
    assert.equal(toHex(root.chainKey.key), known.bob_initial_sending_chain_key);
    let state = initiatorSession(keys);
    assert.equal(toHex(state.rootKey), known.root_key_1);
    assert.equal(toHex(state.sender.chainKey.key), known.alice_sending_chain_key);
    for (const message of known.messages) {
      assert.equal(toHex(state.sender.chainKey.key), message.chain_key);
      const sealed = sealWith(state, bytesOf(message.plaintext));
      assert.equal(sealed.sealed.kind, "prekey");
      assert.equal(toHex(sealed.sealed.bytes), message.prekey_signal_message);
      const inner = parsePreKeySignalMessage(sealed.sealed.bytes).message.serialized;
      assert.equal(toHex(inner), message.signal_message);
      state = sealed.state;
    }
  });
}

for (const [name, oneTime] of [
  ["v3_version_byte_0x33", true],
  ["v3_version_byte_0x34", true],
  ["without_one_time_prekey_0x33", false],
] as const) {
  test(`the responder opens known answer ${name}, in either order`, () => {
    const { messages } = session[name];
    for (const order of [messages, [...messages].reverse()]) {
      let state = bobState(oneTime);
      for (const { plaintext, prekey_signal_message: whole, signal_message: inner } of order) {
        const parsed = parsePreKeySignalMessage(fromHex(whole));
        assert.equal(parsed.registrationId, session.alice_registration_id);
        assert.equal(parsed.signedPreKeyId, session.signed_prekey_id);
        assert.equal(parsed.preKeyId, oneTime ? session.one_time_prekey_id : undefined);
        assert.equal(toHex(parsed.message.serialized), inner);
        const opened = openWith(state, parseSignalMessage(fromHex(inner)), () => pair("bob_ratchet").privateKey);
        assert.equal(text(opened.plaintext), plaintext);
        state = opened.state;
      }
      assert.equal(toHex(state.sender.ratchet.publicKey.u), session.public_keys["bob_ratchet"]);
    }
  });
}

interface KnownParty {
  stable_id: string;
  identity_key_33: string;
  fingerprint_sha512: string;
}

test("numeric fingerprints are those of signal-v3.json, and scans compare crosswise", () => {
  const known = signal["numeric_fingerprint"] as unknown as { alice: KnownParty; bob: KnownParty } & Hex;
  const party = ({ stable_id, identity_key_33 }: KnownParty) => ({
    stableId: bytesOf(stable_id),
    identityKey: PublicKey.parse(fromHex(identity_key_33)),
  });
  const [alice, bob] = [party(known.alice), party(known.bob)];
  assert.equal(toHex(partyFingerprint(alice)), known.alice.fingerprint_sha512);
  assert.equal(toHex(partyFingerprint(bob)), known.bob.fingerprint_sha512);
  const [ofAlice, ofBob] = [fingerprint(alice, bob), fingerprint(bob, alice)];
  assert.equal(ofAlice.digits, known["displayable"]);
  assert.equal(ofBob.digits, known["displayable"]);
  assert.equal(toHex(ofAlice.scannable), known["scannable_v2_alice"]);
  assert.equal(compareScanned(ofAlice, ofBob.scannable), "match");
  assert.equal(compareScanned(ofBob, ofAlice.scannable), "match");
  assert.equal(compareScanned(ofAlice, ofAlice.scannable), "mismatch");
  assert.equal(compareScanned(ofAlice, fromHex(known["scannable_v1_bob"]!)), "incomparable");
});

interface KnownCall {
  name: string;
  members: { user: string; device: string; identityKey: string }[];
  digits: string;
  emoji_indexes: number[];
  emoji: string;
}

test("the code of a call is that of call-code.json for every case, in any order of members", () => {
  const file = vectors("call-code.json") as { emoji: { emoji: string; name: string }[]; cases: KnownCall[] };
  assert.deepEqual(EMOJI, file.emoji.map(({ emoji, name }) => [emoji, name]));
  assert.equal(file.cases.length, 7);
  for (const { name, members, digits, emoji_indexes, emoji } of file.cases) {
    const devices = members.map((member) => ({ ...member, identityKey: fromHex(member.identityKey) }));
    for (const order of [devices, [...devices].reverse()]) {
      assert.deepEqual(callCode(order), { digits, emoji: emoji_indexes }, name);
    }
    assert.equal(emoji_indexes.map((index) => EMOJI[index]![0]).join(""), emoji);
  }
});
