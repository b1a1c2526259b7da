// What the page sends: simulcast layers of the camera, and the screen.

/** A layer of the camera's simulcast. */
export interface LayerPlan {
  readonly rid: string;
  readonly scale: number;
  readonly maxBitrate: number;
}

/** Quarter, half and full size, lowest first, with rates that suit 720p. */
export const CAMERA_LAYERS: readonly LayerPlan[] = [
  { rid: "q", scale: 4, maxBitrate: 150_000 },
  { rid: "h", scale: 2, maxBitrate: 500_000 },
  { rid: "f", scale: 1, maxBitrate: 1_700_000 },
];

/** One sharp layer for text. */
const SCREEN_MAX_BITRATE = 2_500_000;

/** Three temporal layers. Without it Chromium sends only the lowest simulcast layer of VP9. */
const SCALABILITY_MODE = "L1T3";

/** Firefox knows no scalability modes and takes two temporal layers by itself. */
export const supportsScalabilityModes = (): boolean => "createEncodedStreams" in RTCRtpSender.prototype;

type Encoding = RTCRtpEncodingParameters & { scalabilityMode?: string };

export function cameraEncodings(scalable: boolean): RTCRtpEncodingParameters[] {
  return CAMERA_LAYERS.map(({ rid, scale, maxBitrate }): Encoding => ({
    rid,
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
