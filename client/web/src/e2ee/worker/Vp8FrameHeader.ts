// The front of a VP8 frame (RFC 6386 sections 7.3, 9.1 to 9.11 and 19.2): its size on key frames, and whether any later
// frame can depend on it. Encoders mark temporal layers in what a frame updates, so this is exact where a temporal
// index is only a convention.

/** What the header says, as far as sealing cares. */
export interface Vp8FrameHeader {
  readonly keyFrame: boolean;
  /** Pixels; 0 on other than key frames. */
  readonly width: number;
  readonly height: number;
  /** The frame changes a reference buffer, probabilities or the segmentation that later frames build on. */
  readonly updatesDecoder: boolean;
  /**
   * The eight loop filter deltas (four for reference frames, four for modes) that the frame sets, undefined where it
   * leaves one alone. Encoders in error-resilient mode repeat them on every frame, so that setting one is no change yet.
   */
  readonly filterDeltas: readonly (number | undefined)[];
}

/** Bytes that VP8 packetizers and depacketizers read: they stay in clear. */
export const VP8_CLEAR_KEY_FRAME = 10;
export const VP8_CLEAR_DELTA_FRAME = 3;
export const VP8_FILTER_DELTAS = 8;

const START_CODE = [0x9d, 0x01, 0x2a] as const;
const SIZE_MASK = 0x3fff;

/** Reads the header of an unsealed VP8 frame; undefined when it is not one. */
export function parseVp8FrameHeader(frame: Uint8Array): Vp8FrameHeader | undefined {
  if (frame.length < VP8_CLEAR_DELTA_FRAME) return undefined;
  const keyFrame = (frame[0]! & 1) === 0;
  if (!keyFrame) {
    return { keyFrame, width: 0, height: 0, ...parseInterFrame(new BoolDecoder(frame.subarray(VP8_CLEAR_DELTA_FRAME))) };
  }
  if (frame.length < VP8_CLEAR_KEY_FRAME) return undefined;
  if (START_CODE.some((byte, i) => frame[3 + i] !== byte)) return undefined;
  const width = (frame[6]! | (frame[7]! << 8)) & SIZE_MASK;
  const height = (frame[8]! | (frame[9]! << 8)) & SIZE_MASK;
  const bits = new BoolDecoder(frame.subarray(VP8_CLEAR_KEY_FRAME));
  bits.literal(2); // color space and clamping (9.2)
  parseSegmentation(bits);
  return { keyFrame, width, height, updatesDecoder: true, filterDeltas: parseFilter(bits) };
}

function parseInterFrame(bits: BoolDecoder): Pick<Vp8FrameHeader, "updatesDecoder" | "filterDeltas"> {
  const updatesSegmentation = parseSegmentation(bits);
  const filterDeltas = parseFilter(bits);
  bits.literal(2); // partitions (9.5)
  bits.literal(7); // base quantizer (9.6)
  for (let i = 0; i < 5; i++) bits.optional(4);
  const refreshesGolden = bits.flag();
  const refreshesAlternate = bits.flag();
  const copiesToGolden = !refreshesGolden && bits.literal(2) !== 0;
  const copiesToAlternate = !refreshesAlternate && bits.literal(2) !== 0;
  bits.literal(2); // sign biases (9.7): sent anew with every inter frame
  const keepsProbabilities = bits.flag();
  const refreshesLast = bits.flag();
  const updatesBuffers =
    refreshesGolden || refreshesAlternate || copiesToGolden || copiesToAlternate || refreshesLast;
  return { updatesDecoder: updatesSegmentation || keepsProbabilities || updatesBuffers, filterDeltas };
}

/** Segmentation (9.3); true when its map or features, which stay in force, change. */
function parseSegmentation(bits: BoolDecoder): boolean {
  if (!bits.flag()) return false;
  const updatesMap = bits.flag();
  const updatesFeatures = bits.flag();
  if (updatesFeatures) {
    bits.flag(); // values are absolute, or relative
    for (let i = 0; i < 4; i++) bits.optional(7);
    for (let i = 0; i < 4; i++) bits.optional(6);
  }
  if (updatesMap) for (let i = 0; i < 3; i++) if (bits.flag()) bits.literal(8);
  return updatesMap || updatesFeatures;
}

/** Filter type, level, sharpness and the deltas (9.6); gives the deltas. */
function parseFilter(bits: BoolDecoder): (number | undefined)[] {
  bits.literal(1 + 6 + 3);
  const updates = bits.flag() && bits.flag();
  return Array.from({ length: VP8_FILTER_DELTAS }, () => (updates ? bits.optional(6) : undefined));
}

/** The boolean entropy decoder of RFC 6386 section 7.3, for bits of even probability. Reads zeros past the end. */
class BoolDecoder {
  private value: number;
  private at = 2;
  private range = 255;
  private shifted = 0;

  constructor(private readonly bytes: Uint8Array) {
    this.value = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  }

  flag(): boolean {
    const split = 1 + (((this.range - 1) * 128) >> 8);
    const one = this.value >= split << 8;
    if (one) {
      this.range -= split;
      this.value -= split << 8;
    } else {
      this.range = split;
    }
    while (this.range < 128) this.shift();
    return one;
  }

  /** An unsigned number of `bits` bits, most significant first. */
  literal(bits: number): number {
    let value = 0;
    for (let i = 0; i < bits; i++) value = (value << 1) | (this.flag() ? 1 : 0);
    return value;
  }

  /** A flag, and when it is set a number of `bits` bits with a sign after it. */
  optional(bits: number): number | undefined {
    if (!this.flag()) return undefined;
    const magnitude = this.literal(bits);
    return this.flag() ? -magnitude : magnitude;
  }

  private shift(): void {
    this.value <<= 1;
    this.range <<= 1;
    if (++this.shifted === 8) {
      this.shifted = 0;
      this.value |= this.bytes[this.at++] ?? 0;
    }
  }
}
