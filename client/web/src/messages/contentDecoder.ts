// From padded protobuf to values; see content.ts. A field that appears twice counts as its last one, as protobuf has it.

import { type Bytes } from "../e2ee/bytes.ts";
import { Suite } from "../e2ee/FrameMetadata.ts";
import { eachField, MAX_UINT32, type WireValue } from "../signal/protobuf.ts";
import {
  ContentError,
  LIMITS,
  MESSAGE_ID_LENGTH,
  Purpose,
  SECRET_LENGTH,
  type Body,
  type Content,
  type ContentProblem,
  type What,
} from "./content.ts";
import { unpad } from "./padding.ts";

const MAX_UINT64 = 2n ** 64n - 1n;

function refuse(problem: ContentProblem): never {
  throw new ContentError(problem);
}

/** As eachField, with our own error. */
function visitFields(message: Uint8Array, visit: (field: number, value: WireValue) => void): void {
  try {
    eachField(message, visit);
  } catch (error) {
    if (error instanceof ContentError) throw error;
    refuse("malformed");
  }
}

/** The text that `bytes` hold. */
function utf8Text(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse("out-of-bounds");
  }
}

/** The fields of one message by number, the last of each. */
class Fields {
  private readonly fields = new Map<number, WireValue>();

  constructor(message: Uint8Array) {
    visitFields(message, (field, value) => this.fields.set(field, value));
  }

  has(field: number): boolean {
    return this.fields.has(field);
  }

  /** At most `most`. */
  number(field: number, most: number | bigint): number {
    const value = this.require(field);
    if (typeof value !== "bigint") return refuse("malformed");
    if (value > BigInt(most)) refuse("out-of-bounds");
    return Number(value);
  }

  /** As `number`; undefined when absent. */
  optional(field: number, most: number | bigint): number | undefined {
    return this.has(field) ? this.number(field, most) : undefined;
  }

  /** A copy of `least` to `most` bytes. */
  bytes(field: number, least: number, most: number): Bytes {
    const value = this.require(field);
    if (!(value instanceof Uint8Array)) return refuse("malformed");
    if (value.length < least || value.length > most) refuse("out-of-bounds");
    return new Uint8Array(value);
  }

  text(field: number, least: number, most: number): string {
    return utf8Text(this.bytes(field, least, most));
  }

  private require(field: number): WireValue {
    return this.has(field) ? this.fields.get(field) : refuse("missing");
  }
}

function senderOf(fields: Fields): number {
  return fields.number(1, 0xffff) || refuse("out-of-bounds");
}

function suiteOf(value: number): Suite {
  return Object.values(Suite).find((suite) => suite === value) ?? refuse("out-of-bounds");
}

function readWhat(purpose: Purpose, message: Uint8Array): What {
  const fields = new Fields(message);
  switch (purpose) {
    case Purpose.MediaKey: {
      const id = { sender: senderOf(fields), generation: fields.number(2, 255), step: fields.number(3, 255) };
      const suite = suiteOf(fields.number(4, 255));
      return { purpose, key: { id, suite, sk: fields.bytes(5, SECRET_LENGTH, SECRET_LENGTH) } };
    }
    case Purpose.KeyRequest: {
      const request = { sender: senderOf(fields), generation: fields.optional(2, 255), step: fields.optional(3, 255) };
      return { purpose, request };
    }
    case Purpose.Text:
      return { purpose, text: fields.text(1, 0, LIMITS.text) };
    case Purpose.MediaMessage: {
      const media = {
        blob: fields.text(1, 1, LIMITS.blob),
        km: fields.bytes(2, SECRET_LENGTH, SECRET_LENGTH),
        digest: fields.bytes(3, SECRET_LENGTH, SECRET_LENGTH),
        size: fields.number(4, MAX_UINT64),
        name: fields.has(5) ? fields.text(5, 0, LIMITS.name) : "",
        type: fields.has(6) ? fields.text(6, 0, LIMITS.type) : "",
      };
      return { purpose, media };
    }
    case Purpose.Reaction: {
      const reaction = {
        message: fields.bytes(1, MESSAGE_ID_LENGTH, MESSAGE_ID_LENGTH),
        emoji: fields.text(2, 1, LIMITS.emoji),
        remove: (fields.optional(3, MAX_UINT64) ?? 0) !== 0,
      };
      return { purpose, reaction };
    }
  }
}

function readBody(message: Uint8Array): Body {
  const fields = new Fields(message);
  const purpose = fields.number(1, MAX_UINT32);
  const group = fields.text(2, 1, LIMITS.group);
  const sentMs = fields.optional(3, MAX_UINT64);
  if (purpose < Purpose.MediaKey || purpose > Purpose.Reaction) refuse("unknown-purpose");
  const what = readWhat(purpose as Purpose, fields.bytes(purpose + 3, 0, LIMITS.content));
  return { group, sentMs, what };
}

function readReceipt(message: Uint8Array): Content {
  const messages: Bytes[] = [];
  visitFields(message, (field, value) => {
    if (field !== 1) return;
    if (!(value instanceof Uint8Array)) return refuse("malformed");
    if (value.length !== MESSAGE_ID_LENGTH || messages.length >= LIMITS.receiptIds) refuse("out-of-bounds");
    messages.push(new Uint8Array(value));
  });
  return messages.length === 0 ? refuse("missing") : { kind: "receipt", messages };
}

function unpadded(padded: Uint8Array): Uint8Array {
  if (padded.length > LIMITS.content) refuse("too-large");
  return unpad(padded) ?? refuse("padding");
}

/** Throws ContentError. */
export function decodeBody(padded: Uint8Array): Body {
  return readBody(unpadded(padded));
}

/** Throws ContentError. */
export function decodeContent(padded: Uint8Array): Content {
  const fields = new Fields(unpadded(padded));
  const present = [1, 2, 3].filter((field) => fields.has(field));
  if (present.length !== 1) refuse("missing");
  const inner = fields.bytes(present[0]!, 0, LIMITS.content);
  if (present[0] === 1) return { kind: "body", body: readBody(inner) };
  if (present[0] === 3) return readReceipt(inner);
  const shared = new Fields(inner);
  const exactly = (field: number) => shared.bytes(field, SECRET_LENGTH, SECRET_LENGTH);
  return { kind: "shared", shared: { km: exactly(1), digest: exactly(2) } };
}
