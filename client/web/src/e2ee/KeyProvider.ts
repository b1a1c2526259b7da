// Where media keys come from. The transforms ask nobody else: another way of agreeing on keys is another provider.

import { fromHex, toHex, utf8, type Bytes } from "./bytes.ts";
import { Suite } from "./FrameMetadata.ts";
import type { KeyId } from "./KeyId.ts";
import { externalKey } from "./kdf.ts";
import { scryptAsync } from "@noble/hashes/scrypt.js";

/** What a participant publishes about its keys; the server passes it on as it is. */
export interface PublishedKeys {
  readonly suite: SuiteName;
  /** 32 hexadecimal digits: the salt that the participant's SK was derived with. */
  readonly salt: string;
}

/** A media key with the id that frames carry. */
export interface MediaKey {
  readonly suite: Suite;
  readonly sk: Bytes;
  readonly id: KeyId;
}

/** Hands out media keys: one for sealing, one for each other sender. */
export interface KeyProvider {
  /** The own key for this join, and what to publish so that others can derive it. */
  ownKey(sender: number, suite: SuiteName): Promise<{ key: MediaKey; published: PublishedKeys }>;
  /** The key of another sender from what it published; undefined when that cannot be used. */
  memberKey(sender: number, published: unknown): Promise<MediaKey | undefined>;
}

/** Suites by the names that signaling uses. */
export const SUITES = { duo: Suite.Duo, aes128gcm: Suite.Aes128Gcm, aes256gcm: Suite.Aes256Gcm } as const;
export type SuiteName = keyof typeof SUITES;

/** Whether a name that came from elsewhere is one of our suites. */
export function isSuiteName(name: unknown): name is SuiteName {
  return typeof name === "string" && Object.hasOwn(SUITES, name);
}

/** scrypt's cost: about 32 MiB and a tenth of a second, once for each join. */
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, dkLen: 32 } as const;

/** The room's secret from a passphrase, salted with the room's name. */
export async function stretchPassphrase(passphrase: string, room: string): Promise<Bytes> {
  return new Uint8Array(await scryptAsync(utf8(passphrase), utf8(`SottoPassphrase:${room}`), SCRYPT));
}

/** External keys: one secret for the room, handed over by the application; every SK is derived from it. */
export class ExternalKeyProvider implements KeyProvider {
  constructor(private readonly secret: Bytes) {}

  async ownKey(sender: number, suite: SuiteName): Promise<{ key: MediaKey; published: PublishedKeys }> {
    const salt = crypto.getRandomValues(new Uint8Array(16));
    return {
      key: await this.derive(sender, SUITES[suite], salt),
      published: { suite, salt: toHex(salt) },
    };
  }

  async memberKey(sender: number, published: unknown): Promise<MediaKey | undefined> {
    if (typeof published !== "object" || published === null) return undefined;
    const { suite, salt } = published as { suite?: unknown; salt?: unknown };
    if (!isSuiteName(suite) || typeof salt !== "string" || !/^[0-9a-f]{32}$/i.test(salt)) return undefined;
    return this.derive(sender, SUITES[suite], fromHex(salt));
  }

  private async derive(sender: number, suite: Suite, salt: Bytes): Promise<MediaKey> {
    const sk = await externalKey(this.secret, salt, sender);
    return { suite, sk, id: { sender, generation: 0, step: 0 } };
  }
}
