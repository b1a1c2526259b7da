// The two frame pipes. Sending fails closed: whatever goes wrong, the frame is dropped and never passed on as it was.

import { unpackKeyId } from "../KeyId.ts";
import type { EncodedFrame, Transformer } from "./EncodedFrames.ts";
import type { FrameDescriber } from "./FrameDescriber.ts";
import type { FrameKeys } from "./FrameKeys.ts";

type Controller = TransformStreamDefaultController<EncodedFrame>;

/** Seals every frame that comes through. */
export function sendTransform(keys: FrameKeys, describer: FrameDescriber): TransformStream<EncodedFrame, EncodedFrame> {
  const transform = async (frame: EncodedFrame, controller: Controller) => {
    try {
      const description = describer.describe(frame);
      const sealed = description && (await keys.seal(new Uint8Array(frame.data), description));
      if (sealed === undefined) return keys.countDropped();
      frame.data = sealed;
    } catch {
      return keys.countDropped();
    }
    controller.enqueue(frame);
  };
  return new TransformStream({ transform });
}

/** Least time between two requests for a key frame from one slot, in ms. */
const KEY_FRAME_REQUEST_INTERVAL_MS = 500;

/** Opens every frame that comes through; those that do not open are dropped, duplicates and empty ones quietly. */
export function receiveTransform(
  keys: FrameKeys,
  transformer: Transformer,
  onSender: (sender: number) => void,
): TransformStream<EncodedFrame, EncodedFrame> {
  let current = 0;
  let lastRequest = -Infinity;
  let missing = false;
  const requestKeyFrame = () => {
    const now = performance.now();
    if (now - lastRequest < KEY_FRAME_REQUEST_INTERVAL_MS) return;
    lastRequest = now;
    // Only video has key frames, and a slot without packets yet has nobody to ask: both refuse, and that is fine.
    transformer.sendKeyFrameRequest?.().catch(() => undefined);
  };
  const transform = async (frame: EncodedFrame, controller: Controller) => {
    if (frame.data.byteLength === 0) return;
    const result = await keys.open(new Uint8Array(frame.data));
    if (result.kind !== "opened") {
      if (result.kind !== "replayed") missing = true;
      return;
    }
    const { video, keyFrame, kid } = result.metadata;
    if (keyFrame) missing = false;
    else if (video && missing) {
      // Frames before this one stayed shut (no key yet): the decoder has a gap that only a key frame closes.
      requestKeyFrame();
      return;
    }
    const { sender } = unpackKeyId(kid)!;
    if (sender !== current) {
      current = sender;
      onSender(sender);
    }
    frame.data = result.frame.buffer;
    controller.enqueue(frame);
  };
  return new TransformStream({ transform });
}
