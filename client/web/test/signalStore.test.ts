// The stores under a device: all or nothing, what a crash leaves, encryption at rest, one tab at a time.

import assert from "node:assert/strict";
import { test } from "node:test";

import { IDBFactory } from "fake-indexeddb";

import { toHex, type Bytes } from "../src/e2ee/bytes.ts";
import { DeviceInUse, lockDevice } from "../src/signal/deviceLock.ts";
import { MemoryDeviceStore, type DeviceStore, type StoreChanges } from "../src/signal/DeviceStore.ts";
import { IndexedDbDeviceStore } from "../src/signal/IndexedDbDeviceStore.ts";
import { SignalDevice } from "../src/signal/SignalDevice.ts";
import { parsePreKeySignalMessage } from "../src/signal/PreKeySignalMessage.ts";
import { parseSignalMessage } from "../src/signal/SignalMessage.ts";
import { type SealedMessage } from "../src/signal/SessionState.ts";
import { Random, seed } from "./random.ts";
import { bundleOf, bytesOf, newDevice, NOW, randomBytes, refusalOf, text } from "./signalDevices.ts";

/** A store whose commits wait until they are let through, or fail. */
class GatedStore implements DeviceStore {
  private readonly inner = new MemoryDeviceStore();
  private waiting: ((failure: Error | undefined) => void)[] = [];
  open = true;

  get(name: string): Bytes | undefined {
    return this.inner.get(name);
  }

  names(prefix: string): string[] {
    return this.inner.names(prefix);
  }

  async commit(changes: StoreChanges): Promise<void> {
    if (!this.open) {
      const failure = await new Promise<Error | undefined>((resolve) => this.waiting.push(resolve));
      if (failure !== undefined) throw failure;
    }
    await this.inner.commit(changes);
  }

  /** Commits under way. */
  get pending(): number {
    return this.waiting.length;
  }

  /** Ends the commits under way. */
  settle(failure?: Error): void {
    for (const resolve of this.waiting.splice(0)) resolve(failure);
  }

  /** What a crash now would leave. */
  crash(): MemoryDeviceStore {
    return this.inner.copy();
  }
}

/** Lets everything run that waits for nothing from outside. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Ratchet key and counter: no two messages may share them. */
function keyUsed({ kind, bytes }: SealedMessage): string {
  const { ratchetKey, counter } = kind === "prekey" ? parsePreKeySignalMessage(bytes).message : parseSignalMessage(bytes);
  return `${toHex(ratchetKey.serialized)}:${counter}`;
}

test("a message leaves only after its commit, and one whose commit fails never does", async () => {
  const random = new Random(1);
  const store = new GatedStore();
  const alice = await SignalDevice.open(store, NOW, randomBytes(random));
  const bob = await newDevice(random);
  await alice.initiate("bob", await bundleOf(bob.device, 0));

  store.open = false;
  let released = false;
  const first = alice.encrypt("bob", bytesOf("first")).finally(() => (released = true));
  const second = alice.encrypt("bob", bytesOf("second"));
  await settled();
  assert.equal(store.pending, 1, "the second waits for the first");
  assert.equal(released, false);
  store.settle(new Error("disk full"));
  await assert.rejects(first, /disk full/);
  await settled();
  store.settle();
  // The key of the failed message was never used, so the next one takes it.
  assert.equal(text(await bob.device.decrypt("alice", await second)), "second");
});

test("a crash at any moment uses no message key twice and opens no message twice", async () => {
  const started = seed();
  const random = new Random(started);
  const name = `seed ${started}`;
  const bob = await newDevice(random);
  let store = new GatedStore();
  let alice = await SignalDevice.open(store, NOW, randomBytes(random));
  await alice.initiate("bob", await bundleOf(bob.device, 0));
  await bob.device.decrypt("alice", await alice.encrypt("bob", bytesOf("hello")));

  const used = new Set<string>();
  const opened = new Set<string>();
  const answers: SealedMessage[] = [];
  for (let i = 0; i < 150; i++) {
    store.open = false;
    answers.push(await bob.device.encrypt("alice", bytesOf(`answer ${i}`)));
    const results: SealedMessage[] = [];
    const texts: string[] = [];
    const work = [
      alice.encrypt("bob", bytesOf(`a ${i}`)).then((sealed) => results.push(sealed)),
      alice.decrypt("bob", answers[random.below(answers.length)]!).then((plain) => texts.push(text(plain))),
      alice.encrypt("bob", bytesOf(`b ${i}`)).then((sealed) => results.push(sealed)),
    ];
    for (const promise of work) promise.catch(() => undefined);
    // Some commits get through, then the process is gone: what it had not handed out by then never leaves it.
    for (let commits = random.below(4); commits > 0; commits--) {
      await settled();
      store.settle();
    }
    await settled();
    const after = store.crash();
    store = new GatedStore();
    for (const itemName of after.names("")) await store.commit(new Map([[itemName, after.get(itemName)]]));
    alice = await SignalDevice.open(store, NOW, randomBytes(random));
    for (const sealed of results) {
      const key = keyUsed(sealed);
      assert.ok(!used.has(key), `${name}: key ${key} used twice`);
      used.add(key);
      await bob.device.decrypt("alice", sealed);
    }
    for (const plain of texts) {
      assert.ok(!opened.has(plain), `${name}: ${plain} opened twice`);
      opened.add(plain);
    }
  }
  assert.ok(used.size > 80 && opened.size > 20, `${name}: ${used.size} sealed, ${opened.size} opened`);
});

