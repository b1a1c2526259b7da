// Who this page is: the user and device of a token that was handed in, or names of its own in development mode, and the
// device that belongs to them. Opened once for the page's life.

import type { DeviceId } from "../messages/DeviceId.ts";
import { openBrowserDevice, type BrowserDevice } from "../signal/browserDevice.ts";
import { DeviceInUse } from "../signal/deviceLock.ts";
import { developmentToken } from "../signaling/development.ts";
import { RequestError } from "../signaling/messages.ts";
import { type ServerAddress } from "./serverAddress.ts";

export interface Account {
  readonly self: DeviceId;
  readonly browser: BrowserDevice;
  /** Where tokens come from: kept until one is refused. `name` is shown to people. */
  tokens(name: string): (fresh: boolean) => Promise<string>;
}

export interface AccountOptions {
  readonly room: string;
  readonly token: string | undefined;
  /** Name of an account in development mode; without it each tab takes the first that no other tab uses. */
  readonly account: string | undefined;
  readonly server: ServerAddress;
}

const STORAGE_KEY = "sotto.accounts";
/** Tabs of one browser that can be in calls at the same time, each as somebody else. */
const MAX_ACCOUNTS = 16;

/** Servers name people as they like: the same name elsewhere is somebody else, and shares nothing. */
const at = ({ elsewhere }: ServerAddress, name: string) => (elsewhere === undefined ? name : `${name}@${elsewhere}`);

const databaseName = (server: ServerAddress, { user, device }: DeviceId) =>
  at(server, `${encodeURIComponent(user)}/${encodeURIComponent(device)}`);

/** The names in a token. Its signature is the server's business. */
export function namesInToken(token: string): DeviceId {
  try {
    const payload = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
    const { sub, device = "default" } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown; device?: unknown };
    if (typeof sub === "string" && typeof device === "string") return { user: sub, device };
  } catch {
    // Said below.
  }
  throw new RequestError("unauthorized", "The token cannot be read.");
}

function randomName(prefix: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return prefix + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The names that this browser has drawn for a server, with at least `count`. */
function ownNames(count: number, key: string): DeviceId[] {
  let names: DeviceId[] = [];
  try {
    names = JSON.parse(localStorage.getItem(key) ?? "[]") as DeviceId[];
  } catch {
    // Storage is switched off: a new name each time.
  }
  while (names.length < count) names.push({ user: randomName("user-"), device: randomName("web-") });
  try {
    localStorage.setItem(key, JSON.stringify(names));
  } catch {
    // As above.
  }
  return names;
}

async function openOwn({ account, token, server }: AccountOptions): Promise<{ self: DeviceId; browser: BrowserDevice }> {
  if (token !== undefined || account !== undefined) {
    const self = token === undefined ? { user: account!, device: "web" } : namesInToken(token);
    return { self, browser: await openBrowserDevice(databaseName(server, self)) };
  }
  for (let i = 0; i < MAX_ACCOUNTS; i++) {
    const self = ownNames(i + 1, at(server, STORAGE_KEY))[i]!;
    try {
      return { self, browser: await openBrowserDevice(databaseName(server, self)) };
    } catch (error) {
      if (!(error instanceof DeviceInUse)) throw error;
    }
  }
  throw new DeviceInUse("all");
}

/** Rejects with a RequestError when the token cannot be read, DeviceInUse when another tab runs the device. */
export async function openAccount(options: AccountOptions): Promise<Account> {
  const { self, browser } = await openOwn(options);
  const tokens = (name: string) => {
    let kept = options.token;
    return async (fresh: boolean): Promise<string> => {
      if (options.token !== undefined) return options.token;
      if (kept === undefined || fresh) kept = await developmentToken(options.server.base, { room: options.room, name, ...self });
      return kept;
    };
  };
  return { self, browser, tokens };
}
