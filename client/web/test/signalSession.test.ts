// Sessions between devices: both roles, loss, reordering, repetition, simultaneous initiation, prekeys that come and go.

import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex, type Bytes } from "../src/e2ee/bytes.ts";
import { nextChainKey } from "../src/signal/chains.ts";
import { MAX_ARCHIVED } from "../src/signal/SessionRecord.ts";
import { MAX_FORWARD_JUMP, MAX_SKIPPED_KEYS, openWith, sealWith, type SealedMessage } from "../src/signal/SessionState.ts";
import { SignalDevice } from "../src/signal/SignalDevice.ts";
import { IdentityChanged } from "../src/signal/SignalError.ts";
import { parseSignalMessage } from "../src/signal/SignalMessage.ts";
import { StoreDraft } from "../src/signal/StoreDraft.ts";
import { Random, seed } from "./random.ts";
import { bundleOf, bytesOf, contents, newDevice, NOW, randomBytes, refusalOf, text, type TestDevice } from "./signalDevices.ts";

/** Two devices; alice has opened a session with bob, who has not heard of it. */
async function introduced(random: Random, oneTime: number | "none" = 0): Promise<{ alice: TestDevice; bob: TestDevice }> {
  const [alice, bob] = [await newDevice(random), await newDevice(random)];
  await alice.device.initiate("bob", await bundleOf(bob.device, oneTime === "none" ? undefined : oneTime));
  return { alice, bob };
}

/** As `introduced`, and each has opened a message of the other. */
async function acquainted(random: Random): Promise<{ alice: TestDevice; bob: TestDevice }> {
  const { alice, bob } = await introduced(random);
  await bob.device.decrypt("alice", await alice.device.encrypt("bob", bytesOf("hello")));
  await alice.device.decrypt("bob", await bob.device.encrypt("alice", bytesOf("hello back")));
  return { alice, bob };
}

test("a conversation: prekey messages until the answer, plain ones after it, all lengths", async () => {
  const random = new Random(1);
  const { alice, bob } = await introduced(random);
  for (let i = 0; i < 3; i++) {
    const sealed = await alice.device.encrypt("bob", bytesOf(`opening ${i}`));
    assert.equal(sealed.kind, "prekey");
    assert.equal(text(await bob.device.decrypt("alice", sealed)), `opening ${i}`);
  }
  for (let length = 0; length < 70; length++) {
    const plaintext = random.bytes(length);
    const answer = await bob.device.encrypt("alice", plaintext);
    assert.equal(answer.kind, "signal");
    assert.deepEqual(await alice.device.decrypt("bob", answer), plaintext);
    const reply = await alice.device.encrypt("bob", plaintext);
    assert.equal(reply.kind, "signal");
    assert.deepEqual(await bob.device.decrypt("alice", reply), plaintext);
  }
  assert.equal((await alice.device.session("bob")).remoteRegistrationId, bob.device.registrationId);
  assert.equal((await bob.device.session("alice")).remoteRegistrationId, alice.device.registrationId);
});

test("a session without a one-time prekey works, and one with it uses it up", async () => {
  const random = new Random(2);
  const without = await introduced(random, "none");
  await without.bob.device.decrypt("alice", await without.alice.device.encrypt("bob", bytesOf("x")));
  assert.equal((await without.bob.device.publication()).oneTimePreKeys.length, 100);

  const { alice, bob } = await introduced(random, 5);
  const sealed = await alice.device.encrypt("bob", bytesOf("y"));
  const { oneTimePreKeys: before } = await bob.device.publication();
  await bob.device.decrypt("alice", sealed);
  const { oneTimePreKeys: after } = await bob.device.publication();
  assert.deepEqual(after, before.filter((_, index) => index !== 5));
  // Another session from the same bundle finds the one-time prekey gone.
  const mallory = await newDevice(random);
  await mallory.device.initiate("bob", { ...(await bundleOf(bob.device, undefined)), oneTimePreKey: before[5] });
  const second = await mallory.device.encrypt("bob", bytesOf("z"));
  assert.equal(await refusalOf(bob.device.decrypt("mallory", second)), "unknown-prekey");
});

/** A link that loses, reorders and repeats what both sides send, and checks what arrives. */
class RoughLink {
  private readonly flying: { to: "alice" | "bob"; sealed: SealedMessage; plaintext: Bytes }[] = [];
  private readonly seen = new Set<string>();
  opened = 0;
  repeated = 0;
  lost = 0;

