// Keys from the room's passphrase. The frame worker derives them; here it is told who is there.

import type { PublishedKeys, SuiteName } from "../e2ee/KeyProvider.ts";
import type { FrameWorker } from "../rtc/FrameWorker.ts";
import type { JoinReply, ParticipantInfo } from "../signaling/messages.ts";
import type { CallKeys, CallKeysHost } from "./CallKeys.ts";
import { chooseSuite } from "./suiteChoice.ts";

/** Joins close together make one forced key frame, ms. */
const KEY_FRAME_DELAY_MS = 250;

/** `suite`: what to seal with; undefined: the first of the room's. */
export class ExternalKeys implements CallKeys {
  readonly needsMessages = false;
  readonly security = undefined;
  readonly messages = undefined;
  readonly messageCounters = undefined;
  private host: CallKeysHost | undefined;
  private published: Promise<PublishedKeys> | undefined;
  private keyFrameTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly worker: FrameWorker,
    passphrase: string,
    room: string,
    private readonly suite: SuiteName | undefined,
  ) {
    worker.setPassphrase(passphrase, room);
  }

  connect(host: CallKeysHost): void {
    this.host = host;
  }

  async joined({ self, room }: JoinReply, fresh: boolean): Promise<PublishedKeys> {
    const suite = chooseSuite(this.suite, room.suites);
    if (fresh || this.published === undefined) this.published = this.worker.takeOwnKey(self.sender, suite);
    return this.published;
  }

  memberSeen(participant: ParticipantInfo, before: ParticipantInfo | undefined): void {
    const keysOf = (of: ParticipantInfo | undefined) => JSON.stringify(of?.e2ee);
    if (participant.e2ee !== undefined && keysOf(before) !== keysOf(participant)) {
      this.worker.setMember(participant.sender, participant.e2ee);
    }
    if (before !== undefined) return;
    this.keyFrameTimer ??= setTimeout(() => {
      this.keyFrameTimer = undefined;
      this.host?.forceKeyFrames();
    }, KEY_FRAME_DELAY_MS);
  }

  memberGone({ sender }: ParticipantInfo): void {
    this.worker.removeMember(sender);
  }

  event(): void {
    // The server says nothing about keys that come from elsewhere.
  }

  direct(): void {
    // These keys come from elsewhere.
  }

  channelLost(): void {
    // Nothing of theirs was on its way.
  }

  rotations(): readonly object[] {
    return [];
  }

  left(): void {
    clearTimeout(this.keyFrameTimer);
  }
}
