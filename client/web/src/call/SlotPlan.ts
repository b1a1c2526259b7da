// Which video slot shall show what: pictures that are already in a slot stay there (a change costs a key frame), new
// ones take free slots, and when there are too few the least important go without.

import type { SlotWish, Source } from "../signaling/messages.ts";

/** A picture that the page would like to show. */
export interface View {
  readonly participant: string;
  readonly source: Source;
  /** Height on the screen in device pixels. */
  readonly height: number;
  /** 0..100, higher first. */
  readonly priority: number;
}

/** Heights that cameras send; asking for one of these keeps a tile from changing its wish with every resize. */
const HEIGHT_STEPS = [90, 180, 360, 720, 1080, 1440, 2160] as const;

/** How far a picture may be scaled up before the next larger step is wanted. */
const MAX_UPSCALE = 1.34;

/** The least of the usual heights that looks sharp at `pixels`. */
export function wishedHeight(pixels: number): number {
  return HEIGHT_STEPS.find((step) => step * MAX_UPSCALE >= pixels) ?? HEIGHT_STEPS[HEIGHT_STEPS.length - 1]!;
}

const keyOf = (participant: string, source: Source) => `${participant}/${source}`;

export class SlotPlan {
  private readonly held: (string | undefined)[];

  constructor(slots: number) {
    this.held = new Array<string | undefined>(slots).fill(undefined);
  }

  get size(): number {
    return this.held.length;
  }

  /** The view for each slot, in the order of the slots; undefined: nothing. */
  assign(views: readonly View[]): (View | undefined)[] {
    const wanted = [...views].sort((a, b) => b.priority - a.priority).slice(0, this.held.length);
    const byKey = new Map(wanted.map((view) => [keyOf(view.participant, view.source), view]));
    for (const [i, key] of this.held.entries()) if (key !== undefined && !byKey.has(key)) this.held[i] = undefined;
    for (const key of byKey.keys()) {
      if (this.held.includes(key)) continue;
      const free = this.held.indexOf(undefined);
      if (free >= 0) this.held[free] = key;
    }
    return this.held.map((key) => (key === undefined ? undefined : byKey.get(key)));
  }
}

/** The `slots` of a subscribe request. */
export function wishes(mids: readonly string[], assigned: readonly (View | undefined)[]): SlotWish[] {
  return mids.flatMap((mid, i): SlotWish[] => {
    const view = assigned[i];
    if (view === undefined) return [];
    const { participant, source, priority } = view;
    return [{ mid, mode: "participant", participant, source, maxHeight: wishedHeight(view.height), priority }];
  });
}
