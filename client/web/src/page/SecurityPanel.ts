// Who is really there: the code of the whole call, and for each participant the safety number to compare, as digits and as
// a QR code, with the mark "verified".

import type { Call } from "../call/Call.ts";
import type { IdentityState, Security } from "../keys/Security.ts";
import { EMOJI, type CallCode } from "../signal/callCode.ts";
import type { ParticipantInfo } from "../signaling/messages.ts";
import { el, icon, setText } from "./dom.ts";
import { emojiAreDrawn } from "./emojiFont.ts";
import { qrSvg } from "./qr.ts";

const STATES: Record<IdentityState, string> = {
  unknown: "Exchanging keys…",
  known: "Not verified",
  verified: "Verified",
  changed: "Identity changed: blocked",
};

const groupsOf = (digits: string) => digits.match(/.{5}/g) ?? [];

/** The code in words, in pictures where there is a font for them, and in digits: the same on every screen. */
export function codeElement({ digits, emoji }: CallCode): HTMLElement {
  const pictures = emojiAreDrawn();
  const sign = (index: number) => {
    const [picture, name] = EMOJI[index]!;
    return el("span", { class: "sign" }, pictures && el("span", { class: "emoji", "aria-hidden": "true" }, picture), el("span", {}, name));
  };
  return el(
    "span",
    { class: "code", title: "The same on every screen, or somebody is in between." },
    el("span", { class: "signs" }, ...emoji.map(sign)),
    el("span", { class: "digits" }, groupsOf(digits).join(" ")),
  );
}

export class SecurityPanel {
  readonly element: HTMLElement;
  private readonly code = el("div", { class: "panel-code" });
  private readonly list = el("ul", { class: "identities" });
  /** Participant whose safety number is shown. */
  private opened: string | undefined;
  private drawn = "";

  constructor(
    private readonly call: Call,
    private readonly security: Security,
  ) {
    const close = el("button", { type: "button", class: "close", "aria-label": "Close" }, "×");
    close.onclick = () => this.hide();
    this.element = el(
      "aside",
      { class: "security", "aria-label": "Verification", hidden: true },
      el("header", {}, el("h2", {}, "Verify this call"), close),
      el("p", {}, "Read this code to each other. If it is the same on every screen, nobody is in between."),
      this.code,
      this.list,
    );
  }

  /** Shows the panel, with the safety number of a participant when one is named. */
  show(participant?: string): void {
    this.element.hidden = false;
    if (participant !== undefined) this.opened = participant;
    this.draw();
  }

  hide(): void {
    this.element.hidden = true;
  }

  toggle(): void {
    if (this.element.hidden) this.show();
    else this.hide();
  }

  /** Draws what has changed since. */
  draw(): void {
    if (this.element.hidden) return;
    const members = [...this.call.roster.values()];
    const { code } = this.security;
    const lines = members.map((each) => [each.id, each.name, this.security.state(each), this.security.identityText(each)]);
    const wanted = JSON.stringify([code, lines, this.opened]);
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    this.code.replaceChildren(
      code === undefined ? "Exchanging keys…" : codeElement(code),
    );
    this.list.replaceChildren(...members.map((each) => this.row(each)));
  }

  private row(participant: ParticipantInfo): HTMLElement {
    const state = this.security.state(participant);
    const shown = this.opened === participant.id;
    const compare = el("button", { type: "button", class: "compare", "aria-expanded": String(shown) }, shown ? "Hide" : "Compare");
    compare.disabled = state === "unknown";
    compare.onclick = () => {
      this.opened = shown ? undefined : participant.id;
      this.draw();
    };
    const text = el("span", { class: "identity-state" }, state === "verified" && icon("check"), STATES[state]);
    const who = el("div", { class: "who" }, el("strong", {}, participant.name), el("small", {}, participant.user), text);
    return el(
      "li",
      { "data-name": participant.name, "data-state": state },
      el("div", { class: "line" }, who, compare),
      shown && this.details(participant, state),
    );
  }

  private details(participant: ParticipantInfo, state: IdentityState): HTMLElement | false {
    const number = this.security.safetyNumber(participant);
    if (number === undefined) return false;
    const digits = el("p", { class: "safety-number", "aria-label": "Safety number" });
    setText(digits, groupsOf(number.digits).join(" "));
    const verified = state === "verified";
    const mark = el("button", { type: "button", class: "mark" }, verified ? "Take the mark back" : "Mark as verified");
    mark.onclick = () => void this.security.setVerified(participant, !verified);
    const accept = el("button", { type: "button", class: "accept" }, "Accept the new identity");
    accept.onclick = () => this.security.accept(participant);
    return el(
      "div",
      { class: "details" },
      el("p", {}, `You and ${participant.name} see the same 60 digits, or somebody is in between.`),
      digits,
      qrSvg(number.scannable, `Safety number with ${participant.name} as a QR code`),
      state === "changed" ? accept : mark,
    );
  }
}

/** The warning that cannot be missed: one bar for each participant whose identity has changed. */
export class IdentityWarnings {
  readonly element = el("div", { class: "identity-warnings" });
  private readonly bars = new Map<string, HTMLElement>();

  constructor(
    private readonly call: Call,
    private readonly security: Security,
    private readonly compare: (participant: string) => void,
  ) {}

  draw(): void {
    const changed = [...this.call.roster.values()].filter((each) => this.security.state(each) === "changed");
    for (const [id, bar] of this.bars) {
      if (changed.some((each) => each.id === id)) continue;
      bar.remove();
      this.bars.delete(id);
    }
    for (const participant of changed) {
      if (this.bars.has(participant.id)) continue;
      const bar = this.bar(participant);
      this.bars.set(participant.id, bar);
      this.element.append(bar);
    }
  }

  private bar(participant: ParticipantInfo): HTMLElement {
    const { name } = participant;
    const compare = el("button", { type: "button" }, "Compare");
    compare.onclick = () => this.compare(participant.id);
    const accept = el("button", { type: "button", class: "accept" }, "Accept");
    accept.onclick = () => this.security.accept(participant);
    return el(
      "div",
      { class: "identity-warning", role: "alert", "data-name": name },
      icon("lock-failing"),
      el(
        "span",
        {},
        el("strong", {}, `${name}'s identity has changed. `),
        `Either ${name} has a new device or browser profile, or somebody pretends to be ${name}. Nothing is sealed for ` +
          "or opened from there until you accept. Compare the safety number first, by another way than this call.",
      ),
      el("div", { class: "buttons" }, compare, accept),
    );
  }
}
