// What a call needs of whoever sees to its keys: external ones from a passphrase, or automatic ones between devices.

import type { JoinReply, ParticipantInfo, ServerEventName, ServerEvents } from "../signaling/messages.ts";
import type { MessageCounters } from "../messages/MessageWays.ts";
import type { RequestFunction } from "../messages/SocketMailbox.ts";
import type { CallMessages } from "../messages/CallMessages.ts";
import type { Security } from "./Security.ts";

/** What the keys need of the call. */
export interface CallKeysHost {
  readonly request: RequestFunction;
  /** Over the data channel to one sender number, as a key message; false when it cannot go there. */
  sendDirect(sender: number, payload: Uint8Array): boolean;
  /** Between us and the server, ms; 0 when unknown. */
  roundTrip(): number;
  /** The next frame of every layer is to be a key frame. */
  forceKeyFrames(): void;
  /** Something to be seen has changed. */
  changed(): void;
}

export interface CallKeys {
  /** Sealed messages for this device are to come over the signaling socket. */
  readonly needsMessages: boolean;
  /** Before anything else. */
  connect(host: CallKeysHost): void;
  /**
   * In the room, at first and after every reconnection. `fresh`: under a new sender number, with nothing left of before;
   * what comes back is then published with the media.
   */
  joined(reply: JoinReply, fresh: boolean): Promise<unknown>;
  /** Somebody is there, or says something new about itself. */
  memberSeen(participant: ParticipantInfo, before: ParticipantInfo | undefined): void;
  memberGone(participant: ParticipantInfo): void;
  event<Name extends ServerEventName>(name: Name, data: ServerEvents[Name]): void;
  /** A key message has come over the data channel, of the participant with this number, as the server says. */
  direct(origin: number, payload: Uint8Array): void;
  /** Our data channel is gone. */
  channelLost(): void;
  /** The call is over. */
  left(): void;
  /** Changes of the own key, oldest first, without any key. */
  rotations(): readonly object[];
  /** Which ways key messages took; undefined with keys that send none. */
  readonly messageCounters: MessageCounters | undefined;
  /** Identities and their verification; undefined with keys that know no devices. */
  readonly security: Security | undefined;
  /** Files and texts between the devices; undefined with keys that know no devices. */
  readonly messages: CallMessages | undefined;
}
