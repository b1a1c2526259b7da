// What the agreement on media keys asks of those around it (docs/e2ee.md section 4). Plain values.

import { type MediaKey } from "../e2ee/KeyProvider.ts";
import { type KeyId } from "../e2ee/KeyId.ts";
import { type DeviceId } from "../messages/DeviceId.ts";

export type KeyAction =
  /**
   * Send this key to these devices; receipts and failures are to be handed back with `rotation`. `store`: into their
   * mailboxes, because they are invited and may not be connected.
   */
  | {
      readonly type: "send-key";
      readonly rotation: number;
      readonly key: MediaKey;
      readonly to: readonly DeviceId[];
      readonly store: boolean;
    }
  /** Seal with this key from the next frame on. */
  | { readonly type: "use-key"; readonly key: MediaKey }
  /** Open frames with this key, from now on. */
  | { readonly type: "install-key"; readonly key: MediaKey }
  /** Forget receive keys: one generation of a sender, or all. */
  | { readonly type: "remove-keys"; readonly sender: number; readonly generation: number | undefined }
  /** The next frame of every layer is to be a key frame. */
  | { readonly type: "force-key-frame" }
  /** Ask the device for the key of these frames, which are its own. */
  | { readonly type: "ask-for-key"; readonly of: DeviceId; readonly key: KeyId }
  /** Frames of this sender arrive that we have no key for, or no more. */
  | { readonly type: "waiting-for-keys"; readonly sender: number; readonly waiting: boolean }
  /** A rotation was drawn, or went live: look at its report. */
  | { readonly type: "rotation-news"; readonly rotation: number };

/** Why the own key changed: we joined, somebody joined, somebody left, or 255 ratchet steps are used up. */
export type RotationReason = "first" | "join" | "leave" | "exhausted";

/** The record of each change of our own media key. Times in ms of the clock that the agreement was given. */
export interface RotationReport {
  /** Counts from 1. */
  readonly number: number;
  readonly reason: RotationReason;
  readonly key: KeyId;
  readonly drawnAt: number;
  /** Live by then, with or without receipts. */
  dueAt: number;
  /** Nothing was sealed with the key before. */
  liveAt: number | undefined;
  /** Everybody it was sent to (by address), and when the receipt came. */
  readonly receipts: Map<string, number | undefined>;
  /** Those on whose account it was drawn. Their last key was in use from `knownAt` until `liveAt`. */
  readonly removed: { readonly device: DeviceId; readonly knownAt: number }[];
}
