// One participant's picture, or their screen: video when it may be shown, else initials; name, microphone, lock, speaking
// frame, and statistics on demand.

import type { E2eeState } from "../call/E2eeState.ts";
import { el, icon, setAttribute, setIcon, setText, type IconName } from "./dom.ts";

export interface TileState {
  readonly name: string;
  readonly self: boolean;
  readonly screen: boolean;
  /** What the tile shows; undefined: no picture, initials. */
  readonly track: MediaStreamTrack | undefined;
  readonly mirrored: boolean;
  readonly microphoneMuted: boolean;
  readonly speaking: boolean;
  readonly away: boolean;
  readonly e2ee: E2eeState;
  readonly pinned: boolean;
  /** Lines of the statistics overlay; empty when it is off. */
  readonly statistics: readonly string[];
}

const LOCKS: Record<E2eeState, { icon: IconName; text: string }> = {
  sealed: { icon: "lock", text: "End-to-end encrypted: sealed and opened" },
  ready: { icon: "lock", text: "Key is there, nothing received yet" },
  waiting: { icon: "lock-waiting", text: "Waiting for the key" },
  failing: { icon: "lock-failing", text: "Cannot be opened: not the same key" },
  blocked: { icon: "lock-failing", text: "Blocked: this device's identity has changed" },
};

/** After a slot changed hands, its last old picture may still be on its way through the decoder, ms. */
const UNCOVER_DELAY_MS = 120;

/** How long a reaction stays, ms. */
const REACTION_MS = 4000;

export class TileView {
  readonly element: HTMLElement;
  readonly video = el("video", { autoplay: true, playsinline: true });
  private readonly initials = el("span", { class: "initials" });
  private readonly message = el("span", { class: "message" });
  private readonly nameText = el("span", { class: "name" });
  private readonly lockIcon = icon("lock");
  private readonly lock = el("span", { class: "lock", role: "img" }, this.lockIcon);
  private readonly mutedIcon = el("span", { class: "muted", role: "img", "aria-label": "Microphone is off" }, icon("microphone-off"));
  private readonly reaction = el("span", { class: "shown-reaction", role: "status", hidden: true });
  private readonly statistics = el("pre", { class: "statistics" });
  private uncoverTimer: ReturnType<typeof setTimeout> | undefined;
  private reactionTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly key: string, onPin: () => void) {
    this.video.muted = true;
    this.video.disablePictureInPicture = true;
    const avatar = el("div", { class: "avatar" }, this.initials, this.message);
    const label = el("div", { class: "label" }, this.lock, this.nameText, this.mutedIcon);
    this.element = el("article", { class: "tile", tabindex: 0 }, avatar, this.video, label, this.reaction, this.statistics);
    this.element.ondblclick = onPin;
    this.element.onkeydown = ({ key: pressed }) => {
      if (pressed === "Enter") onPin();
    };
  }

  /** Height on the screen in CSS pixels. */
  get height(): number {
    return this.element.clientHeight;
  }

  /** Shows a reaction for a moment. */
  react(shown: string): void {
    setText(this.reaction, shown);
    this.reaction.hidden = false;
    clearTimeout(this.reactionTimer);
    this.reactionTimer = setTimeout(() => (this.reaction.hidden = true), REACTION_MS);
  }

  update(state: TileState): void {
    this.showTrack(state.track);
    const { classList } = this.element;
    classList.toggle("mirrored", state.mirrored);
    classList.toggle("screen", state.screen);
    classList.toggle("speaking", state.speaking);
    classList.toggle("away", state.away);
    classList.toggle("pinned", state.pinned);
    const title = state.screen ? `${state.name}'s screen` : state.self ? `${state.name} (you)` : state.name;
    setText(this.nameText, title);
    setText(this.initials, initialsOf(state.name));
    this.initials.style.setProperty("--hue", String(hueOf(state.name)));
    setText(this.message, state.away ? "Reconnecting…" : messageOf(state.e2ee));
    const lock = LOCKS[state.e2ee];
    setIcon(this.lockIcon, lock.icon);
    setAttribute(this.lock, "aria-label", lock.text);
    setAttribute(this.lock, "title", lock.text);
    setAttribute(this.element, "data-e2ee", state.e2ee);
    setAttribute(this.element, "data-name", state.name);
    setAttribute(this.element, "data-source", state.screen ? "screen" : "camera");
    setAttribute(this.element, "aria-label", `${title}. ${lock.text}.${state.microphoneMuted ? " Microphone is off." : ""}`);
    this.mutedIcon.hidden = !state.microphoneMuted || state.screen;
    this.statistics.hidden = state.statistics.length === 0;
    setText(this.statistics, state.statistics.join("\n"));
  }

  private showTrack(track: MediaStreamTrack | undefined): void {
    const shown = (this.video.srcObject as MediaStream | null)?.getVideoTracks()[0];
    if (shown === track) return;
    clearTimeout(this.uncoverTimer);
    this.element.classList.remove("live");
    if (track === undefined) {
      this.video.srcObject = null;
      return;
    }
    this.video.srcObject = new MediaStream([track]);
    this.video.play().catch(() => undefined);
    this.uncoverTimer = setTimeout(() => this.element.classList.add("live"), UNCOVER_DELAY_MS);
  }
}

function messageOf(state: E2eeState): string {
  if (state === "blocked") return "Identity changed: blocked until you accept";
  if (state === "failing") return "Cannot be opened: not the same key";
  return state === "waiting" ? "Waiting for the key" : "";
}

/** First letters of the first and the last word. */
export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const letters = words.length > 1 ? [words[0]!, words[words.length - 1]!] : words.slice(0, 1);
  return letters.map((word) => [...word][0]!.toUpperCase()).join("");
}

/** A colour that stays with a name. */
function hueOf(name: string): number {
  return [...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)!) % 360, 11);
}
