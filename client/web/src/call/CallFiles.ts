// Files in a call (docs/e2ee.md section 3, "Media messages"): sealed here, kept by the server until they expire, and what
// opens them sent to the devices of the others over their sessions.

import { type Bytes } from "../e2ee/bytes.ts";
import { type BlobStore, type Progress } from "../messages/BlobStore.ts";
import { type CallMessages, type Deliveries } from "../messages/CallMessages.ts";
import { LIMITS, Purpose, type MediaMessage } from "../messages/content.ts";
import { DirectoryError } from "../messages/ports.ts";

/** What other clients take too; a server may take less. Sealing needs it whole in memory. */
export const MAX_FILE_BYTES = 100 * 1024 * 1024;

const MIB = 1024 * 1024;

/** A file that could not be sent or opened; the message is for people. */
export class FileProblem extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "FileProblem";
  }
}

const SENDING: Record<string, string> = {
  quota_exceeded: "Not sent: the space for your files on this server, or its own, is used up. Files make room when they expire.",
  storage_failed: "Not sent: the server could not store it. Try again later.",
  rate_limited: "Not sent: too much at once. Try again in a minute.",
  unreachable: "Not sent: the server could not be reached.",
};

const OPENING: Record<string, string> = {
  not_found: "No longer on the server: it has expired or was removed. Ask for it again.",
  unreachable: "The server could not be reached. Try again.",
  rate_limited: "Too much at once. Try again in a minute.",
};

function explain(error: unknown, texts: Record<string, string>): FileProblem {
  if (error instanceof FileProblem) return error;
  if (error instanceof DirectoryError) return new FileProblem(error.code, texts[error.code] ?? `${error.message} (${error.code})`);
  return new FileProblem("failed", error instanceof Error ? error.message : String(error));
}

/** At most so many bytes of UTF-8, cut between characters. */
export function cutToBytes(text: string, most: number): string {
  const encoder = new TextEncoder();
  let cut = "";
  let length = 0;
  for (const character of text) {
    length += encoder.encode(character).length;
    if (length > most) break;
    cut += character;
  }
  return cut;
}

/** The name of a received file as it is shown and saved: no folders, nothing invisible, nothing that turns the text around. */
export function safeFileName(name: string): string {
  const safe = name.replaceAll(/[\p{C}\p{Zl}\p{Zp}/\\]/gu, "_").replace(/^\.+/, "_").trim();
  return safe === "" ? "file" : safe;
}

export class CallFiles {
  constructor(
    private readonly store: BlobStore,
    readonly messages: CallMessages,
  ) {}

  /** Seals, uploads and sends to everybody in the call. Rejects with a FileProblem. */
  async send(file: File, progress: Progress, news: () => void): Promise<Deliveries> {
    if (file.size === 0) throw new FileProblem("empty", "Not sent: the file is empty.");
    if (file.size > MAX_FILE_BYTES) throw tooLarge(MAX_FILE_BYTES);
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      const name = cutToBytes(file.name, LIMITS.name);
      const media = await this.store.upload(bytes, name, cutToBytes(file.type, LIMITS.type), progress);
      return this.messages.send({ purpose: Purpose.MediaMessage, media }, news);
    } catch (error) {
      if (error instanceof DirectoryError && error.code === "too_large") throw tooLarge(Number(/\d+/.exec(error.message)?.[0] ?? 0));
      throw explain(error, SENDING);
    }
  }

  /** The file, once it is all there and is the one that was sent. Rejects with a FileProblem. */
  async open(media: MediaMessage, progress: Progress): Promise<Bytes> {
    if (media.size > MAX_FILE_BYTES) throw new FileProblem("too_large", `Too large to be opened here (${sizeText(media.size)}).`);
    let bytes: Bytes | undefined;
    try {
      bytes = await this.store.download(media, progress);
    } catch (error) {
      throw explain(error, OPENING);
    }
    if (bytes === undefined) {
      throw new FileProblem("wrong_digest", "Not opened: what the server has is not the file that was sent.");
    }
    return bytes;
  }
}

function tooLarge(most: number): FileProblem {
  const limit = most > 0 ? `: this server takes files to ${sizeText(most)}` : "";
  return new FileProblem("too_large", `Not sent, because it is too large${limit}.`);
}

/** "12 bytes", "3.4 MiB". */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  if (bytes < MIB) return `${Math.round(bytes / 1024)} KiB`;
  const mib = bytes / MIB;
  return `${mib < 10 ? mib.toFixed(1) : Math.round(mib)} MiB`;
}
