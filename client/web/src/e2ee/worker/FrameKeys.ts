// The keys of one call and what happened to the frames under them. Lives in the worker for as long as the page, across
// PeerConnections: a key with a forgotten counter would be used twice.

import {
  ExternalKeyProvider,
  stretchPassphrase,
  type KeyProvider,
  type MediaKey,
  type PublishedKeys,
  type SuiteName,
} from "../KeyProvider.ts";
import { unpackKeyId } from "../KeyId.ts";
import { type KeyWatch } from "./KeyWatch.ts";
import { SFrameOpener, type OpenResult } from "../SFrameOpener.ts";
import { DataKeys } from "../DataKeys.ts";
import { SFrameSealer, type FrameDescription } from "../SFrameSealer.ts";
import type { SealReport, SenderReport } from "./messages.ts";

interface MutableReport {
  hasKey: boolean;
  opened: number;
  failed: number;
  withoutKey: number;
}

/** Senders kept in the report: hostile trailers can name any of 65,535. */
const MAX_REPORTED_SENDERS = 256;

export class FrameKeys {
  private provider: Promise<KeyProvider> | undefined;
  private sealer: SFrameSealer | undefined;
  private readonly opener = new SFrameOpener();
  private readonly reports = new Map<number, MutableReport>();
  private readonly counts = { sealed: 0, dropped: 0 };
  /** Key changes run one after another, in the order of the messages. */
  private queue: Promise<unknown> = Promise.resolve();

  /** The same keys, for data messages. */
  readonly data = new DataKeys();
  /** Set while keys are automatic: hears which keys frames name. */
  watch: KeyWatch | undefined;

  /** Keys come one by one from here on; those from before are forgotten. */
  setAutomatic(watch: KeyWatch): Promise<void> {
    this.watch = watch;
    this.provider = undefined;
    this.sealer = undefined;
    return this.inOrder(async () => {
      this.sealer = undefined;
      this.data.clear();
      for (const sender of this.reports.keys()) this.opener.forget(sender);
      this.reports.clear();
    });
  }

  /** Resolves once frames are sealed with this key. Every key starts its own counter, so none may come twice. */
  useKey(key: MediaKey): Promise<void> {
    return this.inOrder(async () => {
      this.sealer = await SFrameSealer.create(key.suite, key.sk, key.id);
      this.data.use(key);
    });
  }

  installKey(key: MediaKey): Promise<void> {
    return this.inOrder(async () => {
      await this.opener.install(key.suite, key.sk, key.id);
      this.data.install(key);
      this.report(key.id.sender).hasKey = true;
    });
  }

  /** Without a generation: all of the sender. */
  removeKeys(sender: number, generation: number | undefined): Promise<void> {
    return this.inOrder(async () => {
      this.opener.forget(sender, generation);
      this.data.forget(sender, generation);
      if (generation === undefined && this.reports.has(sender)) this.report(sender).hasKey = false;
    });
  }

  setPassphrase(passphrase: string, room: string): void {
    this.watch = undefined;
    this.provider = stretchPassphrase(passphrase, room).then((secret) => new ExternalKeyProvider(secret));
  }

  /** Draws the own key for a fresh join. Until it is there, every frame is dropped. */
  takeOwnKey(sender: number, suite: SuiteName): Promise<PublishedKeys> {
    this.sealer = undefined;
    this.data.use(undefined);
    return this.inOrder(async () => {
      const { key, published } = await (await this.requireProvider()).ownKey(sender, suite);
      this.sealer = await SFrameSealer.create(key.suite, key.sk, key.id);
      this.data.use(key);
      return published;
    });
  }

  setMember(sender: number, published: unknown): Promise<void> {
    return this.inOrder(async () => {
      const key = await (await this.requireProvider()).memberKey(sender, published);
      this.data.forget(sender);
      if (key === undefined) this.opener.forget(sender);
      else await this.opener.install(key.suite, key.sk, key.id);
      if (key !== undefined) this.data.install(key);
      this.report(sender).hasKey = key !== undefined;
    });
  }

  removeMember(sender: number): Promise<void> {
    return this.inOrder(async () => {
      this.opener.forget(sender);
      this.data.forget(sender);
      this.reports.delete(sender);
    });
  }

  /** The sealed frame; undefined when there is no key, and then nothing may be sent. */
  async seal(frame: Uint8Array, description: FrameDescription): Promise<ArrayBuffer | undefined> {
    const sealed = await this.sealer?.seal(frame, description);
    if (sealed === undefined) return undefined;
    this.counts.sealed++;
    return sealed.buffer;
  }

  countDropped(): void {
    this.counts.dropped++;
  }

  async open(sealed: Uint8Array): Promise<OpenResult> {
    const result = await this.opener.open(sealed);
    if (result.kind === "malformed" || result.kind === "replayed") return result;
    const id = unpackKeyId(result.metadata.kid)!;
    const { sender } = id;
    if (result.kind === "opened") this.watch?.opened(id);
    else if (result.kind === "unknown-key") this.watch?.unknown(id);
    if (!this.reports.has(sender) && this.reports.size >= MAX_REPORTED_SENDERS) return result;
    const report = this.report(sender);
    if (result.kind === "opened") report.opened++;
    else if (result.kind === "forged") report.failed++;
    else report.withoutKey++;
    return result;
  }

  ownReport(): SealReport {
    return { ...this.counts };
  }

  senderReports(): SenderReport[] {
    return Array.from(this.reports, ([sender, report]) => ({ sender, ...report }));
  }

  private report(sender: number): MutableReport {
    let report = this.reports.get(sender);
    if (report === undefined) {
      report = { hasKey: false, opened: 0, failed: 0, withoutKey: 0 };
      this.reports.set(sender, report);
    }
    return report;
  }

  private requireProvider(): Promise<KeyProvider> {
    return this.provider ?? Promise.reject(new Error("no passphrase yet"));
  }

  private inOrder<T>(change: () => Promise<T>): Promise<T> {
    const done = this.queue.then(change);
    this.queue = done.catch(() => undefined);
    return done;
  }
}