test("what the application stores with a message is there when the message is, and only then", async () => {
  const random = new Random(5);
  const store = new GatedStore();
  const alice = await SignalDevice.open(store, NOW, randomBytes(random));
  const bob = await newDevice(random);
  await alice.initiate("bob", await bundleOf(bob.device, 0));
  const outbox = (sealed: readonly SealedMessage[]) => new Map([["app/outbox", sealed[0]!.bytes]]);
  const [opening] = await alice.encryptAll([{ address: "bob", plaintext: bytesOf("hi") }], outbox);
  assert.deepEqual(store.get("app/outbox"), opening!.bytes);
  await bob.device.decrypt("alice", opening!);
  const answer = await bob.device.encrypt("alice", bytesOf("keep this"));
  const inbox = (plaintext: Bytes) => new Map([["app/inbox", plaintext]]);

  store.open = false;
  const failing = alice.decrypt("bob", answer, inbox);
  await settled();
  store.settle(new Error("disk full"));
  await assert.rejects(failing, /disk full/);
  assert.equal(store.get("app/inbox"), undefined);
  store.open = true;
  await assert.rejects(alice.decrypt("bob", answer, () => new Map([["session/bob", bytesOf("x")]])), RangeError);
  assert.equal(text(await alice.decrypt("bob", answer, inbox)), "keep this");
  assert.equal(text(store.crash().get("app/inbox")!), "keep this");
});

async function openStore(factory: IDBFactory, name = "device"): Promise<IndexedDbDeviceStore> {
  return IndexedDbDeviceStore.open(name, factory as unknown as globalThis.IDBFactory);
}

/** Every record of every object store of a database, as the disk has them. */
async function rawRecords(factory: IDBFactory): Promise<{ store: string; key: unknown; value: unknown }[]> {
  const wait = <T>(request: { onsuccess: unknown; onerror: unknown; result: T }) =>
    new Promise<T>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = reject;
    });
  const database = await wait(factory.open("device"));
  const records: { store: string; key: unknown; value: unknown }[] = [];
  for (const store of database.objectStoreNames) {
    const objects = database.transaction(store).objectStore(store);
    const [keys, values] = await Promise.all([wait(objects.getAllKeys()), wait(objects.getAll())]);
    keys.forEach((key, i) => records.push({ store, key, value: values[i] }));
  }
  database.close();
  return records;
}

test("a device in IndexedDB goes on where it was after the tab was closed", async () => {
  const random = new Random(2);
  const factory = new IDBFactory();
  const bob = await newDevice(random);
  const first = await openStore(factory);
  const alice = await SignalDevice.open(first, NOW, randomBytes(random));
  await alice.initiate("bob", await bundleOf(bob.device, 0));
  await bob.device.decrypt("alice", await alice.encrypt("bob", bytesOf("before")));
  first.close();

  const again = await SignalDevice.open(await openStore(factory), NOW, randomBytes(random));
  assert.ok(again.identityKey.equals(alice.identityKey));
  assert.equal((await again.publication()).oneTimePreKeys.length, 100);
  assert.equal(text(await again.decrypt("bob", await bob.device.encrypt("alice", bytesOf("answer")))), "answer");
  assert.equal(text(await bob.device.decrypt("alice", await again.encrypt("bob", bytesOf("after")))), "after");
  // The closed store writes nothing any more.
  assert.equal(await refusalOf(alice.encrypt("bob", bytesOf("ghost"))), "storage");
});

