// Chat and reactions beside the call. Nothing is kept: who joins later has not missed a secret.

import type { Call } from "../call/Call.ts";
import { MAX_CHAT_LENGTH, type DataMessage } from "../call/DataMessages.ts";
import { el, setAttribute } from "./dom.ts";

const REACTIONS = ["👍", "❤️", "😂", "👏", "🎉"] as const;
/** Lines that are kept on the screen. */
const MAX_LINES = 500;

export interface ChatActions {
  /** Somebody reacted (`name`: who; `key`: the tile). */
  reaction(participant: string, emoji: string): void;
  say(text: string): void;
}

export class ChatPanel {
  readonly element: HTMLElement;
  /** Messages since the panel was last open. */
  unread = 0;
  private readonly lines = el("ol", { class: "lines", "aria-live": "polite" });
  private readonly input = el("input", { id: "chat-text", maxlength: MAX_CHAT_LENGTH, autocomplete: "off", "aria-label": "Message" });

  constructor(
    private readonly call: Call,
    private readonly actions: ChatActions,
  ) {
    const close = el("button", { type: "button", class: "close", "aria-label": "Close" }, "×");
    close.onclick = () => this.toggle();
    const form = el("form", { class: "chat-form" }, this.input, el("button", { type: "submit" }, "Send"));
    form.onsubmit = (event) => {
      event.preventDefault();
      void this.submit();
    };
    const reactions = REACTIONS.map((emoji) => {
      const button = el("button", { type: "button", class: "reaction", "aria-label": `React with ${emoji}` }, emoji);
      button.onclick = () => void this.react(emoji);
      return button;
    });
    this.element = el(
      "aside",
      { class: "security chat", "aria-label": "Chat", hidden: true },
      el("header", {}, el("h2", {}, "Chat"), close),
      this.lines,
      el("div", { class: "reactions" }, ...reactions),
      form,
    );
    call.data.onMessage = (sender, message) => this.receive(sender, message);
  }

  toggle(): void {
    this.element.hidden = !this.element.hidden;
    this.unread = 0;
    if (!this.element.hidden) this.input.focus();
  }

  draw(): void {
    const open = this.call.dataOpen;
    this.input.disabled = !open;
    setAttribute(this.input, "placeholder", open ? "Sealed for everybody here" : "Connecting…");
  }

  private async submit(): Promise<void> {
    const text = this.input.value.trim();
    if (text === "") return;
    if (!(await this.send({ type: "chat", text, id: crypto.randomUUID() }))) return;
    this.input.value = "";
    this.line("You", text, true);
  }

  private async react(emoji: string): Promise<void> {
    const { self } = this.call;
    if ((await this.send({ type: "reaction", emoji })) && self !== undefined) this.actions.reaction(self.id, emoji);
  }

  private async send(message: DataMessage): Promise<boolean> {
    const result = await this.call.data.send(message);
    if (result !== "sent") this.actions.say("The message could not be sent. Try again in a moment.");
    return result === "sent";
  }

  private receive(sender: number, message: DataMessage): void {
    const from = [...this.call.roster.values()].find((participant) => participant.sender === sender);
    if (from === undefined) return;
    if (message.type === "reaction") this.actions.reaction(from.id, message.emoji);
    if (message.type !== "chat") return;
    this.line(from.name, message.text, false);
    if (this.element.hidden) this.unread++;
    this.call.onChange();
  }

  private line(name: string, text: string, own: boolean): void {
    this.lines.append(el("li", { class: own ? "own" : undefined, "data-name": name }, el("strong", {}, name), el("span", {}, text)));
    if (this.lines.childElementCount > MAX_LINES) this.lines.firstElementChild!.remove();
    this.lines.scrollTop = this.lines.scrollHeight;
  }
}
