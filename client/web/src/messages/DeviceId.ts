// The name of a device. A user with two devices is two members of a call.

export interface DeviceId {
  readonly user: string;
  readonly device: string;
}

/** One text for each device: a key of maps, and the address of its sessions. */
export function addressOf({ user, device }: DeviceId): string {
  return JSON.stringify([user, device]);
}

export function sameDevice(a: DeviceId, b: DeviceId): boolean {
  return a.user === b.user && a.device === b.device;
}
