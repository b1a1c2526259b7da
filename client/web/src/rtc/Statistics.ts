// Digest of getStats: what flows in every slot and in every own layer, as rates between two readings.

/** What flows in one slot. */
export interface SlotStatistics {
  readonly kind: "audio" | "video";
  readonly mid: string;
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
  readonly framesDecoded: number;
  readonly bitsPerSecond: number;
  /** Share of packets lost since the last reading, 0..1. */
  readonly loss: number;
  readonly freezes: number;
  readonly totalAudioEnergy: number;
}

/** One own layer on its way out. */
export interface LayerStatistics {
  readonly kind: "audio" | "video";
  readonly mid: string;
  readonly rid: string;
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
  readonly bitsPerSecond: number;
  /** Why the layer is not better: "none", "cpu", "bandwidth" or "other"; empty where the browser does not say. */
  readonly limitedBy: string;
}

export interface Statistics {
  readonly slots: readonly SlotStatistics[];
  readonly layers: readonly LayerStatistics[];
  /** Round trip to the server, ms; undefined while unknown. */
  readonly roundTripMs: number | undefined;
  readonly availableOutgoingBitsPerSecond: number | undefined;
}

type Entry = Record<string, unknown>;

interface Reading {
  readonly at: number;
  readonly bytes: number;
  readonly packets: number;
  readonly lost: number;
}

const NUMBER = (entry: Entry, name: string): number => (typeof entry[name] === "number" ? (entry[name] as number) : 0);
const TEXT = (entry: Entry, name: string): string => (typeof entry[name] === "string" ? (entry[name] as string) : "");

/** Keeps the last reading of every stream, to make rates. */
export class StatisticsReader {
  private before = new Map<string, Reading>();

  read(report: Iterable<Entry>): Statistics {
    const slots: SlotStatistics[] = [];
    const layers: LayerStatistics[] = [];
    const now = new Map<string, Reading>();
    let roundTripMs: number | undefined;
    let availableOutgoingBitsPerSecond: number | undefined;
    for (const entry of report) {
      const type = entry["type"];
      if (type === "inbound-rtp") slots.push(this.readSlot(entry, now));
      else if (type === "outbound-rtp") layers.push(this.readLayer(entry, now));
      else if (type === "candidate-pair" && entry["nominated"] === true && entry["state"] === "succeeded") {
        if (typeof entry["currentRoundTripTime"] === "number") roundTripMs = entry["currentRoundTripTime"] * 1000;
        if (typeof entry["availableOutgoingBitrate"] === "number") {
          availableOutgoingBitsPerSecond = entry["availableOutgoingBitrate"];
        }
      }
    }
    this.before = now;
    return { slots, layers, roundTripMs, availableOutgoingBitsPerSecond };
  }

  private readSlot(entry: Entry, now: Map<string, Reading>): SlotStatistics {
    const rates = this.rates(entry, NUMBER(entry, "bytesReceived"), NUMBER(entry, "packetsReceived"), now);
    return {
      kind: TEXT(entry, "kind") === "audio" ? "audio" : "video",
      mid: TEXT(entry, "mid"),
      width: NUMBER(entry, "frameWidth"),
      height: NUMBER(entry, "frameHeight"),
      framesPerSecond: NUMBER(entry, "framesPerSecond"),
      framesDecoded: NUMBER(entry, "framesDecoded"),
      freezes: NUMBER(entry, "freezeCount"),
      totalAudioEnergy: NUMBER(entry, "totalAudioEnergy"),
      ...rates,
    };
  }

  private readLayer(entry: Entry, now: Map<string, Reading>): LayerStatistics {
    const rates = this.rates(entry, NUMBER(entry, "bytesSent"), NUMBER(entry, "packetsSent"), now);
    return {
      kind: TEXT(entry, "kind") === "audio" ? "audio" : "video",
      mid: TEXT(entry, "mid"),
      rid: TEXT(entry, "rid"),
      width: NUMBER(entry, "frameWidth"),
      height: NUMBER(entry, "frameHeight"),
      framesPerSecond: NUMBER(entry, "framesPerSecond"),
      bitsPerSecond: rates.bitsPerSecond,
      limitedBy: TEXT(entry, "qualityLimitationReason"),
    };
  }

  private rates(entry: Entry, bytes: number, packets: number, now: Map<string, Reading>) {
    const id = TEXT(entry, "id");
    const reading = { at: NUMBER(entry, "timestamp"), bytes, packets, lost: NUMBER(entry, "packetsLost") };
    now.set(id, reading);
    const before = this.before.get(id);
    const seconds = before ? (reading.at - before.at) / 1000 : 0;
    if (before === undefined || seconds <= 0) return { bitsPerSecond: 0, loss: 0 };
    const lost = Math.max(0, reading.lost - before.lost);
    const expected = Math.max(0, packets - before.packets) + lost;
    return {
      bitsPerSecond: Math.max(0, (8 * (bytes - before.bytes)) / seconds),
      loss: expected > 0 ? lost / expected : 0,
    };
  }
}
