// The messages of docs/signaling.md, as the page uses them.

export type Source = "microphone" | "camera" | "screen";

export interface TrackInfo {
  readonly source: Source;
  readonly kind: "audio" | "video";
  readonly muted: boolean;
}

export interface ParticipantInfo {
  readonly id: string;
  readonly user: string;
  readonly device: string;
  readonly name: string;
  /** The number in the upper bits of this participant's key ids. */
  readonly sender: number;
  readonly tracks: readonly TrackInfo[];
  /** What it has published about its keys; not trusted. */
  readonly e2ee?: unknown;
  readonly connected: boolean;
  /** It can be reached over its data channel. */
  readonly data?: boolean;
}

export interface SessionHandle {
  readonly id: string;
  readonly secret: string;
}

export interface JoinReply {
  readonly resumed: boolean;
  readonly session: SessionHandle;
  readonly self: ParticipantInfo;
  readonly roster: readonly ParticipantInfo[];
  readonly room: {
    readonly name: string;
    readonly e2ee: "required" | "optional" | "off";
    /** The call's id; absent with a server that knows no keys. */
    readonly call?: string;
    /** Users who are invited and not here. */
    readonly invited?: readonly string[];
    /** That may be used in the room; absent: any. */
    readonly suites?: readonly string[];
  };
  readonly limits: { readonly audioSlots: number; readonly videoSlots: number; readonly messageBytes: number };
}

export interface OfferRequest {
  readonly sdp: string;
  readonly tracks: readonly { readonly mid: string; readonly source: Source; readonly muted: boolean }[];
  readonly e2ee?: unknown;
}

export interface OfferReply {
  readonly sdp: string;
  readonly slots: readonly { readonly mid: string; readonly kind: "audio" | "video" }[];
}

/** What one video slot shall show. */
export interface SlotWish {
  readonly mid: string;
  readonly mode: "participant" | "auto" | "none";
  readonly participant?: string;
  readonly source?: Source;
  readonly maxHeight?: number;
  readonly priority?: number;
}

export interface SlotBinding {
  readonly mid: string;
  readonly participant: string | null;
  readonly source: Source | null;
}

export interface SpeakerInfo {
  readonly participant: string;
  /** RFC 6464: 0 loudest, 127 silence. */
  readonly level: number;
}

export interface LayerInfo {
  readonly mid: string;
  readonly width: number;
  readonly height: number;
  readonly bitsPerSecond: number;
  readonly reason: string;
}

export interface ErrorInfo {
  readonly code: string;
  readonly message: string;
  readonly details?: Record<string, unknown>;
}

/** Events of the server by name. */
export interface ServerEvents {
  "participant-joined": { readonly participant: ParticipantInfo };
  "participant-updated": { readonly participant: ParticipantInfo };
  "participant-left": { readonly participant: string; readonly reason: string };
  slots: { readonly slots: readonly SlotBinding[] };
  speakers: { readonly speakers: readonly SpeakerInfo[] };
  layers: { readonly slots: readonly LayerInfo[] };
  "media-connected": object;
  "data-channel": { readonly open: boolean; readonly reason?: string };
  "media-restart": { readonly reason: string };
  /** A sealed message for this device (docs/directory.md); read by messages/SocketMailbox.ts. */
  message: Readonly<Record<string, unknown>>;
  "prekeys-low": { readonly remaining: number };
  invited: { readonly users: readonly string[] };
  detached: object;
  removed: { readonly reason: string };
  stopping: { readonly reason: string };
  error: { readonly error: ErrorInfo };
}
export type ServerEventName = keyof ServerEvents;

/** A request that the server refused, with the code of docs/signaling.md. */
export class RequestError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
  }
}
