// What the page and the frame worker say to each other. With external keys the worker derives all keys itself; automatic
// ones come from the messages between devices, which the page opens.

import type { Bytes } from "../bytes.ts";
import type { DataRoute } from "../DataKeys.ts";
import type { KeyId } from "../KeyId.ts";
import type { MediaKey, PublishedKeys, SuiteName } from "../KeyProvider.ts";

/** Options of a send transform. */
export interface SendOptions {
  readonly direction: "send";
  /** Name of the sender for later messages (microphone, camera, screen). */
  readonly name: string;
  /** Scale of each simulcast layer, lowest quality first; [1] for one layer. */
  readonly scales: readonly number[];
  readonly captureHeight: number;
}

/** Options of a receive transform. */
export interface ReceiveOptions {
  readonly direction: "receive";
  /** The page's own name for the slot. */
  readonly slot: string;
}

export type TransformOptions = SendOptions | ReceiveOptions;

export type ToWorker =
  /** The room's passphrase; stretched once. */
  | { readonly type: "passphrase"; readonly passphrase: string; readonly room: string }
  /** A fresh join: draw a new own key. Answered by `published`. */
  | { readonly type: "own"; readonly sender: number; readonly suite: SuiteName }
  /** What another participant has published; sent again only when it changes. */
  | { readonly type: "member"; readonly sender: number; readonly published: unknown }
  | { readonly type: "member-gone"; readonly sender: number }
  /** Keys come one by one from here on; until the first own key every own frame is dropped. */
  | { readonly type: "automatic" }
  /** Seal with this key from the next frame on. Answered by `using`. */
  | { readonly type: "use-key"; readonly key: MediaKey; readonly ticket: number }
  /** Open frames with this key. */
  | { readonly type: "install-key"; readonly key: MediaKey }
  /** Forget receive keys of a sender: of one generation, or all. */
  | { readonly type: "remove-keys"; readonly sender: number; readonly generation: number | undefined }
  /** Seal a data message with the own key. Answered by `data`. */
  | { readonly type: "seal-data"; readonly ticket: number; readonly plain: Bytes; readonly route: DataRoute }
  /** Open a data message that came by one of these routes. Answered by `data`. */
  | { readonly type: "open-data"; readonly ticket: number; readonly sealed: Bytes; readonly routes: readonly DataRoute[] }
  /** Firefox: make key frames on all video senders. */
  | { readonly type: "key-frame" }
  /** A sender's picture has another size from here, and its layers other scales. */
  | { readonly type: "capture"; readonly name: string; readonly height: number; readonly scales: readonly number[] }
  /** Own transforms and slots of a closed PeerConnection are forgotten. Keys and counters stay. */
  | { readonly type: "connection-closed" };

/** Frames of one sender since the key was installed, by what became of them. */
export interface SenderReport {
  readonly sender: number;
  readonly hasKey: boolean;
  readonly opened: number;
  readonly failed: number;
  readonly withoutKey: number;
}

/** The own frames: sealed and sent, or dropped because they could not be sealed. */
export interface SealReport {
  readonly sealed: number;
  readonly dropped: number;
}

export type FromWorker =
  | { readonly type: "ready" }
  | { readonly type: "published"; readonly sender: number; readonly published: PublishedKeys }
  | { readonly type: "report"; readonly own: SealReport; readonly senders: readonly SenderReport[] }
  /** The frames in a slot now open with this sender's key: sent on every change. */
  | { readonly type: "slot-sender"; readonly slot: string; readonly sender: number }
  /** Sealed, or opened with the key of `sender`; undefined when there is no key that does. */
  | { readonly type: "data"; readonly ticket: number; readonly bytes: Bytes | undefined; readonly sender: number | undefined }
  /** The key of `use-key` seals from here on. */
  | { readonly type: "using"; readonly ticket: number }
  /** Automatic keys: a frame opened with this key, or names one that is not there. Not told for every frame. */
  | { readonly type: "key-opened"; readonly key: KeyId }
  | { readonly type: "key-unknown"; readonly key: KeyId }
  | { readonly type: "failure"; readonly message: string };
