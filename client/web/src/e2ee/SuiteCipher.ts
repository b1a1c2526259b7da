// The cryptographic half of SFrame: keys of one (suite, SK, KID), sealing and opening the pieces of a frame.
// Duo: HKDF labels and encrypt-then-MAC of the Duo technical paper (June 2020); GCM: RFC 9605 sections 4.4 and 4.5.
// Nothing here knows of replays or counters; SFrameSealer and SFrameOpener see to that.

import { bigEndian, concat, equalConstantTime, utf8, type Bytes } from "./bytes.ts";
import { Suite } from "./FrameMetadata.ts";
import { hkdf } from "./kdf.ts";
import { writeSFrameHeader } from "./SFrameHeader.ts";

/** The three authenticated parts of a frame that stay readable. */
export interface OpenParts {
  readonly ctr: bigint;
  readonly clear: Bytes;
  /** The encoded FrameMetadata. */
  readonly trailer: Bytes;
}

/** Seals and opens with the keys of one SK under one KID. */
export interface SuiteCipher {
  /** Ciphertext || MAC of `plain`. */
  seal(parts: OpenParts, plain: Bytes): Promise<Bytes>;
  /** The plaintext of Ciphertext || MAC; undefined when the MAC does not verify. */
  open(parts: OpenParts, sealed: Bytes): Promise<Bytes | undefined>;
}

/** Derives the keys of `suite` from `sk`; `kid` enters the derivation in the GCM suites only. */
export function deriveCipher(suite: Suite, sk: Bytes, kid: bigint): Promise<SuiteCipher> {
  return suite === Suite.Duo ? DuoCipher.derive(sk) : GcmCipher.derive(suite, sk, kid);
}

const NO_SALT: Bytes = new Uint8Array(0);
const DUO_MAC_LENGTH = 32;
const GCM_TAG_LENGTH = 16;

/** `ctr` as 96 bits, big-endian, XORed onto the first 12 bytes of `salt`. */
export function counterNonce(salt: Uint8Array, ctr: bigint): Bytes {
  const nonce = bigEndian(ctr, 12);
  for (let i = 0; i < nonce.length; i++) nonce[i] = nonce[i]! ^ salt[i]!;
  return nonce;
}

class DuoCipher implements SuiteCipher {
  private constructor(
    private readonly encryptionKey: CryptoKey,
    private readonly authenticationKey: CryptoKey,
    private readonly saltKey: Bytes,
  ) {}

  static async derive(sk: Bytes): Promise<DuoCipher> {
    const expand = (label: string, length: number) => hkdf("SHA-256", sk, NO_SALT, utf8(label), length);
    const [encryption, authentication, salt] = await Promise.all([
      expand("SFrameEncryptionKey", 16),
      expand("SFrameAuthenticationKey", 32),
      expand("SFrameSaltKey", 16),
    ]);
    const hmac = { name: "HMAC", hash: "SHA-256" };
    return new DuoCipher(
      await crypto.subtle.importKey("raw", encryption, "AES-CTR", false, ["encrypt", "decrypt"]),
      await crypto.subtle.importKey("raw", authentication, hmac, false, ["sign"]),
      salt,
    );
  }

  async seal(parts: OpenParts, plain: Bytes): Promise<Bytes> {
    const ciphertext = new Uint8Array(
      await crypto.subtle.encrypt(this.counterBlock(parts.ctr), this.encryptionKey, plain),
    );
    return concat(ciphertext, await this.mac(parts, ciphertext));
  }

  async open(parts: OpenParts, sealed: Bytes): Promise<Bytes | undefined> {
    if (sealed.length < DUO_MAC_LENGTH) return undefined;
    const ciphertext = sealed.subarray(0, sealed.length - DUO_MAC_LENGTH);
    const mac = sealed.subarray(sealed.length - DUO_MAC_LENGTH);
    if (!equalConstantTime(mac, await this.mac(parts, ciphertext))) return undefined;
    const block = this.counterBlock(parts.ctr);
    return new Uint8Array(await crypto.subtle.decrypt(block, this.encryptionKey, ciphertext));
  }

  private async mac({ clear, trailer }: OpenParts, ciphertext: Bytes): Promise<Bytes> {
    const covered = concat(clear, ciphertext, trailer);
    return new Uint8Array(await crypto.subtle.sign("HMAC", this.authenticationKey, covered));
  }

  // The low 32 bits stay free for AES-CTR's own block count: with the frame counter down there, block k of frame n
  // and block k-1 of frame n+1 would share key stream.
  private counterBlock(ctr: bigint): AesCtrParams {
    const counter = concat(counterNonce(this.saltKey, ctr), new Uint8Array(4));
    return { name: "AES-CTR", counter, length: 32 };
  }
}

/** AES-128 with SHA-256 or AES-256 with SHA-512, as RFC 9605 section 4.5 pairs them. */
const GCM_PARAMETERS = {
  [Suite.Aes128Gcm]: { hash: "SHA-256", keyLength: 16 },
  [Suite.Aes256Gcm]: { hash: "SHA-512", keyLength: 32 },
} as const;

/** Key and salt of RFC 9605 section 4.4.2 for a GCM suite. */
export async function deriveGcmKeys(
  suite: typeof Suite.Aes128Gcm | typeof Suite.Aes256Gcm,
  baseKey: Bytes,
  kid: bigint,
): Promise<{ key: Bytes; salt: Bytes }> {
  const { hash, keyLength } = GCM_PARAMETERS[suite];
  const context = concat(bigEndian(kid, 8), bigEndian(BigInt(suite), 2));
  const [key, salt] = await Promise.all([
    hkdf(hash, baseKey, NO_SALT, concat(utf8("SFrame 1.0 Secret key "), context), keyLength),
    hkdf(hash, baseKey, NO_SALT, concat(utf8("SFrame 1.0 Secret salt "), context), 12),
  ]);
  return { key, salt };
}

class GcmCipher implements SuiteCipher {
  private constructor(
    private readonly kid: bigint,
    private readonly key: CryptoKey,
    private readonly salt: Bytes,
  ) {}

  static async derive(
    suite: typeof Suite.Aes128Gcm | typeof Suite.Aes256Gcm,
    sk: Bytes,
    kid: bigint,
  ): Promise<GcmCipher> {
    const { key, salt } = await deriveGcmKeys(suite, sk, kid);
    return new GcmCipher(
      kid,
      await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]),
      salt,
    );
  }

  async seal(parts: OpenParts, plain: Bytes): Promise<Bytes> {
    return new Uint8Array(await crypto.subtle.encrypt(this.parameters(parts), this.key, plain));
  }

  async open(parts: OpenParts, sealed: Bytes): Promise<Bytes | undefined> {
    if (sealed.length < GCM_TAG_LENGTH) return undefined;
    try {
      return new Uint8Array(await crypto.subtle.decrypt(this.parameters(parts), this.key, sealed));
    } catch (error) {
      if (error instanceof DOMException && error.name === "OperationError") return undefined;
      throw error;
    }
  }

  private parameters({ ctr, clear, trailer }: OpenParts): AesGcmParams {
    const additionalData = concat(writeSFrameHeader({ kid: this.kid, ctr }), clear, trailer);
    return { name: "AES-GCM", iv: counterNonce(this.salt, ctr), additionalData, tagLength: 128 };
  }
}
