// Seals the frames of one sender. One sealer serves all of a sender's streams and layers and lives as long as its
// key, across PeerConnections: its counter is what makes sure that (key, counter) is never used twice.

import { concat, type Bytes } from "./bytes.ts";
import { writeFrameMetadata, type FrameMetadata, type Suite } from "./FrameMetadata.ts";
import { packKeyId, type KeyId } from "./KeyId.ts";
import { deriveCipher, type SuiteCipher } from "./SuiteCipher.ts";

/** What the caller knows of a frame; key id, counter and suite are the sealer's. */
export type FrameDescription = Omit<FrameMetadata, "kid" | "ctr" | "suite">;

/** Seals with one key, counting every frame. */
export class SFrameSealer {
  private next = 0n;

  private constructor(
    private readonly suite: Suite,
    private readonly kid: bigint,
    private readonly cipher: SuiteCipher,
  ) {}

  static async create(suite: Suite, sk: Bytes, keyId: KeyId): Promise<SFrameSealer> {
    const kid = packKeyId(keyId);
    return new SFrameSealer(suite, kid, await deriveCipher(suite, sk, kid));
  }

  /** ClearPrefix || Ciphertext || MAC || FrameMetadata of `frame`. The counter is spent even when sealing fails. */
  async seal(frame: Uint8Array, description: FrameDescription): Promise<Bytes> {
    const ctr = this.next++;
    return sealFrame(this.cipher, frame, { ...description, kid: this.kid, ctr, suite: this.suite });
  }
}

/** Seals one frame under a given trailer: for a sealer, which owns the counter, and for known answers. */
export async function sealFrame(
  cipher: SuiteCipher,
  frame: Uint8Array,
  metadata: FrameMetadata,
): Promise<Bytes> {
  if (metadata.clearLength > frame.length) throw new RangeError("clear prefix is longer than the frame");
  const trailer = writeFrameMetadata(metadata);
  const clear = frame.slice(0, metadata.clearLength) as Bytes;
  const plain = frame.slice(metadata.clearLength) as Bytes;
  const sealed = await cipher.seal({ ctr: metadata.ctr, clear, trailer }, plain);
  return concat(clear, sealed, trailer);
}
