// One PeerConnection to the server: own tracks out, a fixed number of slots in. The client offers, the server answers
// (docs/signaling.md, Negotiation). When the media connection is lost a new one takes its place; keys and counters
// live in the frame worker and go on.

import type { OfferReply, OfferRequest, Source } from "../signaling/messages.ts";
import { DataChannels, type DataListener } from "./DataChannels.ts";
import { cameraEncodings, cameraLayers, screenEncodings, supportsScalabilityModes, type LayerPlan } from "./encodings.ts";
import type { FrameWorker } from "./FrameWorker.ts";

/** The own track of a source, and whether it is muted towards the others. */
export interface OwnTrack {
  readonly track: MediaStreamTrack | null;
  readonly muted: boolean;
}

export interface MediaOptions {
  readonly worker: FrameWorker;
  readonly audioSlots: number;
  readonly videoSlots: number;
  readonly codec: "vp8" | "vp9";
  /** Sends an offer and brings the answer. */
  readonly offer: (request: OfferRequest) => Promise<OfferReply>;
  readonly onStateChange: (state: RTCPeerConnectionState) => void;
  readonly data: DataListener;
}

/** A slot: its m-line shows whatever the server binds to it. */
export interface Slot {
  /** Our own name for it ("v3"): the same in every connection. */
  readonly key: string;
  readonly kind: "audio" | "video";
  readonly transceiver: RTCRtpTransceiver;
}

export class MediaConnection {
  readonly slots: readonly Slot[];
  readonly data: DataChannels;
  private readonly pc: RTCPeerConnection;
  private readonly senders = new Map<Source, RTCRtpTransceiver>();
  private readonly own = new Map<Source, OwnTrack>();
  private negotiations: Promise<void> = Promise.resolve();
  private closed = false;
  private answered = false;
  private refused = false;

  constructor(
    private readonly options: MediaOptions,
    own: ReadonlyMap<Source, OwnTrack>,
    private readonly published: unknown,
  ) {
    for (const [source, track] of own) this.own.set(source, track);
    // With encodedInsertableStreams a sender without its transform sends nothing in Chromium, rather than plaintext.
    const configuration: RTCConfiguration & { encodedInsertableStreams: boolean } = {
      bundlePolicy: "max-bundle",
      encodedInsertableStreams: true,
    };
    this.pc = new RTCPeerConnection(configuration);
    this.pc.onconnectionstatechange = () => {
      if (!this.closed) options.onStateChange(this.pc.connectionState);
    };
    this.addSender("microphone", "audio", [{}], [1]);
    const scalable = supportsScalabilityModes();
    const layers = layersFor(this.own.get("camera")?.track ?? null);
    this.addSender("camera", "video", cameraEncodings(layers, scalable), activeScales(layers));
    if (this.own.has("screen")) this.addSender("screen", "video", screenEncodings(scalable), [1]);
    const slots: Slot[] = [];
    for (let i = 0; i < options.audioSlots; i++) slots.push(this.addSlot("audio", `a${i}`));
    for (let i = 0; i < options.videoSlots; i++) slots.push(this.addSlot("video", `v${i}`));
    this.slots = slots;
    this.data = new DataChannels(this.pc, {
      onDataChannel: (open) => void (this.closed || options.data.onDataChannel(open)),
      onData: (data) => void (this.closed || options.data.onData(data)),
    });
  }

  get state(): RTCPeerConnectionState {
    return this.pc.connectionState;
  }

  /** Whether the server has taken an offer, and so knows the slots. */
  get negotiated(): boolean {
    return this.answered;
  }

  /** Whether the latest offer was not taken, so that the server knows less than there is. */
  get unsettled(): boolean {
    return this.refused;
  }

  slotByMid(mid: string): Slot | undefined {
    return this.slots.find(({ transceiver }) => transceiver.mid === mid);
  }

  /** Offers what there is; offers run one after another. Rejects with the server's refusal. */
  negotiate(): Promise<void> {
    const done = this.negotiations.then(() => this.offerOnce());
    this.negotiations = done.catch(() => undefined);
    return done;
  }

  /** Puts a track on a source's m-line (null: nothing is sent), without negotiation for what is already offered. */
  async setTrack(source: Source, own: OwnTrack): Promise<void> {
    this.own.set(source, own);
    const existing = this.senders.get(source);
    if (existing === undefined) {
      this.addSender(source, "video", screenEncodings(supportsScalabilityModes()), [1]);
      return this.negotiate();
    }
    if (source === "camera" && own.track !== null) await this.fitLayers(existing.sender, own.track);
    await existing.sender.replaceTrack(own.track);
    const direction = source === "screen" && own.track === null ? "inactive" : "sendonly";
    if (existing.direction !== direction) {
      existing.direction = direction;
      await this.negotiate();
    }
  }

