// The two data channels to the server (docs/data-channel.md): one reliable and ordered, one lossy. Messages go to one
// participant or to all others of the room; what they carry is sealed by whoever calls this.

export type DataKind = "data" | "key";

/** Destination of a message to everyone else in the room. */
export const TO_EVERYONE = 0;

export interface ReceivedData {
  /** Sender number of whoever sent it, as the server says: the payload must prove it. */
  readonly origin: number;
  readonly kind: DataKind;
  readonly lossy: boolean;
  readonly payload: Uint8Array;
}

/** "full": too much waits already; try again later. */
export type DataSendResult = "sent" | "not-connected" | "too-large" | "full";

export interface DataListener {
  /** The reliable channel has opened, or is gone. */
  readonly onDataChannel: (open: boolean) => void;
  readonly onData: (data: ReceivedData) => void;
}

const VERSION = 1;
const KINDS: readonly DataKind[] = ["data", "key"];
const HEADER_BYTES = 4;
/** Whole messages, header included. */
export const MAX_RELIABLE_BYTES = 65_536;
export const MAX_LOSSY_BYTES = 1_200;
/** What may wait for the network: past it a sender should wait, and what is lossy is late anyway. */
const MAX_WAITING_RELIABLE = 1 << 20;
const MAX_WAITING_LOSSY = 1 << 16;

export function encodeData(destination: number, kind: DataKind, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(HEADER_BYTES + payload.length);
  const view = new DataView(message.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, KINDS.indexOf(kind));
  view.setUint16(2, destination);
  message.set(payload, HEADER_BYTES);
  return message;
}

/** Undefined: not a message of this version, or without an origin. */
export function decodeData(message: Uint8Array, lossy: boolean): ReceivedData | undefined {
  if (message.length < HEADER_BYTES || message[0] !== VERSION) return undefined;
  const kind = KINDS[message[1]!];
  const origin = new DataView(message.buffer, message.byteOffset).getUint16(2);
  if (kind === undefined || origin === 0) return undefined;
  return { origin, kind, lossy, payload: message.subarray(HEADER_BYTES) };
}

export class DataChannels {
  private reliable: RTCDataChannel;
  private lossy: RTCDataChannel;

  /** Before the first offer, so that it has the m-line. */
  constructor(
    private readonly pc: RTCPeerConnection,
    private readonly listener: DataListener,
  ) {
    this.reliable = this.create(false);
    this.lossy = this.create(true);
  }

  get open(): boolean {
    return this.reliable.readyState === "open";
  }

  /** `destination`: a sender number, or TO_EVERYONE. */
  send(destination: number, kind: DataKind, lossy: boolean, payload: Uint8Array): DataSendResult {
    const channel = lossy ? this.lossy : this.reliable;
    const bytes = HEADER_BYTES + payload.length;
    if (bytes > (lossy ? MAX_LOSSY_BYTES : MAX_RELIABLE_BYTES)) return "too-large";
    if (channel.readyState !== "open") return "not-connected";
    if (channel.bufferedAmount + bytes > (lossy ? MAX_WAITING_LOSSY : MAX_WAITING_RELIABLE)) return "full";
    try {
      channel.send(encodeData(destination, kind, payload));
    } catch {
      return "not-connected"; // it closed, or the browser's own buffer is full
    }
    return "sent";
  }

  private create(lossy: boolean): RTCDataChannel {
    const delivery: RTCDataChannelInit = lossy ? { ordered: false, maxRetransmits: 0 } : {};
    const channel = this.pc.createDataChannel(lossy ? "sotto-lossy" : "sotto", delivery);
    channel.binaryType = "arraybuffer";
    let wasOpen = false;
    channel.onopen = () => {
      wasOpen = true;
      if (!lossy) this.listener.onDataChannel(true);
    };
    channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      const received = data instanceof ArrayBuffer ? decodeData(new Uint8Array(data), lossy) : undefined;
      if (received !== undefined) this.listener.onData(received);
    };
    channel.onclose = () => {
      if (!wasOpen) return;
      if (!lossy) this.listener.onDataChannel(false);
      this.createAgain(lossy);
    };
    return channel;
  }

  /** The server has reset a channel, as we did not take its messages fast enough: a new one begins clean. */
  private createAgain(lossy: boolean): void {
    const alive = this.pc.connectionState === "connected" && this.pc.sctp?.state === "connected";
    if (!alive) return;
    if (lossy) this.lossy = this.create(true);
    else this.reliable = this.create(false);
  }
}
