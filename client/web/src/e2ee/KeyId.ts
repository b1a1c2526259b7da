// The key id (KID) of a frame: sender << 16 | generation << 8 | step (docs/frame-format.md).

/** What a KID says: whose key, which fresh key of theirs, and how often it was ratcheted since. */
export interface KeyId {
  /** 1..65535: the number that the server gave the participant on joining. */
  readonly sender: number;
  /** 0..255: counts fresh keys. */
  readonly generation: number;
  /** 0..255: ratchet steps since the fresh key. */
  readonly step: number;
}

/** The KID as it stands in the SFrame header; throws a RangeError when a part is out of its range. */
export function packKeyId(id: KeyId): bigint {
  if (!(id.sender >= 1 && id.sender <= 0xffff)) throw new RangeError("sender outside 1..65535");
  if (!(id.generation >= 0 && id.generation <= 0xff)) throw new RangeError("generation outside 0..255");
  if (!(id.step >= 0 && id.step <= 0xff)) throw new RangeError("step outside 0..255");
  return (BigInt(id.sender) << 16n) | (BigInt(id.generation) << 8n) | BigInt(id.step);
}

/** The parts of a KID; undefined when its sender is 0 or beyond 16 bits. */
export function unpackKeyId(kid: bigint): KeyId | undefined {
  const sender = kid >> 16n;
  if (sender < 1n || sender > 0xffffn) return undefined;
  return { sender: Number(sender), generation: Number((kid >> 8n) & 0xffn), step: Number(kid & 0xffn) };
}