  /** Asks the encoders for key frames, in the way of each browser. */
  forceKeyFrames(): void {
    if (!supportsScalabilityModes()) return this.options.worker.generateKeyFrames();
    for (const [source, { sender }] of this.senders) {
      if (source === "microphone" || sender.track === null) continue;
      const parameters = sender.getParameters();
      const encodingOptions = parameters.encodings.map(() => ({ keyFrame: true }));
      const setParameters = sender.setParameters.bind(sender) as (
        p: RTCRtpSendParameters,
        o: { encodingOptions: { keyFrame: boolean }[] },
      ) => Promise<void>;
      setParameters(parameters, { encodingOptions }).catch(() => undefined);
    }
  }

  getStats(): Promise<RTCStatsReport> {
    return this.pc.getStats();
  }

  close(): void {
    this.closed = true;
    this.pc.close();
    this.options.worker.connectionClosed();
  }

  private addSender(
    source: Source,
    kind: "audio" | "video",
    sendEncodings: RTCRtpEncodingParameters[],
    scales: readonly number[],
  ): void {
    const track = this.own.get(source)?.track ?? null;
    const init: RTCRtpTransceiverInit = { direction: "sendonly", sendEncodings };
    const transceiver = this.pc.addTransceiver(track ?? kind, init);
    const captureHeight = track?.getSettings().height ?? 0;
    this.options.worker.attach(transceiver.sender, { direction: "send", name: source, scales, captureHeight });
    if (kind === "video" && this.options.codec === "vp9") preferVp9(transceiver);
    this.senders.set(source, transceiver);
  }

  private addSlot(kind: "audio" | "video", key: string): Slot {
    const transceiver = this.pc.addTransceiver(kind, { direction: "recvonly" });
    this.options.worker.attach(transceiver.receiver, { direction: "receive", slot: key });
    return { key, kind, transceiver };
  }

  /** Another camera may have another size, and a small picture fewer layers. */
  private async fitLayers(sender: RTCRtpSender, track: MediaStreamTrack): Promise<void> {
    const layers = layersFor(track);
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) {
      const layer = layers.find(({ rid }) => rid === encoding.rid);
      if (layer === undefined) continue;
      const { active, scale: scaleResolutionDownBy, maxBitrate } = layer;
      Object.assign(encoding, { active, scaleResolutionDownBy, maxBitrate });
    }
    await sender.setParameters(parameters);
    this.options.worker.setCapture("camera", track.getSettings().height ?? 0, activeScales(layers));
  }

  private async offerOnce(): Promise<void> {
    if (this.closed) return;
    await this.pc.setLocalDescription();
    const tracks = [...this.senders]
      .filter(([, { direction }]) => direction === "sendonly")
      .map(([source, { mid }]) => ({ mid: mid!, source, muted: this.own.get(source)?.muted ?? true }));
    try {
      const sdp = this.pc.localDescription!.sdp;
      const reply = await this.options.offer({ sdp, tracks, e2ee: this.published });
      if (this.closed) return;
      await this.pc.setRemoteDescription({ type: "answer", sdp: reply.sdp });
      this.answered = true;
      this.refused = false;
    } catch (error) {
      this.refused = true;
      if (!this.closed) await this.pc.setLocalDescription({ type: "rollback" }).catch(() => undefined);
      throw error;
    }
  }
}

function layersFor(track: MediaStreamTrack | null): LayerPlan[] {
  const { width, height } = track?.getSettings() ?? {};
  return width !== undefined && height !== undefined ? cameraLayers(width, height) : cameraLayers();
}

/** What the describer of frames needs to rank layers. */
function activeScales(layers: readonly LayerPlan[]): number[] {
  return layers.filter(({ active }) => active).map(({ scale }) => scale);
}

/** VP9 (profile 0) first, with what goes with it; everything else stays in its order. */
function preferVp9(transceiver: RTCRtpTransceiver): void {
  const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const isVp9 = ({ mimeType, sdpFmtpLine }: RTCRtpCodec) =>
    mimeType.toLowerCase() === "video/vp9" && (sdpFmtpLine === undefined || sdpFmtpLine.includes("profile-id=0"));
  const first = codecs.filter(isVp9);
  if (first.length > 0) transceiver.setCodecPreferences([...first, ...codecs.filter((codec) => !isVp9(codec))]);
}
