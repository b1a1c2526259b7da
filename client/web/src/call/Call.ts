// A call as the page sees it: who is there, what each slot shows, whose frames open. Joins through signaling, moves media
// through one MediaConnection at a time, and keeps both alive.

import type { CallKeys } from "../keys/CallKeys.ts";
import type { Security } from "../keys/Security.ts";
import type { MessageCounters } from "../messages/MessageWays.ts";
import type { DataKind, DataSendResult, ReceivedData } from "../rtc/DataChannels.ts";
import type { FrameWorker } from "../rtc/FrameWorker.ts";
import { MediaConnection, type OwnTrack } from "../rtc/MediaConnection.ts";
import { StatisticsReader, type Statistics } from "../rtc/Statistics.ts";
import { SignalingClient, type SignalingListener } from "../signaling/SignalingClient.ts";
import {
  RequestError,
  type JoinReply,
  type LayerInfo,
  type ParticipantInfo,
  type OfferReply,
  type ServerEventName,
  type ServerEvents,
  type Source,
} from "../signaling/messages.ts";
import { DataMessages } from "./DataMessages.ts";
import { E2eeTracker, OwnE2eeTracker, type E2eeState } from "./E2eeState.ts";
import { SlotPlan, wishes, type View } from "./SlotPlan.ts";

export type CallPhase = "joining" | "connecting" | "connected" | "reconnecting" | "media-lost" | "ended";

export interface CallOptions {
  readonly room: string;
  readonly codec: "vp8" | "vp9";
  readonly audioSlots: number;
  readonly videoSlots: number;
  readonly worker: FrameWorker;
  readonly keys: CallKeys;
  readonly connect: () => WebSocket;
  readonly token: (fresh: boolean) => Promise<string>;
}

/** What a slot shows according to the server, and whose key its frames open with. */
export interface SlotState {
  readonly key: string;
  readonly kind: "audio" | "video";
  track: MediaStreamTrack;
  participant: string | undefined;
  source: Source | undefined;
  /** Sender number of the key that opened the latest frames. */
  verifiedSender: number | undefined;
  layer: LayerInfo | undefined;
}

/** Silence is 127 (RFC 6464); above this a voice counts as speaking. */
const SPEAKING_LEVEL = 55;
const SUBSCRIBE_DELAY_MS = 60;
/** Waits between offers while the server cannot take one (no worker for the room yet), in ms. */
const OFFER_RETRIES_MS = [100, 200, 300, 500, 500, 1000, 2000, 3000];
const RETRIED_OFFER_ERRORS = new Set(["media_unavailable", "timeout", "rate_limited"]);

export class Call implements SignalingListener {
  phase: CallPhase = "joining";
  /** Set when the call has ended for a reason that people should read. */
  failure: RequestError | undefined;
  self: ParticipantInfo | undefined;
  readonly roster = new Map<string, ParticipantInfo>();
  readonly slots = new Map<string, SlotState>();
  readonly own = new Map<Source, OwnTrack>();
  speakers: readonly string[] = [];
  statistics: Statistics = { slots: [], layers: [], roundTripMs: undefined, availableOutgoingBitsPerSecond: undefined };
  onChange: () => void = () => undefined;
  /** Sealed chat, reactions and the like. */
  readonly data: DataMessages;
  /** Whoever wants the data messages of the others, sealed as they are. */
  readonly dataListeners = new Set<(data: ReceivedData) => void>();

  private readonly signaling: SignalingClient;
  private media: MediaConnection | undefined;
  private published: Promise<unknown> | undefined;
  private readonly trackers = new Map<number, E2eeTracker>();
  private readonly ownTracker = new OwnE2eeTracker();
  private plan = new SlotPlan(0);
  private limits = { audioSlots: 0, videoSlots: 0 };
  private views: readonly View[] = [];
  private lastWishes = "";
  private subscribeTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly statisticsReader = new StatisticsReader();
  private connections = 0;

