// What the page sends: simulcast layers of the camera, and the screen.

/** A layer of the camera's simulcast. */
export interface LayerPlan {
  readonly rid: string;
  readonly active: boolean;
  readonly scale: number;
  readonly maxBitrate: number;
}

/** The layers' names, lowest first. */
const RIDS = ["q", "h", "f"] as const;

/** Pictures from this many pixels on get three layers, or two; Chromium makes no more of smaller ones. */
const THREE_LAYERS = 960 * 540;
const TWO_LAYERS = 480 * 270;

/** Rates that suit VP8 at 30 frames a second, by the pixels of a layer. */
const RATES = [
  { pixels: 320 * 180, maxBitrate: 150_000 },
  { pixels: 480 * 270, maxBitrate: 300_000 },
  { pixels: 640 * 360, maxBitrate: 500_000 },
  { pixels: 960 * 540, maxBitrate: 1_000_000 },
  { pixels: 1280 * 720, maxBitrate: 1_700_000 },
] as const;
const HIGHEST_RATE = 2_800_000;

/** The plan of all three layers for a camera's size; 720p when it is not known yet (the camera is off). */
export function cameraLayers(width = 1280, height = 720): LayerPlan[] {
  const pixels = width * height;
  const count = pixels >= THREE_LAYERS ? 3 : pixels >= TWO_LAYERS ? 2 : 1;
  return RIDS.map((rid, i) => {
    const active = i < count;
    const scale = active ? 2 ** (count - 1 - i) : 1;
    const layerPixels = pixels / scale ** 2;
    const maxBitrate = RATES.find((rate) => layerPixels <= rate.pixels)?.maxBitrate ?? HIGHEST_RATE;
    return { rid, active, scale, maxBitrate };
  });
}

/** One sharp layer for text. */
const SCREEN_MAX_BITRATE = 2_500_000;

/** Three temporal layers. Without it Chromium sends only the lowest simulcast layer of VP9. */
const SCALABILITY_MODE = "L1T3";

/** Firefox knows no scalability modes and takes two temporal layers by itself. */
export const supportsScalabilityModes = (): boolean => "createEncodedStreams" in RTCRtpSender.prototype;

type Encoding = RTCRtpEncodingParameters & { scalabilityMode?: string };

export function cameraEncodings(layers: readonly LayerPlan[], scalable: boolean): RTCRtpEncodingParameters[] {
  return layers.map(({ rid, active, scale, maxBitrate }): Encoding => ({
    rid,
    active,
    scaleResolutionDownBy: scale,
    maxBitrate,
    ...(scalable && { scalabilityMode: SCALABILITY_MODE }),
  }));
}

export function screenEncodings(scalable: boolean): RTCRtpEncodingParameters[] {
  const encoding: Encoding = { maxBitrate: SCREEN_MAX_BITRATE };
  if (scalable) encoding.scalabilityMode = SCALABILITY_MODE;
  return [encoding];
}