  constructor(
    private readonly random: Random,
    private readonly devices: { alice: TestDevice; bob: TestDevice },
    private readonly name: string,
  ) {}

  async send(from: "alice" | "bob"): Promise<void> {
    const to = from === "alice" ? "bob" : "alice";
    const plaintext = this.random.bytes(8 + this.random.below(40));
    const sealed = await this.devices[from].device.encrypt(to, plaintext);
    if (this.random.below(100) < 8) {
      this.lost++;
      return;
    }
    const copies = this.random.below(100) < 10 ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      this.flying.splice(this.random.below(this.flying.length + 1), 0, { to, sealed, plaintext });
    }
  }

  get waiting(): number {
    return this.flying.length;
  }

  async deliver(): Promise<void> {
    const next = this.flying.shift();
    if (next === undefined) return;
    const { to, sealed, plaintext } = next;
    const from = to === "alice" ? "bob" : "alice";
    const { device, store } = this.devices[to];
    const id = toHex(sealed.bytes);
    if (this.seen.has(id)) {
      const before = contents(store);
      assert.equal(await refusalOf(device.decrypt(from, sealed)), "duplicate", this.name);
      assert.deepEqual(contents(store), before, this.name);
      this.repeated++;
      return;
    }
    this.seen.add(id);
    assert.deepEqual(await device.decrypt(from, sealed), plaintext, this.name);
    this.opened++;
  }
}

test("over thousands of messages every one that arrives opens once, whatever is lost, reordered or repeated", async () => {
  const started = seed();
  const random = new Random(started);
  const name = `seed ${started}`;
  const devices = await acquainted(random);
  const link = new RoughLink(random, devices, name);
  for (let i = 0; i < 3_000; i++) {
    await link.send(random.bool() ? "alice" : "bob");
    // Seldom more than a few under way: no message comes later than five turns of the other's ratchet.
    while (link.waiting > random.below(4)) await link.deliver();
  }
  while (link.waiting > 0) await link.deliver();
  assert.ok(link.opened > 2_500 && link.repeated > 100 && link.lost > 100, name);
});

test("simultaneous initiation converges on one session", async () => {
  const started = seed();
  const random = new Random(started);
  const name = `seed ${started}`;
  const [alice, bob] = [await newDevice(random), await newDevice(random)];
  await alice.device.initiate("bob", await bundleOf(bob.device, 0));
  await bob.device.initiate("alice", await bundleOf(alice.device, 0));
  const link = new RoughLink(random, { alice, bob }, name);
  for (let i = 0; i < 3; i++) {
    await link.send("alice");
    await link.send("bob");
  }
  while (link.waiting > 0) await link.deliver();
  for (let i = 0; i < 8; i++) {
    assert.equal(text(await bob.device.decrypt("alice", await alice.device.encrypt("bob", bytesOf("a")))), "a", name);
    assert.equal(text(await alice.device.decrypt("bob", await bob.device.encrypt("alice", bytesOf("b")))), "b", name);
  }
  const current = (device: TestDevice, peer: string) => new StoreDraft(device.store).sessions(peer).current!;
  assert.equal(toHex(current(alice, "bob").baseKey.serialized), toHex(current(bob, "alice").baseKey.serialized), name);
  assert.equal(current(alice, "bob").pending, undefined, name);
});

test("messages of replaced sessions still open, up to forty sessions back", async () => {
  const random = new Random(3);
  const { alice, bob } = await introduced(random);
  const late: SealedMessage[] = [];
  for (let i = 0; i < MAX_ARCHIVED + 2; i++) {
    late.push(await alice.device.encrypt("bob", bytesOf(`late ${i}`)));
    await bob.device.decrypt("alice", await alice.device.encrypt("bob", bytesOf("now")));
    await alice.device.initiate("bob", await bundleOf(bob.device, 0));
  }
  await bob.device.decrypt("alice", await alice.device.encrypt("bob", bytesOf("now")));
  assert.equal((await bob.device.session("alice")).archived, MAX_ARCHIVED);
  assert.equal(text(await bob.device.decrypt("alice", late[2]!)), "late 2");
  assert.equal(text(await bob.device.decrypt("alice", late[MAX_ARCHIVED]!)), `late ${MAX_ARCHIVED}`);
  // The first session has fallen off the end, and its one-time prekey is used up.
  assert.equal(await refusalOf(bob.device.decrypt("alice", late[0]!)), "unknown-prekey");
});

