// Own devices: microphone, camera and screen, or the synthetic sources that tests ask for. Permissions are asked for one
// by one, so that somebody without a camera can still talk.

import { syntheticCamera } from "./Timecode.ts";

export interface CaptureSize {
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
}

export interface LocalMediaOptions {
  /** `scene` and `timecode` draw a picture: to try a call without a camera, and for tests. */
  readonly camera: "device" | "scene" | "timecode" | "none";
  readonly microphone: "device" | "tone" | "none";
  readonly size: CaptureSize;
}

/** Text stays readable at this size, and an encoder on an ordinary machine keeps up with it; either way up. */
const SCREEN_CAPTURE: MediaTrackConstraints = { width: { max: 1920 }, height: { max: 1920 }, frameRate: { max: 15 } };

/** Why there is no track, in words for people. */
export class DeviceError extends Error {}

export interface DeviceChoice {
  readonly id: string;
  readonly label: string;
}

export class LocalMedia {
  microphoneId: string | undefined;
  cameraId: string | undefined;
  /** Name drawn into the synthetic camera's picture. */
  label = "";
  microphone: MediaStreamTrack | undefined;
  camera: MediaStreamTrack | undefined;
  private screen: MediaStreamTrack | undefined;

  constructor(private readonly options: LocalMediaOptions) {}

  async openMicrophone(): Promise<MediaStreamTrack> {
    this.microphone?.stop();
    this.microphone = undefined;
    return (this.microphone = await this.makeMicrophone());
  }

  async openCamera(): Promise<MediaStreamTrack> {
    this.closeCamera();
    return (this.camera = await this.makeCamera());
  }

  closeCamera(): void {
    this.camera?.stop();
    this.camera = undefined;
  }

  /** The picture of a screen, window or tab that the person picks; rejects when they change their mind. */
  async openScreen(): Promise<MediaStreamTrack> {
    this.closeScreen();
    if (typeof navigator.mediaDevices?.getDisplayMedia !== "function") {
      throw new DeviceError("This browser cannot share the screen.");
    }
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: SCREEN_CAPTURE, audio: false });
      const track = stream.getVideoTracks()[0]!;
      // Text before motion: when there is too little of anything, fewer pictures rather than blurred ones.
      track.contentHint = "detail";
      return (this.screen = track);
    } catch (error) {
      throw explainScreen(error);
    }
  }

  closeScreen(): void {
    this.screen?.stop();
    this.screen = undefined;
  }

  async devices(kind: "audioinput" | "videoinput"): Promise<DeviceChoice[]> {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return all
      .filter((device) => device.kind === kind && device.deviceId !== "")
      .map(({ deviceId, label }, i) => ({ id: deviceId, label: label || `Device ${i + 1}` }));
  }

  stop(): void {
    this.microphone?.stop();
    this.closeCamera();
    this.closeScreen();
  }

  private async makeMicrophone(): Promise<MediaStreamTrack> {
    if (this.options.microphone === "none") throw new DeviceError("There is no microphone.");
    if (this.options.microphone === "tone") return tone();
    const deviceId = this.microphoneId;
    const audio = { echoCancellation: true, noiseSuppression: true, ...(deviceId && { deviceId: { exact: deviceId } }) };
    return (await capture({ audio }, "microphone")).getAudioTracks()[0]!;
  }

  private async makeCamera(): Promise<MediaStreamTrack> {
    const { width, height, framesPerSecond } = this.options.size;
    if (this.options.camera === "none") throw new DeviceError("There is no camera.");
    if (this.options.camera === "timecode" || this.options.camera === "scene") {
      const timecode = this.options.camera === "timecode";
      return syntheticCamera(width, height, framesPerSecond, this.label, timecode).getVideoTracks()[0]!;
    }
    const deviceId = this.cameraId;
    const video = {
      width: { ideal: width },
      height: { ideal: height },
      frameRate: { ideal: framesPerSecond },
      ...(deviceId && { deviceId: { exact: deviceId } }),
    };
    return (await capture({ video }, "camera")).getVideoTracks()[0]!;
  }
}

async function capture(constraints: MediaStreamConstraints, what: string): Promise<MediaStream> {
  if (typeof navigator.mediaDevices?.getUserMedia !== "function") {
    throw new DeviceError("Camera and microphone need a secure page (https, or localhost).");
  }
  try {
    return await navigator.mediaDevices.getUserMedia(constraints);
  } catch (error) {
    throw explain(error, what);
  }
}

/** The browser's reason in one sentence. */
function explain(error: unknown, what: string): DeviceError {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return new DeviceError(`The ${what} was not allowed. You can allow it in the address bar.`);
  if (name === "NotFoundError" || name === "OverconstrainedError") return new DeviceError(`No ${what} was found.`);
  if (name === "NotReadableError" || name === "AbortError") {
    return new DeviceError(`The ${what} is in use by another program, or does not answer.`);
  }
  return new DeviceError(`The ${what} could not be opened.`);
}

/** The same for a screen, where not being allowed is mostly a change of mind in the browser's own dialogue. */
function explainScreen(error: unknown): DeviceError {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") {
    return new DeviceError("Your screen is not shared: it was cancelled, or this browser or system does not allow it.");
  }
  return explain(error, "screen");
}

/** A quiet tone that goes up and down: something to hear where no microphone is. */
function tone(): MediaStreamTrack {
  const context = new AudioContext();
  const oscillator = new OscillatorNode(context, { frequency: 440 });
  const gain = new GainNode(context, { gain: 0.2 });
  const wobble = new OscillatorNode(context, { frequency: 2 });
  const depth = new GainNode(context, { gain: 0.15 });
  const destination = new MediaStreamAudioDestinationNode(context);
  oscillator.connect(gain).connect(destination);
  wobble.connect(depth).connect(gain.gain);
  oscillator.start();
  wobble.start();
  return destination.stream.getAudioTracks()[0]!;
}
