// Data messages of a call (docs/e2ee.md section 5): chat, reactions and whatever an application says, sealed with the
// sender's media key under a label of their own.
//
//   sealed = u32 KID || u64 counter || ChaCha20-Poly1305(key, salt XOR (u32 0 || u64 counter), plaintext)
//   additional data = "SottoData" || u32 KID || u64 counter || u8 reliable || u16 destination

import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { bigEndian, concat, equalConstantTime, readBigEndian, utf8, type Bytes } from "./bytes.ts";
import { packKeyId, unpackKeyId, type KeyId } from "./KeyId.ts";
import { type MediaKey } from "./KeyProvider.ts";
import { ReplayWindow } from "./ReplayWindow.ts";

/** How a data message travels; both are sealed with it. */
export interface DataRoute {
  readonly reliable: boolean;
  /** Sender number, 0: everyone. */
  readonly destination: number;
}

const LABEL = utf8("SottoData");
const HEADER = 12;
const TAG = 16;
/** Steps that a message may be ahead of the key that we have: each costs an HKDF, and anybody can name any step. */
const MAX_RATCHET = 255;
/** Messages of one sender for which no ratchet is tried after one that failed. */
const BETWEEN_FAILED_RATCHETS = 50;

const expand = (sk: Uint8Array, label: string, length: number) =>
  new Uint8Array(hkdf(sha256, sk, undefined, utf8(label), length));

function cipher(sk: Uint8Array, header: Uint8Array, { reliable, destination }: DataRoute) {
  const nonce = expand(sk, "SottoDataSalt", 12);
  header.subarray(4).forEach((byte, i) => (nonce[4 + i]! ^= byte));
  const route = concat(Uint8Array.of(reliable ? 1 : 0), bigEndian(BigInt(destination), 2));
  return chacha20poly1305(expand(sk, "SottoDataKey", 32), nonce, concat(LABEL, header, route));
}

/** Seals under a given counter: for DataKeys, which counts, and for known answers. */
export function sealData(sk: Uint8Array, id: KeyId, counter: bigint, route: DataRoute, plain: Uint8Array): Bytes {
  const header = concat(bigEndian(packKeyId(id), 4), bigEndian(counter, 8));
  return concat(header, cipher(sk, header, route).encrypt(plain));
}

interface ReceiveKey {
  readonly id: KeyId;
  readonly sk: Bytes;
  readonly replay: ReplayWindow;
}

export interface OpenedData {
  readonly sender: number;
  readonly plain: Bytes;
}

/** The keys of a call, as far as data messages need them. */
export class DataKeys {
  private own: { readonly key: MediaKey; next: bigint } | undefined;
  private readonly keys = new Map<bigint, ReceiveKey>();
  /** Windows of keys that were forgotten, with what tells that the same key is back. */
  private readonly retired = new Map<bigint, { readonly digest: Uint8Array; readonly replay: ReplayWindow }>();
  private readonly pauses = new Map<number, number>();

  /** Seals with this key from here on; undefined: with none. Every key counts from 0, so none may come twice. */
  use(key: MediaKey | undefined): void {
    this.own = key && { key, next: 0n };
  }

  install({ id, sk }: MediaKey): void {
    const kid = packKeyId(id);
    const known = this.keys.get(kid);
    if (known !== undefined && equalConstantTime(known.sk, sk)) return;
    const before = this.retired.get(kid);
    const replay = before && equalConstantTime(before.digest, sha256(sk)) ? before.replay : new ReplayWindow();
    this.retired.delete(kid);
    this.keys.set(kid, { id, sk, replay });
  }

  /** All keys of a sender, or those of one generation. */
  forget(sender: number, generation?: number): void {
    for (const [kid, { id, sk, replay }] of this.keys) {
      if (id.sender !== sender || (generation !== undefined && id.generation !== generation)) continue;
      replay.close();
      this.keys.delete(kid);
      this.retired.set(kid, { digest: sha256(sk), replay });
    }
    this.pauses.delete(sender);
  }

  /** Forgets everything. */
  clear(): void {
    this.own = undefined;
    for (const { id } of [...this.keys.values()]) this.forget(id.sender);
  }

  /** Undefined without a key: nothing may be sent then. */
  seal(plain: Uint8Array, route: DataRoute): Bytes | undefined {
    if (this.own === undefined) return undefined;
    const { key } = this.own;
    return sealData(key.sk, key.id, this.own.next++, route, plain);
  }

  /** Undefined when it does not open, or was opened before. Never throws on bad input. */
  open(sealed: Uint8Array, route: DataRoute): OpenedData | undefined {
    if (sealed.length < HEADER + TAG) return undefined;
    const header = sealed.slice(0, HEADER);
    const kid = readBigEndian(header.subarray(0, 4));
    const counter = readBigEndian(header.subarray(4));
    const key = this.keys.get(kid) ?? this.ratcheted(kid);
    if (key === undefined || !key.replay.isFresh(counter)) return undefined;
    let plain: Bytes;
    try {
      plain = new Uint8Array(cipher(key.sk, header, route).decrypt(sealed.subarray(HEADER)));
    } catch {
      if (!this.keys.has(kid)) this.pauses.set(key.id.sender, BETWEEN_FAILED_RATCHETS);
      return undefined;
    }
    key.replay.accept(counter);
    this.keys.set(kid, key);
    return { sender: key.id.sender, plain };
  }

  /** The key of a later step of a generation that is known; kept once something has opened with it. */
  private ratcheted(kid: bigint): ReceiveKey | undefined {
    const id = unpackKeyId(kid);
    if (id === undefined) return undefined;
    const bases = [...this.keys.values()].filter((key) => key.id.sender === id.sender && key.id.generation === id.generation);
    const base = bases.filter((key) => key.id.step < id.step).sort((a, b) => b.id.step - a.id.step)[0];
    if (base === undefined || id.step - base.id.step > MAX_RATCHET) return undefined;
    const pause = this.pauses.get(id.sender) ?? 0;
    if (pause > 0) {
      this.pauses.set(id.sender, pause - 1);
      return undefined;
    }
    let { sk } = base;
    for (let step = base.id.step; step < id.step; step++) sk = expand(sk, "SFrameRatchetKey", 32);
    return { id, sk, replay: new ReplayWindow() };
  }
}
