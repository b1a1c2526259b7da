// Standard base64 with padding, as the server's JSON has it.

import { type Bytes } from "../e2ee/bytes.ts";

/** Bytes that become one text at once: arguments of a call are limited. */
const PIECE = 0x8000;

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += PIECE) text += String.fromCharCode(...bytes.subarray(i, i + PIECE));
  return btoa(text);
}

/** Undefined when it is not base64. */
export function fromBase64(text: unknown): Bytes | undefined {
  if (typeof text !== "string") return undefined;
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}
