// One tab at a time runs a device: two with the same sessions would use message keys twice. The browser's Web Locks
// span all tabs and workers of the origin, and go with the tab that held them.

/** The device runs in another tab. */
export class DeviceInUse extends Error {
  constructor(readonly device: string) {
    super("this device is in use in another tab");
    this.name = "DeviceInUse";
  }
}

/**
 * Takes the lock of `device`; resolves with the function that gives it back. When another tab has it: with `wait`, once
 * that one lets go; otherwise rejects with DeviceInUse.
 */
export function lockDevice(device: string, wait: boolean, locks: LockManager = navigator.locks): Promise<() => void> {
  return new Promise((taken, failed) => {
    locks
      .request(`sotto-device-${device}`, { mode: "exclusive", ifAvailable: !wait }, (lock) => {
        if (lock === null) throw new DeviceInUse(device);
        return new Promise<void>((release) => taken(release));
      })
      .catch(failed);
  });
}