test("keys of 2,000 skipped messages are kept, the oldest go first", async () => {
  const random = new Random(4);
  const { alice, bob } = await acquainted(random);
  let sender = new StoreDraft(alice.store).sessions("bob").current!;
  const sent: Bytes[] = [];
  for (let i = 0; i <= MAX_SKIPPED_KEYS + 1; i++) {
    const { state, sealed } = sealWith(sender, bytesOf(`${i}`));
    sender = state;
    sent.push(sealed.bytes);
  }
  const receive = (index: number) => bob.device.decrypt("alice", { kind: "signal", bytes: sent[index]! });
  assert.equal(text(await receive(MAX_SKIPPED_KEYS + 1)), `${MAX_SKIPPED_KEYS + 1}`);
  assert.equal(await refusalOf(receive(0)), "duplicate");
  assert.equal(text(await receive(1)), "1");
  assert.equal(text(await receive(MAX_SKIPPED_KEYS)), `${MAX_SKIPPED_KEYS}`);
  assert.equal(await refusalOf(receive(1)), "duplicate");
});

test("a jump of 25,000 messages opens, one more is refused", async () => {
  const random = new Random(5);
  const { alice, bob } = await acquainted(random);
  let sender = new StoreDraft(alice.store).sessions("bob").current!;
  const receiver = new StoreDraft(bob.store).sessions("alice").current!;
  let sealed = sealWith(sender, bytesOf("0"));
  const start = parseSignalMessage(sealed.sealed.bytes).counter;
  let chainKey = sender.sender.chainKey;
  while (chainKey.index < start + MAX_FORWARD_JUMP) chainKey = nextChainKey(chainKey);
  sender = { ...sender, sender: { ...sender.sender, chainKey } };
  sealed = sealWith(sender, bytesOf("far"));
  const open = (bytes: Bytes) => openWith(receiver, parseSignalMessage(bytes), randomBytes(random)).plaintext;
  assert.equal(text(open(sealed.sealed.bytes)), "far");
  const beyond = sealWith(sealed.state, bytesOf("too far")).sealed.bytes;
  assert.equal(await refusalOf((async () => open(beyond))()), "too-far-ahead");
});

test("a signed prekey is renewed after seven days, the one before serves on, the one before that does not", async () => {
  const random = new Random(6);
  const bob = await newDevice(random);
  const first = await bundleOf(bob.device, undefined);
  assert.equal(await bob.device.renewSignedPreKey(NOW + 6 * 86_400_000), undefined);
  const renewed = await bob.device.renewSignedPreKey(NOW + 7 * 86_400_000);
  assert.equal(renewed?.id, first.signedPreKey.id + 1);
  assert.equal((await bob.device.publication()).signedPreKey.id, renewed.id);
  const opening = async (name: string) => {
    const device = await newDevice(random);
    await device.device.initiate("bob", first);
    return { name, sealed: await device.device.encrypt("bob", bytesOf(name)) };
  };
  const [early, late] = [await opening("early"), await opening("late")];
  assert.equal(text(await bob.device.decrypt("early", early.sealed)), "early");
  await bob.device.renewSignedPreKey(NOW + 14 * 86_400_000);
  assert.equal(await refusalOf(bob.device.decrypt("late", late.sealed)), "unknown-signed-prekey");
  // A session that began with the old prekey does not need it any more.
  const answer = await bob.device.encrypt("early", bytesOf("still here"));
  assert.equal(answer.kind, "signal");
});

test("a bundle whose signed prekey is not signed by its identity is refused, and changes nothing", async () => {
  const random = new Random(7);
  const [alice, bob, mallory] = [await newDevice(random), await newDevice(random), await newDevice(random)];
  const bundle = await bundleOf(bob.device, 0);
  const other = await bundleOf(mallory.device, 0);
  const before = contents(alice.store);
  const lies = [
    { ...bundle, identityKey: other.identityKey },
    { ...bundle, signedPreKey: { ...bundle.signedPreKey, publicKey: other.signedPreKey.publicKey } },
    { ...bundle, signedPreKey: { ...bundle.signedPreKey, signature: other.signedPreKey.signature } },
  ];
  for (const lie of lies) assert.equal(await refusalOf(alice.device.initiate("bob", lie)), "invalid-signature");
  assert.deepEqual(contents(alice.store), before);
});

