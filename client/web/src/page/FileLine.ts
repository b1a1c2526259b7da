// A file in the chat: how far it has been sent, or a button that fetches and saves it.

import { safeFileName, sizeText, type CallFiles } from "../call/CallFiles.ts";
import { type Bytes } from "../e2ee/bytes.ts";
import { type Delivery } from "../messages/CallMessages.ts";
import { type MediaMessage } from "../messages/content.ts";
import { el, icon, setText } from "./dom.ts";

/** Pictures that browsers only ever draw. Others are saved, never shown: a page or an SVG can carry a script. */
const SHOWN_TYPES: readonly string[] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

const FAILED: Partial<Record<Delivery, string>> = {
  "out-of-reach": "out of reach",
  "mailbox-full": "mailbox full",
  "no-keys": "no keys",
  "bad-keys": "bad keys",
  "identity-changed": "identity changed: accept it first",
};

class FileLine {
  readonly element: HTMLElement;
  protected readonly status = el("span", { class: "file-state", role: "status" });
  protected readonly extra = el("div", { class: "file-extra" });
  private readonly progress = el("progress", { max: 1, value: 0, hidden: true, "aria-label": "Progress" });

  constructor(sender: string, own: boolean, name: string, size: number) {
    this.element = el(
      "li",
      { class: own ? "own file" : "file", "data-name": sender, "data-file": name },
      el("strong", {}, sender),
      el("div", { class: "file-line" }, icon("file"), el("span", { class: "file-name" }, name), el("small", {}, sizeText(size))),
      this.progress,
      this.status,
      this.extra,
    );
  }

  protected readonly showProgress = (done: number, all: number): void => {
    this.progress.hidden = false;
    this.progress.value = all === 0 ? 0 : done / all;
  };

  /** `state` is for the style: working, done or failed. */
  protected say(state: "working" | "done" | "failed", text: string): void {
    this.element.dataset["state"] = state;
    this.progress.hidden = state !== "working";
    setText(this.status, text);
  }

  protected fail(error: unknown): void {
    this.say("failed", error instanceof Error ? error.message : String(error));
  }
}

/** One that we send, from choosing it on. */
export class SentFile extends FileLine {
  constructor(
    private readonly files: CallFiles,
    file: File,
  ) {
    super("You", true, safeFileName(file.name), file.size);
    void this.send(file);
  }

  private async send(file: File): Promise<void> {
    this.say("working", "Sealing and sending…");
    try {
      let states: ReadonlyMap<string, Delivery> = new Map();
      states = await this.files.send(file, this.showProgress, () => this.showDeliveries(states));
      this.showDeliveries(states);
    } catch (error) {
      this.fail(error);
    }
  }

  private showDeliveries(states: ReadonlyMap<string, Delivery>): void {
    const all = [...states.values()];
    if (all.length === 0) return this.say("done", "Nobody else is here to get it.");
    const opened = all.filter((state) => state === "opened").length;
    const failed = [...new Set(all.map((state) => FAILED[state]).filter((text) => text !== undefined))];
    const arrived = `Sent, sealed; has arrived at ${opened} of ${all.length}`;
    this.say("done", failed.length === 0 ? arrived : `${arrived} (${failed.join(", ")})`);
  }
}

/** One that somebody has sent. */
export class ReceivedFile extends FileLine {
  private readonly button = el("button", { type: "button", class: "fetch" }, "Download");
  private address: string | undefined;

  constructor(
    private readonly files: CallFiles,
    private readonly media: MediaMessage,
    sender: string,
  ) {
    super(sender, false, safeFileName(media.name), media.size);
    this.button.onclick = () => void this.fetch();
    this.extra.append(this.button);
  }

  private async fetch(): Promise<void> {
    if (this.address !== undefined) return this.save(this.address);
    this.button.disabled = true;
    this.say("working", "Fetching and opening…");
    try {
      this.show(await this.files.open(this.media, this.showProgress));
    } catch (error) {
      this.fail(error);
      setText(this.button, "Try again");
    } finally {
      this.button.disabled = false;
    }
  }

  private show(bytes: Bytes): void {
    const shown = SHOWN_TYPES.includes(this.media.type);
    // Of no type that a browser would open in the name of this page.
    const type = shown ? this.media.type : "application/octet-stream";
    this.address = URL.createObjectURL(new Blob([bytes], { type }));
    if (shown) this.extra.prepend(el("img", { src: this.address, alt: safeFileName(this.media.name) }));
    setText(this.button, "Save again");
    this.say("done", "Saved; it is the file that was sent.");
    this.save(this.address);
  }

  private save(address: string): void {
    el("a", { href: address, download: safeFileName(this.media.name) }).click();
  }
}
