// Opens sealed frames: keys by key id, MAC before any use, replays and unknown keys told apart, ratchet steps
// followed only once a MAC has verified under them (docs/frame-format.md).

import { sha256 } from "@noble/hashes/sha2.js";

import { concat, equalConstantTime, type Bytes } from "./bytes.ts";
import { parseFrameMetadata, type FrameMetadata, type MetadataError, type Suite } from "./FrameMetadata.ts";
import { packKeyId, unpackKeyId, type KeyId } from "./KeyId.ts";
import { ratchet } from "./kdf.ts";
import { ReplayWindow } from "./ReplayWindow.ts";
import { deriveCipher, type SuiteCipher } from "./SuiteCipher.ts";

/** A frame that opened, or why it did not. `metadata` is only to be trusted with an opened frame. */
export type OpenResult =
  | { readonly kind: "opened"; readonly frame: Bytes; readonly metadata: FrameMetadata }
  | { readonly kind: "malformed"; readonly error: MetadataError }
  | { readonly kind: "unknown-key"; readonly metadata: FrameMetadata }
  | { readonly kind: "replayed"; readonly metadata: FrameMetadata }
  | { readonly kind: "forged"; readonly metadata: FrameMetadata };

interface InstalledKey {
  readonly suite: Suite;
  readonly sk: Bytes;
  readonly id: KeyId;
  readonly cipher: SuiteCipher;
  readonly replay: ReplayWindow;
}

/** What is left of a key that was forgotten: enough to know it again, and nothing to open with. */
interface RetiredKey {
  readonly digest: Uint8Array;
  readonly replay: ReplayWindow;
}

/**
 * Frames of one sender for which no ratchet is tried after one that failed. A ratchet costs up to 255 derivations and
 * anybody on the way can ask for it with a made-up step, so a liar gets one try in this many frames.
 */
const FRAMES_BETWEEN_FAILED_RATCHETS = 50;

/** The receive keys of all senders, and the windows of what has been opened with them. */
export class SFrameOpener {
  private readonly keys = new Map<bigint, InstalledKey>();
  /** Keys that were forgotten: only their windows matter, so that nobody can have one forgotten to replay its frames. */
  private readonly retired = new Map<bigint, RetiredKey>();
  private readonly ratchetPause = new Map<number, number>();

  /** Installs a receive key. The same key again, even after it was forgotten, keeps its replay window. */
  async install(suite: Suite, sk: Bytes, id: KeyId): Promise<void> {
    const kid = packKeyId(id);
    const cipher = await deriveCipher(suite, sk, kid);
    const before = this.keys.get(kid);
    const retired = before === undefined ? this.retired.get(kid) : { digest: sha256(before.sk), replay: before.replay };
    const replay = retired && equalConstantTime(retired.digest, sha256(sk)) ? retired.replay : new ReplayWindow();
    this.retired.delete(kid);
    this.keys.set(kid, { suite, sk, id, cipher, replay });
  }

  /** Forgets every key of a sender (it has left, or has published another), or of one generation of its keys. */
  forget(sender: number, generation?: number): void {
    for (const [kid, { id, sk, replay }] of this.keys) {
      if (id.sender !== sender || (generation !== undefined && id.generation !== generation)) continue;
      replay.close();
      this.keys.delete(kid);
      this.retired.set(kid, { digest: sha256(sk), replay });
    }
    if (generation === undefined) this.ratchetPause.delete(sender);
  }

  /** Opens one sealed frame. Never throws on bad input. */
  async open(sealed: Uint8Array): Promise<OpenResult> {
    const parsed = parseFrameMetadata(sealed);
    if (typeof parsed === "string") return { kind: "malformed", error: parsed };
    const { metadata, start } = parsed;
    const known = this.keys.get(metadata.kid);
    const key = known ?? (await this.ratcheted(metadata));
    if (key === undefined) return { kind: "unknown-key", metadata };
    if (key.suite !== metadata.suite) return { kind: "forged", metadata };
    if (!key.replay.isFresh(metadata.ctr)) return { kind: "replayed", metadata };

    const frame = await openFrame(key.cipher, sealed, metadata, start);
    if (frame === undefined) {
      if (known === undefined) this.ratchetPause.set(key.id.sender, FRAMES_BETWEEN_FAILED_RATCHETS);
      return { kind: "forged", metadata };
    }
    // Other frames (or a copy of this one) may have been in the cipher at the same time: what counts is who is back
    // first, and a key that was ratcheted to twice has one window.
    const installed = this.keys.get(metadata.kid) ?? key;
    if (!installed.replay.isFresh(metadata.ctr)) return { kind: "replayed", metadata };
    installed.replay.accept(metadata.ctr);
    if (known === undefined) this.keys.set(metadata.kid, installed);
    return { kind: "opened", frame, metadata };
  }

  /** A key for a later step of a generation that is known, not installed yet; undefined when there is no way to it. */
  private async ratcheted(metadata: FrameMetadata): Promise<InstalledKey | undefined> {
    const id = unpackKeyId(metadata.kid);
    if (id === undefined) return undefined;
    const base = this.latestStepBelow(id);
    if (base === undefined || base.suite !== metadata.suite) return undefined;
    const pause = this.ratchetPause.get(id.sender) ?? 0;
    if (pause > 0) {
      this.ratchetPause.set(id.sender, pause - 1);
      return undefined;
    }
    let sk = base.sk;
    for (let step = base.id.step; step < id.step; step++) sk = await ratchet(sk);
    const cipher = await deriveCipher(base.suite, sk, metadata.kid);
    return { suite: base.suite, sk, id, cipher, replay: new ReplayWindow() };
  }

  private latestStepBelow(id: KeyId): InstalledKey | undefined {
    let best: InstalledKey | undefined;
    for (const key of this.keys.values()) {
      if (key.id.sender !== id.sender || key.id.generation !== id.generation) continue;
      if (key.id.step < id.step && (best === undefined || key.id.step > best.id.step)) best = key;
    }
    return best;
  }
}

/** The whole frame in clear, prefix included; undefined when the MAC does not verify. */
export async function openFrame(
  cipher: SuiteCipher,
  sealed: Uint8Array,
  metadata: FrameMetadata,
  trailerStart: number,
): Promise<Bytes | undefined> {
  const clear = sealed.slice(0, metadata.clearLength) as Bytes;
  const trailer = sealed.slice(trailerStart) as Bytes;
  const ciphertext = sealed.slice(metadata.clearLength, trailerStart) as Bytes;
  const plain = await cipher.open({ ctr: metadata.ctr, clear, trailer }, ciphertext);
  return plain === undefined ? undefined : concat(clear, plain);
}
