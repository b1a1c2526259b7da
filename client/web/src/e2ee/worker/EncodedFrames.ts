// The parts of WebRTC Encoded Transform (W3C) that the worker uses, typed by what Chromium and Firefox really have.

/** Metadata of an encoded frame. Anything may be missing; nothing of it is secret. */
export interface EncodedFrameMetadata {
  readonly synchronizationSource?: number;
  readonly payloadType?: number;
  readonly mimeType?: string;
  readonly width?: number;
  readonly height?: number;
  readonly spatialIndex?: number;
  readonly temporalIndex?: number;
  readonly frameId?: number;
  readonly dependencies?: readonly number[];
}

/** RTCEncodedAudioFrame or RTCEncodedVideoFrame; only video frames have a type. */
export interface EncodedFrame {
  data: ArrayBuffer;
  readonly type?: "key" | "delta" | "empty";
  getMetadata(): EncodedFrameMetadata;
}

/** RTCRtpScriptTransformer. generateKeyFrame is missing in Chromium. */
export interface Transformer {
  readonly readable: ReadableStream<EncodedFrame>;
  readonly writable: WritableStream<EncodedFrame>;
  readonly options: unknown;
  generateKeyFrame?(rid?: string): Promise<unknown>;
  sendKeyFrameRequest?(): Promise<unknown>;
}