test("a changed identity is refused in both directions until it is accepted", async () => {
  const random = new Random(8);
  const { alice } = await acquainted(random);
  const fresh = await newDevice(random); // bob, reinstalled
  await fresh.device.initiate("alice", await bundleOf(alice.device, 0));
  const opening = await fresh.device.encrypt("alice", bytesOf("it is me"));
  const before = contents(alice.store);
  await assert.rejects(alice.device.decrypt("bob", opening), (error) => {
    assert.ok(error instanceof IdentityChanged);
    assert.deepEqual(error.identityKey, fresh.device.identityKey.serialized);
    return true;
  });
  const bundle = await bundleOf(fresh.device, 0);
  assert.equal(await refusalOf(alice.device.initiate("bob", bundle)), "untrusted-identity");
  assert.deepEqual(contents(alice.store), before);

  await alice.device.acceptIdentity("bob", fresh.device.identityKey);
  assert.equal((await alice.device.session("bob")).exists, false);
  assert.equal(text(await alice.device.decrypt("bob", opening)), "it is me");
  const answer = await alice.device.encrypt("bob", bytesOf("welcome"));
  assert.equal(text(await fresh.device.decrypt("alice", answer)), "welcome");
});

test("after one side lost its sessions a new one heals the conversation", async () => {
  const random = new Random(9);
  const { alice, bob } = await acquainted(random);
  await bob.device.deleteSessions("alice");
  const lost = await alice.device.encrypt("bob", bytesOf("lost"));
  assert.equal(await refusalOf(bob.device.decrypt("alice", lost)), "no-session");
  await alice.device.archiveSession("bob");
  assert.equal(await refusalOf(alice.device.encrypt("bob", bytesOf("x"))), "no-session");
  await alice.device.initiate("bob", await bundleOf(bob.device, 1));
  const again = await alice.device.encrypt("bob", bytesOf("again"));
  assert.equal(text(await bob.device.decrypt("alice", again)), "again");
  assert.equal(text(await alice.device.decrypt("bob", await bob.device.encrypt("alice", bytesOf("ok")))), "ok");
});

test("a repeated opening message is refused, also when its session has been archived", async () => {
  const random = new Random(10);
  const { alice, bob } = await introduced(random, "none");
  const opening = await alice.device.encrypt("bob", bytesOf("once"));
  await bob.device.decrypt("alice", opening);
  assert.equal(await refusalOf(bob.device.decrypt("alice", opening)), "duplicate");
  await bob.device.archiveSession("alice");
  assert.equal(await refusalOf(bob.device.decrypt("alice", opening)), "duplicate");
});

test("messages to many devices are sealed with one commit, or none of them", async () => {
  const random = new Random(11);
  const { alice, bob } = await acquainted(random);
  const carol = await newDevice(random);
  const messages = ["bob", "carol"].map((address) => ({ address, plaintext: bytesOf(address) }));
  const before = contents(alice.store);
  assert.equal(await refusalOf(alice.device.encryptAll(messages)), "no-session");
  assert.deepEqual(contents(alice.store), before);
  await alice.device.initiate("carol", await bundleOf(carol.device, 0));
  const [toBob, toCarol] = await alice.device.encryptAll(messages);
  assert.equal(text(await bob.device.decrypt("alice", toBob!)), "bob");
  assert.equal(text(await carol.device.decrypt("alice", toCarol!)), "carol");
});

test("one-time prekeys have fresh ids, and no more than a thousand are kept", async () => {
  const random = new Random(12);
  const { device } = await newDevice(random);
  const ids = new Set((await device.publication()).oneTimePreKeys.map(({ id }) => id));
  assert.equal(ids.size, 100);
  for (let i = 0; i < 11; i++) {
    for (const { id } of await device.addOneTimePreKeys(90)) {
      assert.ok(!ids.has(id) && id >= 1 && id < 2 ** 24);
      ids.add(id);
    }
  }
  const kept = (await device.publication()).oneTimePreKeys.map(({ id }) => id);
  assert.equal(kept.length, 1_000);
  assert.deepEqual(new Set(kept), new Set([...ids].slice(-1_000)));
});

test("a device comes back from its store as it was", async () => {
  const random = new Random(13);
  const { alice, bob } = await acquainted(random);
  const again = await SignalDevice.open(alice.store.copy(), NOW, randomBytes(random));
  assert.ok(again.identityKey.equals(alice.device.identityKey));
  assert.equal(again.registrationId, alice.device.registrationId);
  const sealed = await again.encrypt("bob", bytesOf("from the copy"));
  assert.equal(text(await bob.device.decrypt("alice", sealed)), "from the copy");
});
