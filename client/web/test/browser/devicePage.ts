// What tests/browser/device.mjs drives in real browsers, in a page and in a worker: devices over IndexedDB and Web Locks.

import { fromHex, toHex, utf8 } from "../../src/e2ee/bytes.ts";
import { openBrowserDevice, type BrowserDevice } from "../../src/signal/browserDevice.ts";
import { MemoryDeviceStore } from "../../src/signal/DeviceStore.ts";
import { type PreKeyBundle } from "../../src/signal/preKeys.ts";
import { type SealedMessage } from "../../src/signal/SessionState.ts";
import { SignalDevice } from "../../src/signal/SignalDevice.ts";

const opened = new Map<string, BrowserDevice>();

function device(name: string): SignalDevice {
  const found = opened.get(name);
  if (found === undefined) throw new Error(`${name} is not open`);
  return found.device;
}

async function bundleOf(target: SignalDevice): Promise<PreKeyBundle> {
  const { identityKey, registrationId, signedPreKey, oneTimePreKeys } = await target.publication();
  return { identityKey, registrationId, signedPreKey, oneTimePreKey: oneTimePreKeys[0] };
}

/** A message as it passes between page and test. */
interface Parcel {
  readonly kind: SealedMessage["kind"];
  readonly body: string;
}

/** The name of the error that `attempt` meets, or its refusal; "none" when it succeeds. */
async function failureOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return "none";
  } catch (error) {
    const { name, refusal } = error as { name?: string; refusal?: string };
    return refusal ?? name ?? String(error);
  }
}

const page = {
  /** Opens a device; its identity key. */
  async open(name: string, wait: boolean): Promise<string> {
    const made = await openBrowserDevice(name, wait);
    opened.set(name, made);
    return toHex(made.device.identityKey.serialized);
  },

  tryOpen: (name: string): Promise<string> => failureOf(openBrowserDevice(name)),

  close(name: string): void {
    opened.get(name)?.close();
    opened.delete(name);
  },

  /** Both of this page: `from` opens a session with `to`. */
  async introduce(from: string, to: string): Promise<void> {
    await device(from).initiate(to, await bundleOf(device(to)));
  },

  async seal(from: string, to: string, text: string): Promise<Parcel> {
    const { kind, bytes } = await device(from).encrypt(to, utf8(text));
    return { kind, body: toHex(bytes) };
  },

  async unseal(to: string, from: string, { kind, body }: Parcel): Promise<string> {
    return new TextDecoder().decode(await device(to).decrypt(from, { kind, bytes: fromHex(body) }));
  },

  refusal: (to: string, from: string, parcel: Parcel): Promise<string> => failureOf(page.unseal(to, from, parcel)),

  /** What the database of a device holds: names of its records' types, and whether its key can be taken out. */
  async inspect(name: string): Promise<{ extractable: boolean; exported: string; clear: boolean; entries: number }> {
    const wait = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const database = await wait(indexedDB.open(`sotto-device-${name}`));
    const key = (await wait(database.transaction("meta").objectStore("meta").get("key"))) as CryptoKey;
    const all = await wait(database.transaction("entries").objectStore("entries").getAll());
    database.close();
    const names = ["session/", "prekey/", "identity/", "device"].map((word) => toHex(utf8(word)));
    const clear = all.some((entry: { sealed: ArrayBuffer }) => {
      const sealed = toHex(new Uint8Array(entry.sealed));
      return names.some((word) => sealed.includes(word));
    });
    const exported = await failureOf(crypto.subtle.exportKey("raw", key));
    return { extractable: key.extractable, exported, clear, entries: all.length };
  },

  /** Milliseconds for `count` sessions begun, and for one message sealed to each with one commit. */
  async measure(name: string, count: number): Promise<{ begun: number; sealed: number }> {
    const peers: PreKeyBundle[] = [];
    for (let i = 0; i < count; i++) {
      peers.push(await bundleOf(await SignalDevice.open(new MemoryDeviceStore(), Date.now())));
    }
    const start = performance.now();
    for (const [i, bundle] of peers.entries()) await device(name).initiate(`peer ${i}`, bundle);
    const begun = performance.now();
    await device(name).encryptAll(peers.map((_, i) => ({ address: `peer ${i}`, plaintext: new Uint8Array(320) })));
    return { begun: begun - start, sealed: performance.now() - begun };
  },

  /** Runs a conversation in a worker; its last words. */
  inWorker(): Promise<string> {
    const worker = new Worker("/device.js", { type: "module" });
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data as string);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage("talk");
    }).finally(() => worker.terminate()) as Promise<string>;
  },
};

async function talk(): Promise<string> {
  await page.open("worker-a", false);
  await page.open("worker-b", false);
  await page.introduce("worker-a", "worker-b");
  await page.unseal("worker-b", "worker-a", await page.seal("worker-a", "worker-b", "hello"));
  return page.unseal("worker-a", "worker-b", await page.seal("worker-b", "worker-a", "from the worker"));
}

if (typeof document === "undefined") {
  globalThis.onmessage = () => void talk().then((words) => globalThis.postMessage(words));
} else {
  Object.assign(globalThis, { devices: page });
}
