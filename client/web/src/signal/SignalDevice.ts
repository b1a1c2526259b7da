// A device of ours: identity, prekeys, sessions with other devices. Each operation computes without waiting on a draft,
// then commits it, and only then gives its result; operations run one after another. One that is refused, or whose
// commit fails, changes nothing.

import { type Bytes } from "../e2ee/bytes.ts";
import { generateKeyPair, PublicKey, systemRandom, type RandomBytes } from "./curve.ts";
import { type DeviceStore, type StoreChanges } from "./DeviceStore.ts";
import {
  checkBundle,
  createOneTimePreKey,
  createSignedPreKey,
  drawRegistrationId,
  MAX_PREKEY_ID,
  nextPreKeyId,
  type PreKeyBundle,
  type SignedPreKey,
} from "./preKeys.ts";
import { parsePreKeySignalMessage, type PreKeySignalMessage } from "./PreKeySignalMessage.ts";
import { archive, expire, open, promote, promoteMatching, seal, type SessionRecord } from "./SessionRecord.ts";
import { initiatorSession, openWith, responderSession, type SealedMessage, type SessionState } from "./SessionState.ts";
import { IdentityChanged, SignalError } from "./SignalError.ts";
import { parseSignalMessage } from "./SignalMessage.ts";
import { StoreDraft } from "./StoreDraft.ts";
import { sign } from "./xeddsa.ts";

/** One-time prekeys that a device publishes. */
export const ONE_TIME_PREKEYS = 100;
/** A signed prekey older than this is renewed. */
const SIGNED_PREKEY_LIFE_MS = 7 * 24 * 3600 * 1000;
/** Private one-time prekeys kept, the oldest dropped: a directory that asks for ever more fills no disk. */
const MAX_STORED_PREKEYS = 1_000;

/** The public half of a prekey, for the directory. */
export interface PublishedPreKey {
  readonly id: number;
  readonly publicKey: PublicKey;
}

/** The public half of a signed prekey. */
export interface PublishedSignedPreKey extends PublishedPreKey {
  readonly signature: Bytes;
}

/** What a device registers with the directory. */
export interface Publication {
  readonly identityKey: PublicKey;
  readonly registrationId: number;
  readonly signedPreKey: PublishedSignedPreKey;
  readonly oneTimePreKeys: readonly PublishedPreKey[];
}

/** How things stand with another device. */
export interface SessionInfo {
  /** There is a current session: a message can be sealed. */
  readonly exists: boolean;
  readonly archived: number;
  readonly remoteRegistrationId: number | undefined;
}

function published({ id, keyPair, signature }: SignedPreKey): PublishedSignedPreKey {
  return { id, publicKey: keyPair.publicKey, signature };
}

