// How a sealed message travels over the data channel (docs/e2ee.md section 3, docs/data-channel.md): what the WebSocket says in
// JSON stands before the same sealed bytes. The payload of a data message of kind 1, big-endian:
//   format u8 (1) | type u8 (0 prekey, 1 signal) | purpose u8 (0 receipt, 1 media key) | message id (16)
//   | length of group u8 (1..64) | group | length of shared u16 | shared | body, the rest
// Who sent it is not in it: the server says so, and only a session with that very device opens it.

import { concat, utf8, type Bytes } from "../e2ee/bytes.ts";
import { MESSAGE_ID_LENGTH, Purpose } from "./content.ts";
import { type DeviceId } from "./DeviceId.ts";
import { PURPOSE_RECEIPT, type Envelope, type IncomingMessage, type OutgoingMessage } from "./ports.ts";

const FORMAT = 1;
const TYPES = ["prekey", "signal"] as const;
const PURPOSES: readonly number[] = [PURPOSE_RECEIPT, Purpose.MediaKey];
const MAX_GROUP = 64;
const MAX_SHARED = 0xffff;
/** Where the length of the group stands. */
const GROUP_AT = 3 + MESSAGE_ID_LENGTH;

/** Whether a message is of the kind that may go this way: a media key for those who are there, or a receipt for one. */
export function isKeyMessage({ purpose, stored }: { readonly purpose: number; readonly stored: boolean }): boolean {
  return !stored && PURPOSES.includes(purpose);
}

/** The part of a message that is for one recipient; undefined when it does not fit this form. */
export function encodeDirect(message: OutgoingMessage, to: Envelope): Bytes | undefined {
  const group = utf8(message.group);
  const shared = message.shared ?? new Uint8Array(0);
  const type = TYPES.indexOf(to.type as (typeof TYPES)[number]);
  if (type < 0 || !PURPOSES.includes(message.purpose)) return undefined;
  if (group.length === 0 || group.length > MAX_GROUP || shared.length > MAX_SHARED || to.body.length === 0) return undefined;
  return concat(
    Uint8Array.of(FORMAT, type, message.purpose),
    message.id,
    Uint8Array.of(group.length),
    group,
    Uint8Array.of(shared.length >> 8, shared.length & 255),
    shared,
    to.body,
  );
}

/** As it came from `from`; undefined when it is not in this form. */
export function decodeDirect(payload: Uint8Array, from: DeviceId): IncomingMessage | undefined {
  const [format, type = TYPES.length, purpose = -1] = payload;
  if (format !== FORMAT || TYPES[type] === undefined || !PURPOSES.includes(purpose)) return undefined;
  const groupLength = payload[GROUP_AT] ?? 0;
  const sharedAt = GROUP_AT + 1 + groupLength + 2;
  if (groupLength === 0 || groupLength > MAX_GROUP || sharedAt >= payload.length) return undefined;
  const sharedLength = (payload[sharedAt - 2]! << 8) | payload[sharedAt - 1]!;
  const bodyAt = sharedAt + sharedLength;
  if (bodyAt >= payload.length || (sharedLength > 0 && purpose !== Purpose.MediaKey)) return undefined;
  return {
    seq: 0,
    from,
    id: payload.slice(3, GROUP_AT),
    purpose,
    group: new TextDecoder().decode(payload.subarray(GROUP_AT + 1, sharedAt - 2)),
    type: TYPES[type],
    body: payload.slice(bodyAt),
    shared: sharedLength === 0 ? undefined : payload.slice(sharedAt, bodyAt),
    direct: true,
  };
}
