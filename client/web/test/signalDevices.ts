// Devices for the tests of the Signal code, over stores in memory and seeded randomness.

import { type Bytes } from "../src/e2ee/bytes.ts";
import { type RandomBytes } from "../src/signal/curve.ts";
import { MemoryDeviceStore } from "../src/signal/DeviceStore.ts";
import { type PreKeyBundle } from "../src/signal/preKeys.ts";
import { SignalDevice } from "../src/signal/SignalDevice.ts";
import { SignalError, type SignalRefusal } from "../src/signal/SignalError.ts";
import { type Random } from "./random.ts";

export const NOW = Date.UTC(2026, 10, 20);

export function randomBytes(random: Random): RandomBytes {
  return (length) => random.bytes(length);
}

export interface TestDevice {
  readonly store: MemoryDeviceStore;
  readonly device: SignalDevice;
}

export async function newDevice(random: Random): Promise<TestDevice> {
  const store = new MemoryDeviceStore();
  return { store, device: await SignalDevice.open(store, NOW, randomBytes(random)) };
}

/** The bundle that a directory would hand out, with one-time prekey `oneTime` of those published, or without one. */
export async function bundleOf(device: SignalDevice, oneTime: number | undefined): Promise<PreKeyBundle> {
  const { identityKey, registrationId, signedPreKey, oneTimePreKeys } = await device.publication();
  const oneTimePreKey = oneTime === undefined ? undefined : oneTimePreKeys[oneTime];
  return { identityKey, registrationId, signedPreKey, oneTimePreKey };
}

/** The refusal that `attempt` meets; undefined when it succeeds, other errors pass through. */
export async function refusalOf(attempt: Promise<unknown>): Promise<SignalRefusal | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    if (error instanceof SignalError) return error.refusal;
    throw error;
  }
}

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
export const bytesOf = (words: string): Bytes => new Uint8Array(new TextEncoder().encode(words));

/** Everything that a store holds, for comparing before and after. */
export function contents(store: MemoryDeviceStore): Map<string, string> {
  return new Map(store.names("").map((name) => [name, Buffer.from(store.get(name)!).toString("hex")]));
}
