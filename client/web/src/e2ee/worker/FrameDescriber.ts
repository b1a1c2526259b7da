// Says about an unsealed frame what goes into its trailer: size, layer, what depends on it, how much stays in clear.
// One describer belongs to one sender and sees the frames of all its simulcast layers.

import type { FrameDescription } from "../SFrameSealer.ts";
import type { EncodedFrame, EncodedFrameMetadata } from "./EncodedFrames.ts";
import {
  parseVp8FrameHeader,
  VP8_CLEAR_DELTA_FRAME,
  VP8_CLEAR_KEY_FRAME,
  VP8_FILTER_DELTAS,
  type Vp8FrameHeader,
} from "./Vp8FrameHeader.ts";

/** What stays the same for all audio frames. */
const AUDIO: FrameDescription = {
  video: false,
  keyFrame: false,
  discardable: false,
  switchingPoint: false,
  spatial: 0,
  temporal: 0,
  width: 0,
  height: 0,
  clearLength: 0,
};

/** Frames whose temporal index is remembered, to see what a later frame depends on. */
const REMEMBERED_FRAMES = 64;

/** One simulcast layer, known by its SSRC. */
interface Layer {
  width: number;
  height: number;
  readonly temporalByFrame: Map<number, number>;
  /** VP8: the loop filter deltas in force. */
  readonly filterDeltas: number[];
}

export class FrameDescriber {
  private readonly layers = new Map<number, Layer>();

  /**
   * `scales`: by how much each simulcast layer is scaled down, lowest quality first ([4, 2, 1]; [1] for one layer).
   * `captureHeight`: of the picture before scaling, pixels; it helps to rank layers while not all have shown up.
   */
  constructor(
    private scales: readonly number[],
    private captureHeight = 0,
  ) {}

  /** The picture has another size from here. */
  setCapture(height: number, scales: readonly number[]): void {
    this.captureHeight = height;
    this.scales = scales;
    this.layers.clear();
  }

  /** The description of a frame; undefined when it must not be sent (empty, or a codec that we cannot seal). */
  describe(frame: EncodedFrame): FrameDescription | undefined {
    const bytes = new Uint8Array(frame.data);
    const metadata = frame.getMetadata();
    const codec = (metadata.mimeType ?? "").toLowerCase();
    if (bytes.length === 0) return undefined;
    if (frame.type === undefined) return codec === "audio/opus" ? AUDIO : undefined;
    if (codec === "video/vp8") return this.describeVp8(bytes, metadata);
    if (codec === "video/vp9") return this.describeVp9(frame, metadata);
    return undefined;
  }

  private describeVp8(bytes: Uint8Array, metadata: EncodedFrameMetadata): FrameDescription | undefined {
    const header = parseVp8FrameHeader(bytes);
    if (header === undefined) return undefined;
    const layer = this.layer(metadata, header);
    const temporal = header.keyFrame ? 0 : indexOf(metadata.temporalIndex);
    return {
      video: true,
      keyFrame: header.keyFrame,
      discardable: leavesNoTrace(layer, header),
      switchingPoint: this.isSwitchingPoint(layer, metadata, temporal),
      spatial: this.rank(layer),
      temporal,
      width: header.width,
      height: header.height,
      clearLength: header.keyFrame ? VP8_CLEAR_KEY_FRAME : VP8_CLEAR_DELTA_FRAME,
    };
  }

  private describeVp9(frame: EncodedFrame, metadata: EncodedFrameMetadata): FrameDescription | undefined {
    const keyFrame = frame.type === "key";
    const size = { width: metadata.width ?? 0, height: metadata.height ?? 0 };
    if (keyFrame && (size.width === 0 || size.height === 0)) return undefined;
    const layer = this.layer(metadata, size);
    const temporal = keyFrame ? 0 : indexOf(metadata.temporalIndex);
    const spatial = indexOf(metadata.spatialIndex);
    return {
      video: true,
      keyFrame,
      // In libvpx's patterns of three temporal layers nothing refers to the highest one.
      discardable: temporal === 2,
      switchingPoint: this.isSwitchingPoint(layer, metadata, temporal),
      spatial: this.scales.length > 1 ? this.rank(layer) : spatial,
      temporal,
      width: keyFrame ? size.width : 0,
      height: keyFrame ? size.height : 0,
      clearLength: 0,
    };
  }

  private layer(metadata: EncodedFrameMetadata, size: { width: number; height: number }): Layer {
    const ssrc = metadata.synchronizationSource ?? 0;
    let layer = this.layers.get(ssrc);
    if (layer === undefined) {
      layer = {
        width: metadata.width ?? 0,
        height: metadata.height ?? 0,
        temporalByFrame: new Map(),
        filterDeltas: new Array<number>(VP8_FILTER_DELTAS).fill(0),
      };
      this.layers.set(ssrc, layer);
    }
    if (size.width !== 0 && size.height !== 0) {
      layer.width = size.width;
      layer.height = size.height;
    }
    return layer;
  }

  /** Rank by size among the layers seen; while some are missing, by which scale fits the capture best. */
  private rank(layer: Layer): number {
    if (this.scales.length <= 1) return 0;
    if (this.layers.size < this.scales.length && this.captureHeight > 0 && layer.height > 0) {
      const distance = (scale: number) => Math.abs(Math.log2((layer.height * scale) / this.captureHeight));
      const best = this.scales.reduce((a, b) => (distance(b) < distance(a) ? b : a));
      return this.scales.indexOf(best);
    }
    const area = (of: Layer) => of.width * of.height;
    let smaller = 0;
    for (const other of this.layers.values()) if (area(other) < area(layer)) smaller++;
    return Math.min(smaller, 7);
  }

  /** A frame from which decoding may go up to its temporal layer: all that it depends on lies in lower ones. */
  private isSwitchingPoint(layer: Layer, metadata: EncodedFrameMetadata, temporal: number): boolean {
    const { frameId, dependencies } = metadata;
    if (frameId !== undefined) {
      layer.temporalByFrame.set(frameId, temporal);
      if (layer.temporalByFrame.size > REMEMBERED_FRAMES) {
        layer.temporalByFrame.delete(layer.temporalByFrame.keys().next().value!);
      }
    }
    if (temporal === 0) return true;
    if (dependencies === undefined || dependencies.length === 0) return false;
    return dependencies.every((id) => (layer.temporalByFrame.get(id) ?? temporal) < temporal);
  }
}

/** Whether a VP8 frame leaves the decoder as it found it, so that no later frame can need it. */
function leavesNoTrace(layer: Layer, header: Vp8FrameHeader): boolean {
  if (header.keyFrame) layer.filterDeltas.fill(0);
  let changed = header.updatesDecoder;
  for (const [i, delta] of header.filterDeltas.entries()) {
    if (delta === undefined || delta === layer.filterDeltas[i]) continue;
    layer.filterDeltas[i] = delta;
    changed = true;
  }
  return !changed;
}

/** A layer index from metadata, brought into the trailer's range. */
function indexOf(value: number | undefined): number {
  return value !== undefined && value >= 0 && value <= 7 ? Math.floor(value) : 0;
}