test("IndexedDB holds neither secrets nor names in the clear, and a key that cannot be taken out", async () => {
  const random = new Random(3);
  const factory = new IDBFactory();
  const store = await openStore(factory);
  await store.commit(new Map([["session/alice-in-wonderland", bytesOf("a very secret chain key")]]));
  const bob = await newDevice(random);
  const device = await SignalDevice.open(store, NOW, randomBytes(random));
  await device.initiate("bob", await bundleOf(bob.device, 0));
  const values = store.names("").map((name) => [name, store.get(name)!] as const);
  store.close();

  const records = await rawRecords(factory);
  assert.equal(records.filter(({ store: where }) => where === "entries").length, values.length);
  let disk = "";
  for (const { key, value } of records) {
    if (value instanceof CryptoKey) {
      assert.equal(value.extractable, false);
      await assert.rejects(crypto.subtle.exportKey("raw", value));
      continue;
    }
    const { iv, sealed } = (typeof value === "object" ? value : {}) as { iv?: Uint8Array; sealed?: ArrayBuffer };
    disk += `${String(key)} ${iv ? toHex(iv) : ""} ${sealed ? toHex(new Uint8Array(sealed)) : JSON.stringify(value)}\n`;
  }
  for (const [name, value] of values) {
    assert.ok(!disk.includes(name) && !disk.includes(toHex(bytesOf(name))), name);
    // Any eight bytes of a value in the clear would give it away.
    for (let at = 0; at + 8 <= value.length; at += 8) {
      assert.ok(!disk.includes(toHex(value.subarray(at, at + 8))), `${name} at ${at}`);
    }
  }
});

test("an entry that was altered or moved on disk is refused when the store is opened", async () => {
  const factory = new IDBFactory();
  const store = await openStore(factory);
  await store.commit(new Map([["a", bytesOf("one")], ["b", bytesOf("two")]]));
  store.close();
  const swap = await new Promise<IDBDatabase>((resolve) => {
    const request = factory.open("device");
    request.onsuccess = () => resolve(request.result as unknown as IDBDatabase);
  });
  await new Promise<void>((resolve) => {
    const transaction = swap.transaction("entries", "readwrite");
    transaction.oncomplete = () => resolve();
    const entries = transaction.objectStore("entries");
    const keys = entries.getAllKeys();
    const all = entries.getAll();
    all.onsuccess = () => {
      entries.put(all.result[0], keys.result[1]!);
      entries.put(all.result[1], keys.result[0]!);
    };
  });
  swap.close();
  assert.equal(await refusalOf(openStore(factory)), "storage");
});

test("a commit of several values is stored whole; a removal is too", async () => {
  const factory = new IDBFactory();
  const store = await openStore(factory);
  await Promise.all([
    store.commit(new Map([["a", bytesOf("1")], ["b", bytesOf("2")]])),
    store.commit(new Map<string, Bytes | undefined>([["b", undefined], ["c", bytesOf("3")]])),
    store.commit(new Map([["c", bytesOf("4")]])),
  ]);
  store.close();
  const again = await openStore(factory);
  assert.deepEqual(again.names("").sort(), ["a", "c"]);
  assert.equal(text(again.get("c")!), "4");
  again.close();
  await IndexedDbDeviceStore.destroy("device", factory as unknown as globalThis.IDBFactory);
  assert.deepEqual((await openStore(factory)).names(""), []);
});

test("a second writer without the lock is noticed, and seals nothing", async () => {
  const random = new Random(4);
  const factory = new IDBFactory();
  const bob = await newDevice(random);
  const one = await SignalDevice.open(await openStore(factory), NOW, randomBytes(random));
  await one.initiate("bob", await bundleOf(bob.device, 0));
  const two = await SignalDevice.open(await openStore(factory), NOW, randomBytes(random));
  assert.equal(text(await bob.device.decrypt("alice", await one.encrypt("bob", bytesOf("one")))), "one");
  assert.equal(await refusalOf(two.encrypt("bob", bytesOf("two"))), "storage");
  assert.equal(text(await bob.device.decrypt("alice", await one.encrypt("bob", bytesOf("three")))), "three");
});

/** navigator.locks for one name at a time, as much as the device's lock uses of it. */
class OneLock {
  private held: Promise<unknown> | undefined;

  async request(_name: string, options: LockOptions, callback: (lock: Lock | null) => unknown): Promise<unknown> {
    if (this.held !== undefined && options.ifAvailable) return callback(null);
    while (this.held !== undefined) await this.held;
    const holding = Promise.resolve(callback({ name: _name, mode: "exclusive" }));
    this.held = holding;
    await holding;
    this.held = undefined;
    return undefined;
  }
}

test("one tab at a time has the device: the others are told, or wait", async () => {
  const locks = new OneLock() as unknown as LockManager;
  const release = await lockDevice("alice/web", false, locks);
  await assert.rejects(lockDevice("alice/web", false, locks), DeviceInUse);
  let waited = false;
  const second = lockDevice("alice/web", true, locks).then((give) => {
    waited = true;
    return give;
  });
  await settled();
  assert.equal(waited, false);
  release();
  (await second)();
});
