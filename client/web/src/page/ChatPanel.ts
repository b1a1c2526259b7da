// Chat, reactions and files beside the call. Nothing is kept: who joins later has not missed a secret.

import type { Call } from "../call/Call.ts";
import type { CallFiles } from "../call/CallFiles.ts";
import { MAX_CHAT_LENGTH, type DataMessage } from "../call/DataMessages.ts";
import { Purpose, type Body } from "../messages/content.ts";
import { sameDevice, type DeviceId } from "../messages/DeviceId.ts";
import { el, icon, setAttribute } from "./dom.ts";
import { emojiAreDrawn } from "./emojiFont.ts";
import { ReceivedFile, SentFile } from "./FileLine.ts";

/** With the words that stand for them where no font has them. */
const REACTIONS = [["👍", "yes"], ["❤️", "love"], ["😂", "haha"], ["👏", "bravo"], ["🎉", "hooray"]] as const;
/** Lines that are kept on the screen. */
const MAX_LINES = 500;

/** What is shown for a reaction. */
export function reactionText(emoji: string): string {
  return emojiAreDrawn() ? emoji : (REACTIONS.find(([picture]) => picture === emoji)?.[1] ?? emoji);
}

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
    files: CallFiles | undefined,
    private readonly actions: ChatActions,
  ) {
    const close = el("button", { type: "button", class: "close", "aria-label": "Close" }, "×");
    close.onclick = () => this.toggle();
    const send = el("button", { type: "submit" }, "Send");
    const form = el("form", { class: "chat-form" }, ...(files === undefined ? [] : this.attachment(files)), this.input, send);
    form.onsubmit = (event) => {
      event.preventDefault();
      void this.submit();
    };
    const reactions = REACTIONS.map(([emoji, word]) => {
      const button = el("button", { type: "button", class: "reaction", "aria-label": `React: ${word}` }, reactionText(emoji));
      button.onclick = () => void this.react(emoji);
      return button;
    });
    this.element = el(
      "aside",
      { class: "security chat", "aria-label": "Chat", hidden: true },
      el("header", {}, el("h2", {}, "Chat"), close),
      this.lines,
      el("div", { class: emojiAreDrawn() ? "reactions" : "reactions in-words" }, ...reactions),
      form,
    );
    call.data.onMessage = (sender, message) => this.receive(sender, message);
    files?.messages.listen((from, body) => this.receiveBody(files, from, body));
  }

  toggle(): void {
    this.element.hidden = !this.element.hidden;
    this.unread = 0;
    if (this.element.hidden) return;
    this.lines.scrollTop = this.lines.scrollHeight;
    this.input.focus();
  }

  draw(): void {
    const open = this.call.dataOpen;
    this.input.disabled = !open;
    setAttribute(this.input, "placeholder", open ? "Sealed for all here" : "Connecting…");
  }

  /** The button, and the browser's own chooser that it opens. */
  private attachment(files: CallFiles): HTMLElement[] {
    const chooser = el("input", { id: "chat-file", type: "file", multiple: true, hidden: true, tabindex: -1 });
    chooser.onchange = () => {
      for (const file of chooser.files ?? []) this.append(new SentFile(files, file).element);
      // The same file may be chosen again.
      chooser.value = "";
    };
    const button = el("button", { type: "button", class: "attach", "aria-label": "Send a file", title: "Send a file" }, icon("attach"));
    button.onclick = () => chooser.click();
    return [button, chooser];
  }

  /** A file or a text over the sessions of devices; who sends one need not be in the call. */
  private receiveBody(files: CallFiles, from: DeviceId, { what }: Body): void {
    const sender = [...this.call.roster.values()].find((participant) => sameDevice(participant, from));
    const name = sender?.name ?? `${from.user} (not in this call)`;
    if (what.purpose === Purpose.MediaMessage) this.append(new ReceivedFile(files, what.media, name).element);
    else if (what.purpose === Purpose.Text) this.line(name, what.text, false);
    else return;
    if (this.element.hidden) this.unread++;
    this.call.onChange();
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
    this.append(el("li", { class: own ? "own" : undefined, "data-name": name }, el("strong", {}, name), el("span", {}, text)));
  }

  private append(line: HTMLElement): void {
    this.lines.append(line);
    if (this.lines.childElementCount > MAX_LINES) this.lines.firstElementChild!.remove();
    this.lines.scrollTop = this.lines.scrollHeight;
  }
}
