// The device's store in the browser: one IndexedDB database. Every value is sealed with AES-GCM under a key that the
// browser keeps and never gives out (a non-extractable CryptoKey); names are inside the seal, so that what lies on disk
// does not say with whom the device has sessions. Entries are stored under random ids.
//
//   "key"      the CryptoKey
//   "revision" number of commits: a second writer, which the device's lock should have kept out, is noticed
//   "entries"  id -> { iv (12 bytes), sealed = AES-GCM(protobuf: 1 name, 2 value; additional data: id) }

import { toHex, utf8, type Bytes } from "../e2ee/bytes.ts";
import { applyChanges, type DeviceStore, type StoreChanges } from "./DeviceStore.ts";
import { ProtobufReader, ProtobufWriter } from "./protobuf.ts";
import { SignalError } from "./SignalError.ts";

const DATABASE_VERSION = 1;
const META = "meta";
const ENTRIES = "entries";
const KEY = "key";
const REVISION = "revision";
const FIELD = { name: 1, value: 2 } as const;

/** One sealed value on disk. */
interface SealedEntry {
  readonly iv: Bytes;
  readonly sealed: ArrayBuffer;
}

/** A sealed value with its id, or an id to remove. */
type EntryWrite = readonly [id: string, entry: SealedEntry | undefined];

function request<T>(pending: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    pending.onsuccess = () => resolve(pending.result);
    pending.onerror = () => reject(storageError(pending.error?.message ?? "request failed"));
  });
}

/** Resolves when everything that the transaction wrote is stored. */
function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(storageError(transaction.error?.message ?? "transaction aborted"));
  });
}

function storageError(what: string): SignalError {
  return new SignalError("storage", `IndexedDB: ${what}`);
}

function openDatabase(factory: IDBFactory, name: string): Promise<IDBDatabase> {
  const opening = factory.open(name, DATABASE_VERSION);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore(META);
    opening.result.createObjectStore(ENTRIES);
  };
  return request(opening);
}

/** The database's key, made when it has none; of two who make one at once, the first wins. */
async function databaseKey(database: IDBDatabase): Promise<CryptoKey> {
  const find = () => request<CryptoKey | undefined>(database.transaction(META).objectStore(META).get(KEY));
  const found = await find();
  if (found !== undefined) return found;
  const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const transaction = database.transaction(META, "readwrite", { durability: "strict" });
  const meta = transaction.objectStore(META);
  const existing = meta.get(KEY);
  existing.onsuccess = () => {
    if (existing.result === undefined) meta.put(made, KEY);
  };
  await completed(transaction);
  return (await find()) ?? made;
}

async function sealEntry(key: CryptoKey, id: string, name: string, value: Bytes): Promise<SealedEntry> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const plain = new ProtobufWriter().bytes(FIELD.name, utf8(name)).bytes(FIELD.value, value).finish();
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8(id) }, key, plain);
  return { iv, sealed };
}

async function openEntry(key: CryptoKey, id: string, { iv, sealed }: SealedEntry): Promise<[name: string, value: Bytes]> {
  let plain: ArrayBuffer;
  try {
    plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: utf8(id) }, key, sealed);
  } catch {
    throw new SignalError("storage", "an entry of the device's store does not open");
  }
  const fields = new ProtobufReader(new Uint8Array(plain));
  return [new TextDecoder().decode(fields.requiredBytes(FIELD.name)), fields.requiredBytes(FIELD.value)];
}

export class IndexedDbDeviceStore implements DeviceStore {
  private readonly values = new Map<string, Bytes>();
  private readonly ids = new Map<string, string>();
  private revision = 0;
  private tail: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly database: IDBDatabase,
    private readonly key: CryptoKey,
  ) {
    // Somebody wants to delete the database: let go, and refuse every commit from now on.
    database.onversionchange = () => database.close();
  }

  /** Opens the database `name`, or makes it. Hold the device's lock (deviceLock.ts) while it is open. */
  static async open(name: string, factory: IDBFactory = indexedDB): Promise<IndexedDbDeviceStore> {
    const database = await openDatabase(factory, name);
    try {
      const store = new IndexedDbDeviceStore(database, await databaseKey(database));
      await store.load();
      return store;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Deletes the database `name` with everything in it. */
  static async destroy(name: string, factory: IDBFactory = indexedDB): Promise<void> {
    await request(factory.deleteDatabase(name));
  }

  private async load(): Promise<void> {
    const transaction = this.database.transaction([META, ENTRIES]);
    const entries = transaction.objectStore(ENTRIES);
    const [revision, ids, sealed] = await Promise.all([
      request<number | undefined>(transaction.objectStore(META).get(REVISION)),
      request(entries.getAllKeys()) as Promise<string[]>,
      request<SealedEntry[]>(entries.getAll()),
    ]);
    this.revision = revision ?? 0;
    const opened = await Promise.all(ids.map((id, i) => openEntry(this.key, id, sealed[i]!)));
    opened.forEach(([name, value], i) => {
      this.values.set(name, value);
      this.ids.set(name, ids[i]!);
    });
  }

  get(name: string): Bytes | undefined {
    return this.values.get(name);
  }

  names(prefix: string): string[] {
    return [...this.values.keys()].filter((name) => name.startsWith(prefix));
  }

  /** Rejects with `storage` when the disk is full, the database is closed, or somebody else has written. */
  commit(changes: StoreChanges): Promise<void> {
    const committed = this.tail.then(() => this.commitNext(changes));
    this.tail = committed.catch(() => undefined);
    return committed;
  }

  private async commitNext(changes: StoreChanges): Promise<void> {
    const writes = await Promise.all([...changes].map(([name, value]) => this.prepare(name, value)));
    await this.write(writes);
    applyChanges(this.values, changes);
    [...changes].forEach(([name, value], i) => {
      if (value === undefined) this.ids.delete(name);
      else this.ids.set(name, writes[i]![0]);
    });
  }

  private async prepare(name: string, value: Bytes | undefined): Promise<EntryWrite> {
    const id = this.ids.get(name) ?? toHex(crypto.getRandomValues(new Uint8Array(16)));
    return [id, value === undefined ? undefined : await sealEntry(this.key, id, name, value)];
  }

  /** One transaction, which a revision other than ours aborts. */
  private async write(writes: readonly EntryWrite[]): Promise<void> {
    let transaction: IDBTransaction;
    try {
      transaction = this.database.transaction([META, ENTRIES], "readwrite", { durability: "strict" });
    } catch (error) {
      throw storageError(error instanceof Error ? error.message : String(error));
    }
    const done = completed(transaction);
    const meta = transaction.objectStore(META);
    const entries = transaction.objectStore(ENTRIES);
    const stored = meta.get(REVISION) as IDBRequest<number | undefined>;
    let overtaken = false;
    stored.onsuccess = () => {
      overtaken = (stored.result ?? 0) !== this.revision;
      if (overtaken) {
        transaction.abort();
        return;
      }
      meta.put(this.revision + 1, REVISION);
      for (const [id, entry] of writes) {
        if (entry === undefined) entries.delete(id);
        else entries.put(entry, id);
      }
    };
    try {
      await done;
    } catch (error) {
      throw overtaken ? new SignalError("storage", "another tab has written to this device's store") : error;
    }
    this.revision++;
  }

  /** Closes the database; commits fail from now on. */
  close(): void {
    this.database.close();
  }
}
