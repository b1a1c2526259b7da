// X3DH (the specification of 2016), both roles. The master secret starts with 32 bytes 0xFF, which keeps it apart from
// XEdDSA's hash inputs; deployed implementations reject sessions made without them.

import { concat, type Bytes } from "../e2ee/bytes.ts";
import { agree, type KeyPair, type PublicKey } from "./curve.ts";

const PREFIX = new Uint8Array(32).fill(0xff);

/** What the initiator knows. */
export interface InitiatorKeys {
  readonly ourIdentity: KeyPair;
  /** Drawn for this session. */
  readonly ourBase: KeyPair;
  readonly theirIdentity: PublicKey;
  readonly theirSignedPreKey: PublicKey;
  readonly theirOneTimePreKey: PublicKey | undefined;
}

/** What the responder knows. */
export interface ResponderKeys {
  readonly ourIdentity: KeyPair;
  readonly ourSignedPreKey: KeyPair;
  readonly ourOneTimePreKey: KeyPair | undefined;
  readonly theirIdentity: PublicKey;
  readonly theirBase: PublicKey;
}

/** 128 bytes, or 160 with a one-time prekey. */
export function initiatorSecret(keys: InitiatorKeys): Bytes {
  const parts = [
    agree(keys.ourIdentity.privateKey, keys.theirSignedPreKey),
    agree(keys.ourBase.privateKey, keys.theirIdentity),
    agree(keys.ourBase.privateKey, keys.theirSignedPreKey),
  ];
  if (keys.theirOneTimePreKey !== undefined) parts.push(agree(keys.ourBase.privateKey, keys.theirOneTimePreKey));
  return concat(PREFIX, ...parts);
}

/** The same bytes from the other side. */
export function responderSecret(keys: ResponderKeys): Bytes {
  const parts = [
    agree(keys.ourSignedPreKey.privateKey, keys.theirIdentity),
    agree(keys.ourIdentity.privateKey, keys.theirBase),
    agree(keys.ourSignedPreKey.privateKey, keys.theirBase),
  ];
  if (keys.ourOneTimePreKey !== undefined) parts.push(agree(keys.ourOneTimePreKey.privateKey, keys.theirBase));
  return concat(PREFIX, ...parts);
}
