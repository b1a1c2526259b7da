// Where a device keeps its keys and sessions. Reading is from memory and at once; a commit stores several changes
// together or none of them. Nothing that depends on a change may leave before its commit has resolved: then a crash at
// any moment never uses a message key twice.

import { type Bytes } from "../e2ee/bytes.ts";

/** New values by name; undefined removes. */
export type StoreChanges = ReadonlyMap<string, Bytes | undefined>;

export interface DeviceStore {
  /** The committed value; not to be written into. */
  get(name: string): Bytes | undefined;
  /** Names of all committed values that begin with `prefix`. */
  names(prefix: string): string[];
  /** Stores all changes or none; resolves once they would outlive a crash. Rejects with nothing changed. */
  commit(changes: StoreChanges): Promise<void>;
}

/** Applies `changes` to a map. */
export function applyChanges(values: Map<string, Bytes>, changes: StoreChanges): void {
  for (const [name, value] of changes) {
    if (value === undefined) values.delete(name);
    else values.set(name, value);
  }
}

/** A store that forgets: for tests and for devices that live as long as their page. */
export class MemoryDeviceStore implements DeviceStore {
  constructor(private readonly values: Map<string, Bytes> = new Map()) {}

  get(name: string): Bytes | undefined {
    return this.values.get(name);
  }

  names(prefix: string): string[] {
    return [...this.values.keys()].filter((name) => name.startsWith(prefix));
  }

  commit(changes: StoreChanges): Promise<void> {
    applyChanges(this.values, changes);
    return Promise.resolve();
  }

  /** Another store with the same values: what a crash at this moment would leave. */
  copy(): MemoryDeviceStore {
    return new MemoryDeviceStore(new Map(this.values));
  }
}
