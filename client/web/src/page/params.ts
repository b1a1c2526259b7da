// The page's address: room and options in the query, secrets in the fragment (which browsers never send).

import { isSuiteName, type SuiteName } from "../e2ee/KeyProvider.ts";
import type { LocalMediaOptions } from "../call/LocalMedia.ts";

export interface PageOptions {
  readonly room: string;
  readonly name: string;
  /** The server, when it is not the one that the page came from. */
  readonly server: string | undefined;
  /** A token handed out elsewhere; without it the page asks a server in development mode. */
  readonly token: string | undefined;
  /** The passphrase of the room's external key; undefined: keys are automatic. */
  readonly passphrase: string | undefined;
  /** Name of the account in development mode; undefined: drawn by the page and kept. */
  readonly account: string | undefined;
  /** What to seal with; undefined: the first that the room takes. */
  readonly suite: SuiteName | undefined;
  readonly codec: "vp8" | "vp9";
  readonly audioSlots: number;
  readonly videoSlots: number;
  readonly media: LocalMediaOptions;
  /** Joins without waiting for the button: for tests. */
  readonly join: boolean;
  /** How the page connects, for tests of other layouts: all pictures in the grid at this height, 0 for their real one. */
  readonly height: number;
}

export const DEFAULT_ROOM = "demo";

function whole(text: string | null, fallback: number, least: number, most: number): number {
  const value = text === null || !/^\d{1,6}$/.test(text) ? fallback : Number(text);
  return Math.min(most, Math.max(least, value));
}

function oneOf<T extends string>(text: string | null, choices: readonly T[]): T {
  return choices.find((choice) => choice === text) ?? choices[0]!;
}

/** Reads the options from an address. Whatever is missing or strange has a default. */
export function readOptions(search: string, fragment: string): PageOptions {
  const query = new URLSearchParams(search);
  const secrets = new URLSearchParams(fragment.replace(/^#/, ""));
  const suite = query.get("suite");
  return {
    room: query.get("room")?.trim() || DEFAULT_ROOM,
    name: query.get("name")?.trim() ?? "",
    server: query.get("server")?.trim() || undefined,
    token: secrets.get("token") ?? query.get("token") ?? undefined,
    passphrase: secrets.get("key") || undefined,
    account: query.get("account")?.trim() || undefined,
    suite: isSuiteName(suite) ? suite : undefined,
    codec: oneOf(query.get("codec"), ["vp8", "vp9"]),
    audioSlots: whole(query.get("audioSlots"), 8, 0, 32),
    videoSlots: whole(query.get("videoSlots"), 12, 0, 64),
    media: {
      camera: oneOf(query.get("camera"), ["device", "scene", "timecode", "none"]),
      microphone: oneOf(query.get("microphone"), ["device", "tone", "none"]),
      size: {
        width: whole(query.get("width"), 1280, 16, 3840),
        height: whole(query.get("height"), 720, 16, 2160),
        framesPerSecond: whole(query.get("fps"), 30, 1, 60),
      },
    },
    join: query.get("join") === "1",
    height: whole(query.get("viewHeight"), 0, 0, 4320),
  };
}

/** The address that brings somebody else into the room: key in the fragment, nothing of one's own. */
export function inviteLink(base: string, { room, passphrase, server }: Pick<PageOptions, "room" | "passphrase" | "server">): string {
  const url = new URL(base);
  url.search = new URLSearchParams({ room, ...(server !== undefined && { server }) }).toString();
  url.hash = passphrase === undefined ? "" : new URLSearchParams({ key: passphrase }).toString();
  return url.toString();
}