  constructor(private readonly options: CallOptions) {
    this.signaling = new SignalingClient(
      { connect: options.connect, token: options.token, suites: ["duo", "aes128gcm", "aes256gcm"], attach: options.keys.needsMessages },
      this,
    );
    const call = this;
    this.data = new DataMessages({
      get self() {
        return call.self?.sender;
      },
      sendData: (...message) => this.sendData(...message),
      seal: (plain, route) => options.worker.sealData(plain, route),
      open: (sealed, routes) => options.worker.openData(sealed, routes),
    });
    this.dataListeners.add((received) => void this.data.receive(received));
    options.keys.connect({
      request: (type, fields) => this.signaling.request(type, fields),
      sendDirect: (sender, payload) => this.sendData(sender, "key", false, payload) === "sent",
      roundTrip: () => this.statistics.roundTripMs ?? 0,
      forceKeyFrames: () => this.media?.forceKeyFrames(),
      changed: () => this.changed(),
    });
    options.worker.listener = {
      report: (own, senders) => {
        const now = performance.now();
        this.ownTracker.update(own);
        for (const report of senders) this.tracker(report.sender).update(report, now);
        this.changed();
      },
      slotSender: (key, sender) => {
        const slot = this.slots.get(key);
        if (slot !== undefined) slot.verifiedSender = sender;
        this.changed();
      },
      failure: (message) => this.failed(new RequestError("e2ee_failure", message)),
    };
  }

  /** Joins; rejects with a RequestError when the server refuses. */
  start(own: ReadonlyMap<Source, OwnTrack>): Promise<void> {
    for (const [source, track] of own) this.own.set(source, track);
    return this.signaling.start();
  }

  async leave(): Promise<void> {
    this.phase = "ended";
    this.media?.close();
    this.options.keys.left();
    this.changed();
    await this.signaling.leave();
  }

  /** Whether data messages can be sent and received. */
  get dataOpen(): boolean {
    return this.media?.data.open ?? false;
  }

  /** Sends a data message to one sender number, or TO_EVERYONE. The payload goes as it is: seal it first. */
  sendData(destination: number, kind: DataKind, lossy: boolean, payload: Uint8Array): DataSendResult {
    return this.media?.data.send(destination, kind, lossy, payload) ?? "not-connected";
  }

  /** Publishes, mutes or takes away the track of a source. */
  async setTrack(source: Source, own: OwnTrack): Promise<void> {
    const before = this.own.get(source);
    if (source === "screen" && own.track === null) this.own.delete(source);
    else this.own.set(source, own);
    this.changed();
    if ((before?.track ?? null) !== own.track) {
      await this.media?.setTrack(source, own).catch((error: unknown) => {
        // What is offered without a socket is offered again with the next one.
        if (!(error instanceof RequestError && error.code === "connection_lost")) throw error;
      });
    }
    if (before?.muted !== own.muted && (source !== "screen" || own.track !== null)) {
      await this.signaling.request("mute", { source, muted: own.muted }).catch(() => undefined);
    }
  }

  /** What the page would like to see; goes to the server when it changes. */
  setViews(views: readonly View[]): void {
    this.views = views;
    this.subscribeTimer ??= setTimeout(() => {
      this.subscribeTimer = undefined;
      this.subscribe();
    }, SUBSCRIBE_DELAY_MS);
  }

  /** Upper bound on media towards this page, bit/s; null lifts it. */
  setRateCap(bitsPerSecond: number | null): Promise<unknown> {
    return this.signaling.request("rate-cap", { bitsPerSecond });
  }

  /** What was last asked for, as JSON. */
  get wishes(): string {
    return this.lastWishes;
  }

  /** Loses the signaling socket, as a network that fails would. For tests. */
  dropSignaling(): void {
    this.signaling.drop();
  }

  /** Identities and their verification; undefined with keys that know no devices. */
  get security(): Security | undefined {
    return this.options.keys.security;
  }

  /** Changes of the own key, oldest first, without any key. For tests. */
  get rotations(): readonly object[] {
    return this.options.keys.rotations();
  }

  /** Which ways key messages took; undefined with keys that send none. For tests. */
  get keyMessages(): MessageCounters | undefined {
    return this.options.keys.messageCounters;
  }

  e2eeState(participant: ParticipantInfo): E2eeState {
    if (participant.id === this.self?.id) return this.ownTracker.state();
    if (this.security?.state(participant) === "changed") return "blocked";
    return this.tracker(participant.sender).state(performance.now());
  }

  isSpeaking(participant: string): boolean {
    return this.speakers.includes(participant);
  }

  /**
   * The slot that shows a source of a participant, once its frames open with that very participant's key: the server's
   * word alone puts nobody's picture under another's name.
   */
  shownSlot(participant: ParticipantInfo, source: Source): SlotState | undefined {
    for (const slot of this.slots.values()) {
      if (slot.participant !== participant.id || slot.source !== source) continue;
      if (slot.verifiedSender === participant.sender) return slot;
    }
    return undefined;
  }

