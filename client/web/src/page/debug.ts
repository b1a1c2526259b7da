// window.sotto: a debug interface for tests and for curious people at the console. Nothing of it is needed for a call, and
// it gives away no key; its form may change at any time.

import type { Call } from "../call/Call.ts";
import { readTimecodeAge } from "../call/Timecode.ts";
import type { DataKind } from "../rtc/DataChannels.ts";
import type { CallView } from "./CallView.ts";

export interface ParticipantSnapshot {
  readonly id: string;
  readonly name: string;
  readonly sender: number;
  readonly e2ee: string;
  readonly identity: string | null;
  readonly speaking: boolean;
  readonly connected: boolean;
  readonly data: boolean;
  readonly tracks: readonly { source: string; muted: boolean }[];
}

export interface PictureSnapshot {
  readonly participant: string;
  readonly source: string;
  /** The picture is uncovered on the page. */
  readonly live: boolean;
  readonly width: number;
  readonly height: number;
  readonly framesDecoded: number;
  /** Age of the time code in the picture, ms; null without one. */
  readonly timecodeAgeMs: number | null;
}

/** Everything a test wants to know, as plain JSON. */
function snapshot(call: Call, view: CallView) {
  const participants = [...call.roster.values()].map((each): ParticipantSnapshot => ({
    id: each.id,
    name: each.name,
    sender: each.sender,
    e2ee: call.e2eeState(each),
    identity: call.security?.state(each) ?? null,
    speaking: call.isSpeaking(each.id),
    connected: each.connected,
    data: each.data ?? false,
    tracks: each.tracks.map(({ source, muted }) => ({ source, muted })),
  }));
  const pictures = [...call.roster.values()].flatMap((participant) =>
    (["camera", "screen"] as const).flatMap((source): PictureSnapshot[] => {
      const video = view.videoOf(`${participant.id}/${source}`);
      if (video === undefined) return [];
      const slot = call.shownSlot(participant, source);
      const mid = slot && call.midOf(slot.key);
      const flow = call.statistics.slots.find((each) => each.kind === "video" && each.mid === mid);
      return [
        {
          participant: participant.name,
          source,
          live: view.tileIsLive(`${participant.id}/${source}`),
          width: video.videoWidth,
          height: video.videoHeight,
          framesDecoded: slot === undefined ? 0 : (flow?.framesDecoded ?? 0),
          timecodeAgeMs: readTimecodeAge(video) ?? null,
        },
      ];
    }),
  );
  return {
    phase: call.phase,
    dataOpen: call.dataOpen,
    code: call.security?.code ?? null,
    rotations: call.rotations,
    keyMessages: call.keyMessages ?? null,
    self: call.self && { id: call.self.id, name: call.self.name, sender: call.self.sender, e2ee: call.e2eeState(call.self) },
    participants,
    pictures,
    slots: [...call.slots.values()].map(({ key, kind, participant, source, verifiedSender, layer }) => ({
      key,
      kind,
      mid: call.midOf(key),
      participant,
      source,
      verifiedSender,
      layer,
    })),
    wishes: call.wishes,
    statistics: call.statistics,
  };
}

/** Received data messages that are kept for a test to look at. */
const MAX_KEPT_DATA = 1000;

/** Puts the interface on window. */
export function installDebug(call: Call, view: CallView): void {
  const data: { origin: number; kind: string; lossy: boolean; payload: number[] }[] = [];
  call.dataListeners.add(({ payload, ...rest }) => {
    if (data.length < MAX_KEPT_DATA) data.push({ ...rest, payload: [...payload] });
  });
  const sotto = {
    snapshot: () => snapshot(call, view),
    setRateCap: (bitsPerSecond: number | null) => call.setRateCap(bitsPerSecond),
    setViewHeight: (pixels: number) => view.setViewHeight(pixels),
    refreshStatistics: () => call.refreshStatistics(),
    toggleMicrophone: () => view.toggleMicrophone(),
    toggleCamera: () => view.toggleCamera(),
    toggleScreen: () => view.toggleScreen(),
    dropSignaling: () => call.dropSignaling(),
    leave: () => call.leave(),
    sendData: (destination: number, kind: DataKind, lossy: boolean, payload: number[]) =>
      call.sendData(destination, kind, lossy, Uint8Array.from(payload)),
    takeData: () => data.splice(0),
  };
  Object.assign(window, { sotto });
}
