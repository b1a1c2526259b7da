// All sessions with one device: the current one and those that it replaced. Both sides may open a session at the same
// time, and either may open a new one at any time; messages of older sessions still open, and the session of the last
// message opened becomes the current one, so that both sides come to use the same one.

import { type Bytes } from "../e2ee/bytes.ts";
import { type PublicKey, type RandomBytes } from "./curve.ts";
import {
  hasExpired,
  MAX_FORWARD_JUMP,
  MAX_SKIPPED_KEYS,
  openWith,
  sealWith,
  type SealedMessage,
  type SessionState,
} from "./SessionState.ts";
import { SignalError } from "./SignalError.ts";
import { type SignalMessage } from "./SignalMessage.ts";

/** Archived sessions kept, as deployed; the oldest go first. */
export const MAX_ARCHIVED = 40;

/** Never changed: every move gives a new record. */
export interface SessionRecord {
  readonly current: SessionState | undefined;
  /** Newest first. */
  readonly archived: readonly SessionState[];
}

export const EMPTY_RECORD: SessionRecord = { current: undefined, archived: [] };

/** The record with `state` as its current session; the one before is archived. */
export function promote(record: SessionRecord, state: SessionState): SessionRecord {
  return { current: state, archived: archive(record).archived };
}

/** The record without a current session: the next message needs a new one, and late ones of the old still open. */
export function archive(record: SessionRecord): SessionRecord {
  if (record.current === undefined) return record;
  return { current: undefined, archived: [record.current, ...record.archived].slice(0, MAX_ARCHIVED) };
}

/** The record with the session that began with `baseKey` as its current one, or undefined when there is none. */
export function promoteMatching(record: SessionRecord, baseKey: PublicKey): SessionRecord | undefined {
  if (record.current?.baseKey.equals(baseKey)) return record;
  const match = record.archived.find((state) => state.baseKey.equals(baseKey));
  if (match === undefined) return undefined;
  return promote({ ...record, archived: record.archived.filter((state) => state !== match) }, match);
}

/** The record as it is at this time: a current session that nobody has ever answered is archived in the end. */
export function expire(record: SessionRecord, nowSeconds: number): SessionRecord {
  return record.current !== undefined && hasExpired(record.current, nowSeconds) ? archive(record) : record;
}

/** Seals with the current session; throws `no-session`, `exhausted`. */
export function seal(record: SessionRecord, plaintext: Uint8Array): { record: SessionRecord; sealed: SealedMessage } {
  if (record.current === undefined) throw new SignalError("no-session", "no session with that device");
  const { state, sealed } = sealWith(record.current, plaintext);
  return { record: { ...record, current: state }, sealed };
}

/** What `attempt` gives, or the refusal; a duplicate belongs to that very session and ends the search. */
function unlessRefused<T>(attempt: () => T): T | SignalError {
  try {
    return attempt();
  } catch (error) {
    if (!(error instanceof SignalError) || error.refusal === "duplicate") throw error;
    return error;
  }
}

/** Opens a message with whichever session it belongs to; throws `no-session`, `duplicate` or why the current one refused. */
export function open(
  record: SessionRecord,
  message: SignalMessage,
  random: RandomBytes,
): { record: SessionRecord; plaintext: Bytes } {
  let refusal = new SignalError("no-session", "no session with that device");
  if (record.current !== undefined) {
    const { current } = record;
    const opened = unlessRefused(() => openWith(current, message, random, MAX_FORWARD_JUMP));
    if (!(opened instanceof SignalError)) {
      return { record: { ...record, current: opened.state }, plaintext: opened.plaintext };
    }
    refusal = opened;
  }
  for (const state of record.archived) {
    // Every session is tried, so a long jump would cost a forty-fold: here no more than can be kept.
    const opened = unlessRefused(() => openWith(state, message, random, MAX_SKIPPED_KEYS));
    if (opened instanceof SignalError) {
      if (refusal.refusal === "no-session") refusal = opened;
      continue;
    }
    const rest = { ...record, archived: record.archived.filter((other) => other !== state) };
    return { record: promote(rest, opened.state), plaintext: opened.plaintext };
  }
  throw refusal;
}
