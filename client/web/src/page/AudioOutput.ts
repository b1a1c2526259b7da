// Plays the audio slots: one element for each, because that is what browsers mix best.

import { el } from "./dom.ts";

export class AudioOutput {
  readonly element = el("div", { hidden: true });
  private tracks: readonly MediaStreamTrack[] = [];

  /** Plays exactly these tracks. */
  update(tracks: readonly MediaStreamTrack[]): void {
    if (tracks.length === this.tracks.length && tracks.every((track, i) => track === this.tracks[i])) return;
    this.tracks = [...tracks];
    this.element.replaceChildren(
      ...tracks.map((track) => {
        const audio = el("audio", { autoplay: true });
        audio.srcObject = new MediaStream([track]);
        // Refused only before the first click, and the page is entered by one.
        audio.play().catch(() => undefined);
        return audio;
      }),
    );
  }

  close(): void {
    this.update([]);
  }
}