export class SignalDevice {
  private tail: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly store: DeviceStore,
    private readonly random: RandomBytes,
    /** Our identity key. */
    readonly identityKey: PublicKey,
    /** 1..16380. */
    readonly registrationId: number,
    private readonly wallClock: () => number,
  ) {}

  /**
   * The device in `store`, made anew when the store is empty (`now` in milliseconds since 1970). Nobody else may use the
   * store while the device lives. `wallClock` says how old sessions are, ms since 1970.
   */
  static async open(
    store: DeviceStore,
    now: number,
    random: RandomBytes = systemRandom,
    wallClock: () => number = Date.now,
  ): Promise<SignalDevice> {
    const draft = new StoreDraft(store);
    const device = draft.device() ?? SignalDevice.create(draft, now, random);
    if (draft.changes.size > 0) await store.commit(draft.changes);
    return new SignalDevice(store, random, device.identity.publicKey, device.registrationId, wallClock);
  }

  private static create(draft: StoreDraft, now: number, random: RandomBytes) {
    const identity = generateKeyPair(random);
    const registrationId = drawRegistrationId(random);
    const device = { identity, registrationId, signedPreKeyId: 1, nextOneTimeId: randomPreKeyId(random) };
    draft.setSignedPreKey(createSignedPreKey(device.signedPreKeyId, identity, now, random));
    draft.setDevice(device);
    addPreKeys(draft, ONE_TIME_PREKEYS, random);
    return device;
  }

  /** Runs `work` after all operations before it, commits what it changed, then gives its result. */
  private exclusively<T>(work: (draft: StoreDraft) => T): Promise<T> {
    const result = this.tail.then(async () => {
      const draft = new StoreDraft(this.store);
      const value = work(draft);
      if (draft.changes.size > 0) await this.store.commit(draft.changes);
      return value;
    });
    this.tail = result.catch(() => undefined);
    return result;
  }

  private seconds(): number {
    return Math.floor(this.wallClock() / 1000);
  }

  /** Everything public that the directory is to have of us. */
  publication(): Promise<Publication> {
    return this.exclusively((draft) => {
      const device = draft.requireDevice();
      const oneTimePreKeys = draft.oneTimePreKeyIds().flatMap((id) => {
        const preKey = draft.oneTimePreKey(id);
        return preKey === undefined ? [] : [{ id, publicKey: preKey.keyPair.publicKey }];
      });
      return {
        identityKey: this.identityKey,
        registrationId: this.registrationId,
        signedPreKey: published(requireSigned(draft, device.signedPreKeyId)),
        oneTimePreKeys,
      };
    });
  }

  /** Makes `count` more one-time prekeys; their public halves. */
  addOneTimePreKeys(count: number): Promise<PublishedPreKey[]> {
    return this.exclusively((draft) => addPreKeys(draft, count, this.random));
  }

  /**
   * A new signed prekey when the published one is older than seven days at `now`, or at once when `force`d; undefined
   * when it need not be. The one before is kept, for messages under way; older ones go.
   */
  renewSignedPreKey(now: number, force = false): Promise<PublishedSignedPreKey | undefined> {
    return this.exclusively((draft) => {
      const device = draft.requireDevice();
      const last = requireSigned(draft, device.signedPreKeyId);
      if (!force && now - last.createdAt < SIGNED_PREKEY_LIFE_MS) return undefined;
      const fresh = createSignedPreKey(nextPreKeyId(last.id), device.identity, now, this.random);
      for (const id of draft.signedPreKeyIds()) if (id !== last.id) draft.removeSignedPreKey(id);
      draft.setSignedPreKey(fresh);
      draft.setDevice({ ...device, signedPreKeyId: fresh.id });
      return published(fresh);
    });
  }

  /** XEdDSA by our identity key. */
  sign(message: Uint8Array): Promise<Bytes> {
    return this.exclusively((draft) => sign(draft.requireDevice().identity.privateKey, message, this.random));
  }

  /** How things stand with the device at `address`. */
  session(address: string): Promise<SessionInfo> {
    return this.exclusively((draft) => {
      const { current, archived } = expire(draft.sessions(address), this.seconds());
      const remoteRegistrationId = current?.remoteRegistrationId;
      return { exists: current !== undefined, archived: archived.length, remoteRegistrationId };
    });
  }

  /** The identity key pinned for the device at `address`, if any. */
  pinnedIdentity(address: string): Promise<PublicKey | undefined> {
    return this.exclusively((draft) => draft.pinned(address));
  }

  /** Pins `identityKey`, because the user accepted it. Sessions with another identity at this address are gone. */
  acceptIdentity(address: string, identityKey: PublicKey): Promise<void> {
    return this.exclusively((draft) => {
      if (draft.pinned(address)?.equals(identityKey)) return;
      draft.removeSessions(address);
      draft.pin(address, identityKey);
    });
  }

  /** Opens a session as initiator; throws `invalid-signature`, `untrusted-identity`. */
  initiate(address: string, bundle: PreKeyBundle): Promise<void> {
    return this.exclusively((draft) => {
      checkBundle(bundle);
      requireTrust(draft, address, bundle.identityKey);
      const session = initiatorSession({
        ourIdentity: draft.requireDevice().identity,
        ourBase: generateKeyPair(this.random),
        ourRatchet: generateKeyPair(this.random),
        theirIdentity: bundle.identityKey,
        theirSignedPreKey: bundle.signedPreKey.publicKey,
        theirOneTimePreKey: bundle.oneTimePreKey?.publicKey,
        localRegistrationId: this.registrationId,
        remoteRegistrationId: bundle.registrationId,
        pending: { preKeyId: bundle.oneTimePreKey?.id, signedPreKeyId: bundle.signedPreKey.id, since: this.seconds() },
      });
      draft.setSessions(address, promote(draft.sessions(address), session));
      draft.pin(address, bundle.identityKey);
    });
  }

  /** Ends the current session: late messages of it still open, the next message to send needs a new one. */
  archiveSession(address: string): Promise<void> {
    return this.exclusively((draft) => {
      const record = draft.sessions(address);
      if (record.current !== undefined) draft.setSessions(address, archive(record));
    });
  }

  /** Forgets all sessions with a device, not its pinned identity. */
  deleteSessions(address: string): Promise<void> {
    return this.exclusively((draft) => draft.removeSessions(address));
  }

  /** Seals `plaintext` for one device; throws `no-session`, `untrusted-identity`, `exhausted`. */
  async encrypt(address: string, plaintext: Uint8Array): Promise<SealedMessage> {
    const [sealed] = await this.encryptAll([{ address, plaintext }]);
    return sealed!;
  }

  /**
   * Seals for many devices with one commit: all or none. What `alsoStore` gives (names under APPLICATION) is in the same
   * commit, so that an outbox outlives a crash. Throws as `encrypt` does.
   */
  encryptAll(
    messages: readonly { readonly address: string; readonly plaintext: Uint8Array }[],
    alsoStore?: (sealed: readonly SealedMessage[]) => StoreChanges,
  ): Promise<SealedMessage[]> {
    return this.exclusively((draft) => {
      const all = messages.map(({ address, plaintext }) => {
        const { record, sealed } = seal(expire(draft.sessions(address), this.seconds()), plaintext);
        if (record.current !== undefined) requireTrust(draft, address, record.current.remoteIdentity);
        draft.setSessions(address, record);
        return sealed;
      });
      if (alsoStore !== undefined) draft.add(alsoStore(all));
      return all;
    });
  }

  /**
   * Opens a message from the device at `address`; every refusal of SignalError may come. What `alsoStore` gives (names
   * under APPLICATION) is in the same commit: a message opens once only, and a crash must not lose what it said.
   */
  decrypt(
    address: string,
    { kind, bytes }: { kind: SealedMessage["kind"]; bytes: Uint8Array },
    alsoStore?: (plaintext: Bytes) => StoreChanges,
  ): Promise<Bytes> {
    return this.exclusively((draft) => {
      const opened =
        kind === "prekey"
          ? this.openPreKeyMessage(draft, address, parsePreKeySignalMessage(bytes))
          : open(draft.sessions(address), parseSignalMessage(bytes), this.random);
      if (opened.record.current !== undefined) requireTrust(draft, address, opened.record.current.remoteIdentity);
      draft.setSessions(address, opened.record);
      if (alsoStore !== undefined) draft.add(alsoStore(opened.plaintext));
      return opened.plaintext;
    });
  }

  private openPreKeyMessage(
    draft: StoreDraft,
    address: string,
    message: PreKeySignalMessage,
  ): { record: SessionRecord; plaintext: Bytes } {
    requireTrust(draft, address, message.identityKey);
    const record = draft.sessions(address);
    const known = promoteMatching(record, message.baseKey);
    if (known !== undefined) return open(known, message.message, this.random);
    const { state, plaintext } = openWith(this.acceptSession(draft, message), message.message, this.random);
    if (message.preKeyId !== undefined) draft.removeOneTimePreKey(message.preKeyId);
    draft.pin(address, message.identityKey);
    return { record: promote(record, state), plaintext };
  }

  private acceptSession(draft: StoreDraft, message: PreKeySignalMessage): SessionState {
    const signedPreKey = draft.signedPreKey(message.signedPreKeyId);
    if (signedPreKey === undefined) {
      throw new SignalError("unknown-signed-prekey", `no signed prekey ${message.signedPreKeyId}`);
    }
    const oneTime = message.preKeyId === undefined ? undefined : draft.oneTimePreKey(message.preKeyId);
    if (message.preKeyId !== undefined && oneTime === undefined) {
      throw new SignalError("unknown-prekey", `no one-time prekey ${message.preKeyId}`);
    }
    return responderSession({
      ourIdentity: draft.requireDevice().identity,
      ourSignedPreKey: signedPreKey.keyPair,
      ourOneTimePreKey: oneTime?.keyPair,
      theirIdentity: message.identityKey,
      theirBase: message.baseKey,
      localRegistrationId: this.registrationId,
      remoteRegistrationId: message.registrationId,
    });
  }
}

