// One session with one device: what the Double Ratchet remembers, and its two moves, seal and open. A state is never
// changed: every move gives a new one, so that a move that fails leaves nothing behind.

import { type Bytes } from "../e2ee/bytes.ts";
import {
  messageKeys,
  messageSeed,
  nextChainKey,
  rootStep,
  sessionRoot,
  type ChainKey,
} from "./chains.ts";
import { generateKeyPair, type KeyPair, type PublicKey, type RandomBytes } from "./curve.ts";
import { writePreKeySignalMessage } from "./PreKeySignalMessage.ts";
import { MAX_UINT32 } from "./protobuf.ts";
import { SignalError } from "./SignalError.ts";
import { openSignalMessage, sealSignalMessage, type SignalMessage } from "./SignalMessage.ts";
import { initiatorSecret, responderSecret, type InitiatorKeys, type ResponderKeys } from "./x3dh.ts";

/** Receiving chains kept, the newest included, as deployed. */
const MAX_RECEIVER_CHAINS = 5;
/** Keys of skipped messages kept for each chain, as deployed; the oldest go first. */
export const MAX_SKIPPED_KEYS = 2_000;
/** How far ahead of a chain a message may be in the current session, as deployed. */
export const MAX_FORWARD_JUMP = 25_000;

/** The key of a message that has not come yet. */
export interface SkippedKey {
  readonly index: number;
  readonly seed: Bytes;
}

/** The messages that the other side sends under one of its ratchet keys. */
export interface ReceiverChain {
  readonly ratchetKey: PublicKey;
  readonly chainKey: ChainKey;
  /** Oldest first. */
  readonly skipped: readonly SkippedKey[];
}

/** The messages that we send under our ratchet key. */
export interface SenderChain {
  readonly ratchet: KeyPair;
  readonly chainKey: ChainKey;
}

/** What goes with every message until the other side has answered. */
export interface PendingPreKey {
  readonly preKeyId: number | undefined;
  readonly signedPreKeyId: number;
  /** When the session began, seconds since 1970. */
  readonly since: number;
}

/** A session that we began and that nobody has ever answered is used for so long, as deployed. */
export const UNANSWERED_SECONDS = 30 * 24 * 3600;

/** Whether a session has waited for an answer for too long: the prekeys that it hangs on are not kept for ever. */
export function hasExpired({ pending }: SessionState, nowSeconds: number): boolean {
  return pending !== undefined && nowSeconds - pending.since > UNANSWERED_SECONDS;
}

export interface SessionState {
  readonly localIdentity: PublicKey;
  readonly remoteIdentity: PublicKey;
  readonly localRegistrationId: number;
  readonly remoteRegistrationId: number;
  /** The initiator's key for this session: tells sessions apart. */
  readonly baseKey: PublicKey;
  readonly pending: PendingPreKey | undefined;
  readonly rootKey: Bytes;
  readonly previousCounter: number;
  readonly sender: SenderChain;
  /** Oldest first. */
  readonly receivers: readonly ReceiverChain[];
}

interface Registrations {
  readonly localRegistrationId: number;
  readonly remoteRegistrationId: number;
}

/** The initiator's new session; `ourRatchet` is drawn for it. */
export function initiatorSession(
  keys: InitiatorKeys & Registrations & { readonly ourRatchet: KeyPair; readonly pending: PendingPreKey },
): SessionState {
  const { rootKey, chainKey } = sessionRoot(initiatorSecret(keys));
  const sending = rootStep(rootKey, keys.ourRatchet.privateKey, keys.theirSignedPreKey);
  return {
    localIdentity: keys.ourIdentity.publicKey,
    remoteIdentity: keys.theirIdentity,
    localRegistrationId: keys.localRegistrationId,
    remoteRegistrationId: keys.remoteRegistrationId,
    baseKey: keys.ourBase.publicKey,
    pending: keys.pending,
    rootKey: sending.rootKey,
    previousCounter: 0,
    sender: { ratchet: keys.ourRatchet, chainKey: sending.chainKey },
    receivers: [{ ratchetKey: keys.theirSignedPreKey, chainKey, skipped: [] }],
  };
}

/** The responder's new session: its signed prekey is its first ratchet key. */
export function responderSession(keys: ResponderKeys & Registrations): SessionState {
  const { rootKey, chainKey } = sessionRoot(responderSecret(keys));
  return {
    localIdentity: keys.ourIdentity.publicKey,
    remoteIdentity: keys.theirIdentity,
    localRegistrationId: keys.localRegistrationId,
    remoteRegistrationId: keys.remoteRegistrationId,
    baseKey: keys.theirBase,
    pending: undefined,
    rootKey,
    previousCounter: 0,
    sender: { ratchet: keys.ourSignedPreKey, chainKey },
    receivers: [],
  };
}

/** A sealed message and how to read it. */
export interface SealedMessage {
  /** `prekey`: a PreKeySignalMessage; `signal`: a SignalMessage. */
  readonly kind: "prekey" | "signal";
  readonly bytes: Bytes;
}

