// The page's side of the frame worker: transforms for new transceivers, keys in, counts out.

import type { Bytes } from "../e2ee/bytes.ts";
import type { DataRoute, OpenedData } from "../e2ee/DataKeys.ts";
import type { KeyId } from "../e2ee/KeyId.ts";
import type { MediaKey, PublishedKeys, SuiteName } from "../e2ee/KeyProvider.ts";
import type { FromWorker, SealReport, SenderReport, ToWorker, TransformOptions } from "../e2ee/worker/messages.ts";

export interface FrameWorkerListener {
  report(own: SealReport, senders: readonly SenderReport[]): void;
  /** Frames in a slot now open with this sender's key. */
  slotSender(slot: string, sender: number): void;
  failure(message: string): void;
}

/** Automatic keys: which keys frames name. */
export interface KeyWatchListener {
  keyOpened(key: KeyId): void;
  keyUnknown(key: KeyId): void;
}

/** One for the page's life: its worker holds the keys, and the counters that must not start again. */
export class FrameWorker {
  listener: FrameWorkerListener | undefined;
  keyListener: KeyWatchListener | undefined;
  private readonly worker: Worker;
  private readonly switching = new Map<number, () => void>();
  private readonly dataWork = new Map<number, (bytes: Bytes | undefined, sender: number | undefined) => void>();
  private lastTicket = 0;
  private readonly waiting = new Map<number, (published: PublishedKeys) => void>();

  constructor(url: string) {
    this.worker = new Worker(url, { type: "module", name: "sotto-frames" });
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.receive(data);
    this.worker.onerror = ({ message }) => this.listener?.failure(message || "The frame worker could not start.");
  }

  /** Whether this browser has what end-to-end encryption needs. */
  static get supported(): boolean {
    return typeof RTCRtpScriptTransform === "function" && typeof crypto?.subtle === "object";
  }

  /** Must be called in the same task as addTransceiver: Chromium ignores a transform that comes later. */
  attach(end: RTCRtpSender | RTCRtpReceiver, options: TransformOptions): void {
    end.transform = new RTCRtpScriptTransform(this.worker, options);
  }

  setPassphrase(passphrase: string, room: string): void {
    this.post({ type: "passphrase", passphrase, room });
  }

  /** Draws the own key of a fresh join; what comes back is published with the media. */
  takeOwnKey(sender: number, suite: SuiteName): Promise<PublishedKeys> {
    return new Promise((resolve) => {
      this.waiting.set(sender, resolve);
      this.post({ type: "own", sender, suite });
    });
  }

  setMember(sender: number, published: unknown): void {
    this.post({ type: "member", sender, published });
  }

  removeMember(sender: number): void {
    this.post({ type: "member-gone", sender });
  }

  /** Keys come one by one from here on. */
  setAutomatic(): void {
    this.post({ type: "automatic" });
  }

  /** Resolves once own frames are sealed with this key. */
  useKey(key: MediaKey): Promise<void> {
    const ticket = ++this.lastTicket;
    return new Promise((resolve) => {
      this.switching.set(ticket, resolve);
      this.post({ type: "use-key", key, ticket });
    });
  }

  installKey(key: MediaKey): void {
    this.post({ type: "install-key", key });
  }

  /** Without a generation: all keys of the sender. */
  removeKeys(sender: number, generation: number | undefined): void {
    this.post({ type: "remove-keys", sender, generation });
  }

  /** A data message sealed with the own key; undefined when there is none. */
  sealData(plain: Bytes, route: DataRoute): Promise<Bytes | undefined> {
    return new Promise((resolve) => {
      const ticket = ++this.lastTicket;
      this.dataWork.set(ticket, resolve);
      this.post({ type: "seal-data", ticket, plain, route });
    });
  }

  /** A data message that came by one of these routes, and whose key opened it; undefined when none does. */
  openData(sealed: Bytes, routes: readonly DataRoute[]): Promise<OpenedData | undefined> {
    return new Promise((resolve) => {
      const ticket = ++this.lastTicket;
      this.dataWork.set(ticket, (plain, sender) =>
        resolve(plain === undefined || sender === undefined ? undefined : { plain, sender }),
      );
      this.post({ type: "open-data", ticket, sealed, routes });
    });
  }

  /** Firefox's way to force key frames; does nothing in Chromium. */
  generateKeyFrames(): void {
    this.post({ type: "key-frame" });
  }

  /** A sender's picture has another size from here, and its layers other scales. */
  setCapture(name: string, height: number, scales: readonly number[]): void {
    this.post({ type: "capture", name, height, scales });
  }

  connectionClosed(): void {
    this.post({ type: "connection-closed" });
  }

  private post(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  private receive(message: FromWorker): void {
    switch (message.type) {
      case "published":
        this.waiting.get(message.sender)?.(message.published);
        this.waiting.delete(message.sender);
        break;
      case "report":
        this.listener?.report(message.own, message.senders);
        break;
      case "slot-sender":
        this.listener?.slotSender(message.slot, message.sender);
        break;
      case "data":
        this.dataWork.get(message.ticket)?.(message.bytes, message.sender);
        this.dataWork.delete(message.ticket);
        break;
      case "using":
        this.switching.get(message.ticket)?.();
        this.switching.delete(message.ticket);
        break;
      case "key-opened":
        this.keyListener?.keyOpened(message.key);
        break;
      case "key-unknown":
        this.keyListener?.keyUnknown(message.key);
        break;
      case "failure":
        this.listener?.failure(message.message);
        break;
      case "ready":
        break;
    }
  }
}