/** 1..MAX_PREKEY_ID. */
function randomPreKeyId(random: RandomBytes): number {
  const [a, b, c] = random(3);
  return ((a! * 2 ** 16 + b! * 2 ** 8 + c!) % MAX_PREKEY_ID) + 1;
}

function addPreKeys(draft: StoreDraft, count: number, random: RandomBytes): PublishedPreKey[] {
  const device = draft.requireDevice();
  const made: PublishedPreKey[] = [];
  let id = device.nextOneTimeId;
  for (let i = 0; i < count; i++, id = nextPreKeyId(id)) {
    const preKey = createOneTimePreKey(id, random);
    draft.setOneTimePreKey(preKey);
    made.push({ id, publicKey: preKey.keyPair.publicKey });
  }
  draft.setDevice({ ...device, nextOneTimeId: id });
  // Ids go round: the oldest is the one farthest behind the next.
  const age = (known: number) => (id - known + MAX_PREKEY_ID) % MAX_PREKEY_ID;
  const byAge = draft.oneTimePreKeyIds().sort((a, b) => age(a) - age(b));
  for (const old of byAge.slice(MAX_STORED_PREKEYS)) draft.removeOneTimePreKey(old);
  return made;
}

function requireSigned(draft: StoreDraft, id: number): SignedPreKey {
  const preKey = draft.signedPreKey(id);
  if (preKey === undefined) throw new SignalError("storage", "the published signed prekey is missing");
  return preKey;
}

/** Throws IdentityChanged when another key is pinned for `address`. */
function requireTrust(draft: StoreDraft, address: string, identityKey: PublicKey): void {
  const pinned = draft.pinned(address);
  if (pinned !== undefined && !pinned.equals(identityKey)) throw new IdentityChanged(address, identityKey.serialized);
}