/** Seals the next message. The state that comes with it must be stored before the message goes anywhere. */
export function sealWith(state: SessionState, plaintext: Uint8Array): { state: SessionState; sealed: SealedMessage } {
  const { ratchet, chainKey } = state.sender;
  if (chainKey.index >= MAX_UINT32) throw new SignalError("exhausted", "the sending chain has ended");
  const place = { ratchetKey: ratchet.publicKey, counter: chainKey.index, previousCounter: state.previousCounter };
  const ends = { sender: state.localIdentity, receiver: state.remoteIdentity };
  const message = sealSignalMessage(place, plaintext, messageKeys(messageSeed(chainKey)), ends);
  const next = { ...state, sender: { ratchet, chainKey: nextChainKey(chainKey) } };
  if (state.pending === undefined) return { state: next, sealed: { kind: "signal", bytes: message } };
  const { preKeyId, signedPreKeyId } = state.pending;
  const header = {
    preKeyId,
    signedPreKeyId,
    registrationId: state.localRegistrationId,
    baseKey: state.baseKey,
    identityKey: state.localIdentity,
  };
  return { state: next, sealed: { kind: "prekey", bytes: writePreKeySignalMessage(header, message) } };
}

/** A receiving chain, and the root key from which our next sending chain comes when the ratchet turns. */
interface Located {
  readonly chain: ReceiverChain;
  readonly turnedRoot: Bytes | undefined;
}

function locateChain(state: SessionState, ratchetKey: PublicKey): Located {
  const chain = state.receivers.find((known) => known.ratchetKey.equals(ratchetKey));
  if (chain !== undefined) return { chain, turnedRoot: undefined };
  const { rootKey, chainKey } = rootStep(state.rootKey, state.sender.ratchet.privateKey, ratchetKey);
  return { chain: { ratchetKey, chainKey, skipped: [] }, turnedRoot: rootKey };
}

/** The seed of message `counter`, and the chain without it. */
function takeSeed(chain: ReceiverChain, counter: number, maxJump: number): { seed: Bytes; chain: ReceiverChain } {
  if (counter < chain.chainKey.index) {
    const skipped = chain.skipped.find(({ index }) => index === counter);
    if (skipped === undefined) throw new SignalError("duplicate", `message ${counter} has been opened before`);
    return { seed: skipped.seed, chain: { ...chain, skipped: chain.skipped.filter((key) => key !== skipped) } };
  }
  if (counter - chain.chainKey.index > maxJump) throw new SignalError("too-far-ahead", "message too far ahead");
  if (counter === MAX_UINT32) throw new SignalError("exhausted", "the receiving chain has ended");
  const skipped = [...chain.skipped];
  let chainKey = chain.chainKey;
  for (; chainKey.index < counter; chainKey = nextChainKey(chainKey)) {
    // Keys that would be dropped again at once are not made.
    if (counter - chainKey.index <= MAX_SKIPPED_KEYS) skipped.push({ index: chainKey.index, seed: messageSeed(chainKey) });
  }
  return {
    seed: messageSeed(chainKey),
    chain: { ...chain, chainKey: nextChainKey(chainKey), skipped: skipped.slice(-MAX_SKIPPED_KEYS) },
  };
}

/** Turns our side of the ratchet: a fresh key pair and sending chain against their new ratchet key. */
function turn(state: SessionState, turnedRoot: Bytes, theirs: PublicKey, random: RandomBytes): SessionState {
  const ratchet = generateKeyPair(random);
  const { rootKey, chainKey } = rootStep(turnedRoot, ratchet.privateKey, theirs);
  return {
    ...state,
    rootKey,
    previousCounter: Math.max(state.sender.chainKey.index, 1) - 1,
    sender: { ratchet, chainKey },
  };
}

/**
 * Opens a message; throws `duplicate`, `too-far-ahead` (more than `maxJump` messages ahead of its chain), `exhausted`,
 * `invalid-key` or `invalid-message`.
 */
export function openWith(
  state: SessionState,
  message: SignalMessage,
  random: RandomBytes,
  maxJump: number = MAX_FORWARD_JUMP,
): { state: SessionState; plaintext: Bytes } {
  const located = locateChain(state, message.ratchetKey);
  const { seed, chain } = takeSeed(located.chain, message.counter, maxJump);
  const ends = { sender: state.remoteIdentity, receiver: state.localIdentity };
  const plaintext = openSignalMessage(message, messageKeys(seed), ends);
  const opened = { ...state, pending: undefined };
  if (located.turnedRoot === undefined) {
    const receivers = state.receivers.map((known) => (known === located.chain ? chain : known));
    return { state: { ...opened, receivers }, plaintext };
  }
  const receivers = [...state.receivers, chain].slice(-MAX_RECEIVER_CHAINS);
  return { state: turn({ ...opened, receivers }, located.turnedRoot, chain.ratchetKey, random), plaintext };
}
