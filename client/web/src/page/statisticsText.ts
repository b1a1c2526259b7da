// The statistics overlay in words: a few short lines for each picture, and for the connection.

import type { Call, SlotState } from "../call/Call.ts";
import type { Statistics } from "../rtc/Statistics.ts";

/** 1234567 as "1.2 Mb/s". */
export function rateText(bitsPerSecond: number): string {
  if (bitsPerSecond >= 1_000_000) return `${(bitsPerSecond / 1_000_000).toFixed(1)} Mb/s`;
  return `${Math.round(bitsPerSecond / 1000)} kb/s`;
}

const REASONS: Record<string, string> = {
  "rate-cap": "limited by your rate cap",
  publisher: "the best that is sent",
  "key-frame": "waiting for a key frame",
};

/** What flows in one slot. */
export function statisticsLines(call: Call, slot: SlotState): string[] {
  const mid = call.midOf(slot.key);
  const flow = call.statistics.slots.find((each) => each.kind === "video" && each.mid === mid);
  const lines: string[] = [];
  if (flow !== undefined) {
    lines.push(`${flow.width}×${flow.height}  ${Math.round(flow.framesPerSecond)} fps`);
    lines.push(`${rateText(flow.bitsPerSecond)}  loss ${(100 * flow.loss).toFixed(1)} %`);
  }
  if (slot.layer !== undefined) {
    const { width, height, bitsPerSecond, reason } = slot.layer;
    lines.push(`layer ${width}×${height}  ${rateText(bitsPerSecond)}`);
    if (REASONS[reason] !== undefined) lines.push(REASONS[reason]);
  }
  return lines;
}

/** The connection as a whole and the own layers. */
export function summaryLines(statistics: Statistics): string[] {
  const { roundTripMs, slots, layers } = statistics;
  const down = slots.reduce((sum, { bitsPerSecond }) => sum + bitsPerSecond, 0);
  const up = layers.reduce((sum, { bitsPerSecond }) => sum + bitsPerSecond, 0);
  const lines = [
    `RTT ${roundTripMs === undefined ? "unknown" : `${roundTripMs.toFixed(0)} ms`}`,
    `down ${rateText(down)}  up ${rateText(up)}`,
  ];
  const video = layers.filter(({ kind, bitsPerSecond }) => kind === "video" && bitsPerSecond > 0);
  for (const { rid, width, height, framesPerSecond, bitsPerSecond, limitedBy } of video.sort((a, b) => b.height - a.height)) {
    const name = rid === "" ? "screen" : `layer ${rid}`;
    const limit = ["cpu", "bandwidth"].includes(limitedBy) ? `  limited by ${limitedBy}` : "";
    lines.push(`${name}  ${width}×${height}  ${Math.round(framesPerSecond)} fps  ${rateText(bitsPerSecond)}${limit}`);
  }
  return lines;
}