  /** Reads the statistics anew. */
  async refreshStatistics(): Promise<void> {
    const report = await this.media?.getStats().catch(() => undefined);
    if (report === undefined) return;
    this.statistics = this.statisticsReader.read(report.values() as Iterable<Record<string, unknown>>);
    this.changed();
  }

  slotByMid(mid: string): SlotState | undefined {
    const slot = this.media?.slotByMid(mid);
    return slot && this.slots.get(slot.key);
  }

  midOf(key: string): string | undefined {
    return this.media?.slots.find((slot) => slot.key === key)?.transceiver.mid ?? undefined;
  }

  // SignalingListener

  joined(reply: JoinReply): void {
    const fresh = this.self === undefined || !reply.resumed;
    this.self = reply.self;
    const { audioSlots, videoSlots } = reply.limits;
    this.limits = {
      audioSlots: Math.min(this.options.audioSlots, audioSlots),
      videoSlots: Math.min(this.options.videoSlots, videoSlots),
    };
    const published = this.options.keys.joined(reply, fresh);
    published.catch((error: unknown) => this.keysFailed(error));
    this.published = published;
    for (const id of this.roster.keys()) {
      if (!reply.roster.some((participant) => participant.id === id)) this.removeParticipant(id);
    }
    for (const participant of reply.roster) this.updateParticipant(participant);
    if (fresh || this.media === undefined || this.media.state === "failed") {
      this.phase = "connecting";
      void this.connectMedia();
    } else {
      this.phase = this.media.state === "connected" ? "connected" : "connecting";
      this.lastWishes = "";
      // What was offered while the socket was lost (a screen that began or ended) has reached nobody.
      if (this.media.unsettled) void this.media.negotiate().catch(() => undefined);
      this.subscribe();
    }
    this.changed();
  }

  event<Name extends ServerEventName>(name: Name, data: ServerEvents[Name]): void {
    const handler = this.handlers[name] as ((data: ServerEvents[Name]) => void) | undefined;
    handler?.(data);
    this.options.keys.event(name, data);
    this.changed();
  }

  reconnecting(): void {
    if (this.phase !== "ended") this.phase = "reconnecting";
    this.changed();
  }

  failed(error: RequestError): void {
    if (this.phase === "ended") return;
    this.phase = "ended";
    this.failure = error;
    this.media?.close();
    this.options.keys.left();
    void this.signaling.leave();
    this.changed();
  }

  private readonly handlers: { [Name in ServerEventName]?: (data: ServerEvents[Name]) => void } = {
    "participant-joined": ({ participant }) => this.updateParticipant(participant),
    "participant-updated": ({ participant }) => this.updateParticipant(participant),
    "participant-left": ({ participant, reason }) => {
      if (participant !== this.self?.id) return this.removeParticipant(participant);
      this.failed(new RequestError(reason === "removed" ? "replaced" : "removed", "The session has ended."));
    },
    slots: ({ slots }) => {
      for (const { mid, participant, source } of slots) {
        const slot = this.slotByMid(mid);
        if (slot === undefined) continue;
        slot.participant = participant ?? undefined;
        slot.source = source ?? undefined;
        if (participant === null) slot.layer = undefined;
      }
    },
    speakers: ({ speakers }) => {
      this.speakers = speakers.filter(({ level }) => level <= SPEAKING_LEVEL).map(({ participant }) => participant);
    },
    layers: ({ slots }) => {
      for (const layer of slots) {
        const slot = this.slotByMid(layer.mid);
        if (slot !== undefined) slot.layer = layer;
      }
    },
    "media-restart": () => {
      this.phase = "media-lost";
      void this.connectMedia();
    },
    removed: () => this.failed(new RequestError("replaced", "Joined from somewhere else.")),
    error: ({ error }) => console.warn(`sotto: ${error.code}: ${error.message}`),
  };

  private updateParticipant(participant: ParticipantInfo): void {
    if (participant.id === this.self?.id) {
      this.self = participant;
      return;
    }
    const before = this.roster.get(participant.id);
    this.roster.set(participant.id, participant);
    this.options.keys.memberSeen(participant, before);
  }

