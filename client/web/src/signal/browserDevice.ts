// The device of a signed-in user in this browser: lock, store and device together.

import { type DeviceStore } from "./DeviceStore.ts";
import { lockDevice } from "./deviceLock.ts";
import { IndexedDbDeviceStore } from "./IndexedDbDeviceStore.ts";
import { SignalDevice } from "./SignalDevice.ts";

/** A device and how to let go of it. */
export interface BrowserDevice {
  readonly device: SignalDevice;
  /** The device's store, for what the application keeps beside it (names under APPLICATION). */
  readonly store: DeviceStore;
  /** Closes the store and lets another tab have the device. */
  close(): void;
}

/**
 * Opens the device `name` (one for each user and device name), making it when it is not there. Rejects with DeviceInUse
 * when another tab runs it and `wait` is not set.
 */
export async function openBrowserDevice(name: string, wait = false): Promise<BrowserDevice> {
  const release = await lockDevice(name, wait);
  try {
    const store = await IndexedDbDeviceStore.open(`sotto-device-${name}`);
    const device = await SignalDevice.open(store, Date.now());
    return {
      device,
      store,
      close: () => {
        store.close();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}
