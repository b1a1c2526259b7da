// ISO 7816-4 padding: 0x80, then zeros. Hides lengths; integrity is the business of what seals it.

import { type Bytes } from "../e2ee/bytes.ts";

/** Everything padded is a multiple of this. */
export const PADDING_STEP = 160;
/** Key messages, key requests, receipts and shared keys are no shorter, so that all look alike. */
export const SMALLEST_PADDED = 320;

/** `plain` brought to the next multiple of the step, at least `smallest` (a multiple of it). */
export function pad(plain: Uint8Array, smallest: number): Bytes {
  const size = Math.max(smallest, (Math.floor(plain.length / PADDING_STEP) + 1) * PADDING_STEP);
  const padded = new Uint8Array(size);
  padded.set(plain);
  padded[plain.length] = 0x80;
  return padded;
}

/** What was padded (a view); undefined when there is no padding. */
export function unpad(padded: Uint8Array): Uint8Array | undefined {
  let end = padded.length;
  while (end > 0 && padded[end - 1] === 0) end--;
  return end === 0 || padded[end - 1] !== 0x80 ? undefined : padded.subarray(0, end - 1);
}