  private removeParticipant(id: string): void {
    const participant = this.roster.get(id);
    if (participant === undefined) return;
    this.roster.delete(id);
    this.options.keys.memberGone(participant);
    this.trackers.delete(participant.sender);
    for (const slot of this.slots.values()) if (slot.participant === id) slot.participant = undefined;
  }

  private tracker(sender: number): E2eeTracker {
    let tracker = this.trackers.get(sender);
    if (tracker === undefined) {
      tracker = new E2eeTracker();
      this.trackers.set(sender, tracker);
    }
    return tracker;
  }

  /** Replaces the media connection by a new one and offers until the server takes it. */
  private async connectMedia(): Promise<void> {
    const connection = ++this.connections;
    this.dropMedia();
    // Without keys nothing is offered; keysFailed says why there are none.
    const published = await this.published?.catch(() => undefined);
    if (published === undefined || connection !== this.connections || this.phase === "ended") return;
    const media = new MediaConnection(
      {
        worker: this.options.worker,
        ...this.limits,
        codec: this.options.codec,
        offer: (request) => this.signaling.request<OfferReply>("offer", request),
        onStateChange: (state) => this.mediaStateChanged(media, state),
        data: {
          onDataChannel: (open) => {
            if (!open && media === this.media) this.options.keys.channelLost();
            this.changed();
          },
          onData: (data) => {
            if (data.kind === "key" && !data.lossy) this.options.keys.direct(data.origin, data.payload);
            this.dataListeners.forEach((listener) => listener(data));
          },
        },
      },
      this.own,
      published,
    );
    this.media = media;
    if (this.plan.size !== this.limits.videoSlots) this.plan = new SlotPlan(this.limits.videoSlots);
    this.slots.clear();
    for (const { key, kind, transceiver } of media.slots) {
      const none = { participant: undefined, source: undefined, verifiedSender: undefined, layer: undefined };
      this.slots.set(key, { key, kind, track: transceiver.receiver.track, ...none });
    }
    this.lastWishes = "";
    this.changed();
    for (const delay of [...OFFER_RETRIES_MS, undefined]) {
      try {
        await media.negotiate();
        break;
      } catch (error) {
        if (connection !== this.connections) return;
        const code = error instanceof RequestError ? error.code : "";
        // Without a socket there is nobody to offer to: the join that follows connects anew.
        if (code === "connection_lost") return media === this.media ? this.dropMedia() : undefined;
        if (!RETRIED_OFFER_ERRORS.has(code) || delay === undefined) return this.failed(asRequestError(error));
        await new Promise((resolve) => setTimeout(resolve, delay));
        if (connection !== this.connections) return;
      }
    }
    this.subscribe();
  }

  private dropMedia(): void {
    if (this.media === undefined) return;
    this.media.close();
    this.media = undefined;
    this.options.keys.channelLost();
  }

  private mediaStateChanged(media: MediaConnection, state: RTCPeerConnectionState): void {
    if (media !== this.media || this.phase === "ended" || this.phase === "reconnecting") return;
    if (state === "connected") {
      this.phase = "connected";
      media.forceKeyFrames();
    } else if (state === "failed") {
      this.phase = "media-lost";
      void this.connectMedia();
    } else if (state === "disconnected") {
      this.phase = "media-lost";
    }
    this.changed();
  }

  private subscribe(): void {
    if (this.media === undefined || !this.media.negotiated) return;
    const video = this.media.slots.filter(({ kind }) => kind === "video");
    const mids = video.map(({ transceiver }) => transceiver.mid!);
    const slots = wishes(mids, this.plan.assign(this.views));
    const text = JSON.stringify(slots);
    if (text === this.lastWishes) return;
    this.lastWishes = text;
    this.signaling.request("subscribe", { slots }).catch((error: unknown) => {
      this.lastWishes = "";
      if (!(error instanceof RequestError)) return;
      // Someone left while the request was on its way: the next drawing asks for those who are still there.
      if (error.code === "unknown_participant") this.changed();
      else if (error.code !== "connection_lost") console.warn(`sotto: subscribe: ${error.message}`);
    });
  }

  /** A socket that is lost meanwhile is joined again, and the keys with it. */
  private keysFailed(error: unknown): void {
    const refusal = asRequestError(error);
    if (refusal.code !== "connection_lost") this.failed(refusal);
  }

  private changed(): void {
    this.onChange();
  }
}

function asRequestError(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  return new RequestError("internal", error instanceof Error ? error.message : String(error));
}
