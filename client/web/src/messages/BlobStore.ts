// Sealed files in the server's blob store (docs/directory.md): uploaded in pieces that go on after a failure, downloaded
// and checked before anything is opened.

import { type Bytes } from "../e2ee/bytes.ts";
import { systemRandom, type RandomBytes } from "../signal/curve.ts";
import { type Api } from "./Api.ts";
import { SECRET_LENGTH, type MediaMessage } from "./content.ts";
import { openBlob, sealBlob } from "./mediaBlob.ts";
import { DirectoryError } from "./ports.ts";

/** One piece of an upload: the server settles what it has at every MiB. */
const PIECE = 1024 * 1024;
/** Pieces that may fail one after another before the upload is given up. */
const MAX_FAILURES = 5;

/** Bytes so far, of so many. */
export type Progress = (done: number, all: number) => void;

export class BlobStore {
  constructor(
    private readonly api: Api,
    private readonly random: RandomBytes = systemRandom,
  ) {}

  /** Seals and uploads a file; what to send to whoever shall have it. Rejects with a DirectoryError. */
  async upload(file: Bytes, name: string, type: string, progress: Progress = () => undefined): Promise<MediaMessage> {
    const km = this.random(SECRET_LENGTH);
    const { bytes, digest } = await sealBlob(km, file);
    const { id } = await this.api.json("POST", "blobs", { size: bytes.length });
    if (typeof id !== "string") throw new DirectoryError("bad_reply", "The server gave no blob.");
    await this.send(id, bytes, progress);
    return { blob: id, km, digest, size: file.length, name, type };
  }

  private async send(id: string, bytes: Bytes, progress: Progress): Promise<void> {
    let failures = 0;
    for (let offset = 0; offset < bytes.length; ) {
      progress(offset, bytes.length);
      const piece = bytes.slice(offset, offset + PIECE);
      const headers = { "content-type": "application/octet-stream", "upload-offset": String(offset) };
      try {
        const response = await this.api.request("PATCH", `blobs/${id}`, { body: piece, headers }, [409]);
        offset = offsetOf(response, bytes.length);
        failures = response.ok ? 0 : failures + 1;
      } catch (error) {
        if (!(error instanceof DirectoryError) || error.code !== "unreachable" || ++failures > MAX_FAILURES) throw error;
        // The piece may have arrived in part: the server knows how much.
        offset = offsetOf(await this.api.request("HEAD", `blobs/${id}`), bytes.length);
      }
      if (failures > MAX_FAILURES) throw new DirectoryError("wrong_offset", "The upload does not go on.");
    }
    progress(bytes.length, bytes.length);
  }

  /** The file that a message is about; undefined when what the store has is not that file. Rejects with a DirectoryError. */
  async download(media: MediaMessage, progress: Progress = () => undefined): Promise<Bytes | undefined> {
    const response = await this.api.request("GET", `blobs/${encodeURIComponent(media.blob)}`);
    const length = Number(response.headers.get("content-length") ?? media.size);
    if (length !== media.size) return undefined;
    const sealed = await readBody(response, media.size, progress);
    return sealed && openBlob(media, sealed);
  }
}

/** The body when it has this size, else undefined: a server that goes on and on fills no memory. */
async function readBody(response: Response, size: number, progress: Progress): Promise<Bytes | undefined> {
  const whole = new Uint8Array(size);
  let done = 0;
  const reader = response.body?.getReader();
  try {
    for (let piece = await reader?.read(); piece?.value !== undefined; piece = await reader?.read()) {
      if (piece.value.length > size - done) {
        void reader?.cancel().catch(() => undefined);
        return undefined;
      }
      whole.set(piece.value, done);
      done += piece.value.length;
      progress(done, size);
    }
  } catch {
    throw new DirectoryError("unreachable", "The connection was lost.");
  }
  return done === size ? whole : undefined;
}

function offsetOf(response: Response, size: number): number {
  const offset = Number(response.headers.get("upload-offset") ?? NaN);
  if (!Number.isInteger(offset) || offset < 0 || offset > size) throw new DirectoryError("bad_reply", "No upload offset.");
  return offset;
}
