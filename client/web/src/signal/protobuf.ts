// The little of Protocol Buffers (proto2/proto3 wire format) that Signal messages and our records need: uint32, bytes
// and nested messages. The reader takes bytes from strangers: every length is checked, unknown fields are skipped,
// numbers beyond their type are refused.

import { concat, type Bytes } from "../e2ee/bytes.ts";
import { SignalError } from "./SignalError.ts";

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** A varint holds at most 64 bits: ten bytes of seven. */
const MAX_VARINT_LENGTH = 10;
const MAX_FIELD = 2 ** 29 - 1;
export const MAX_UINT32 = 2 ** 32 - 1;

function varint(value: number): Bytes {
  const out: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) out.push((rest % 128) | 0x80);
  out.push(rest);
  return Uint8Array.from(out);
}

/** Builds one message, field after field in the order of the calls. */
export class ProtobufWriter {
  private readonly parts: Uint8Array[] = [];

  /** A whole number below 2^53; nothing when it is undefined. */
  uint(field: number, value: number | undefined): this {
    if (value !== undefined) this.parts.push(varint(field * 8 + VARINT), varint(value));
    return this;
  }

  /** Bytes; nothing when they are undefined. */
  bytes(field: number, value: Uint8Array | undefined): this {
    if (value !== undefined) this.parts.push(varint(field * 8 + LENGTH_DELIMITED), varint(value.length), value);
    return this;
  }

  /** One nested message for each of `values`. */
  messages<T>(field: number, values: readonly T[], write: (writer: ProtobufWriter, value: T) => void): this {
    for (const value of values) {
      const nested = new ProtobufWriter();
      write(nested, value);
      this.bytes(field, nested.finish());
    }
    return this;
  }

  finish(): Bytes {
    return concat(...this.parts);
  }
}

/** One field as it stands on the wire; undefined: of a type that nobody here uses. */
export type WireValue = bigint | Uint8Array | undefined;

/** Shows every field of a message in its order; throws `malformed`. Bytes are views into the message. */
export function eachField(message: Uint8Array, visit: (field: number, value: WireValue) => void): void {
  let at = 0;
  const readVarint = (): bigint => {
    let value = 0n;
    for (let i = 0; i < MAX_VARINT_LENGTH; i++) {
      const byte = message[at++];
      if (byte === undefined) throw malformed("varint cut short");
      value |= BigInt(byte & 0x7f) << BigInt(7 * i);
      if (byte < 0x80) {
        if (value >= 1n << 64n) break;
        return value;
      }
    }
    throw malformed("varint too long");
  };
  const take = (length: bigint): Uint8Array => {
    if (length > BigInt(message.length - at)) throw malformed("field cut short");
    const start = at;
    at += Number(length);
    return message.subarray(start, at);
  };
  while (at < message.length) {
    const tag = readVarint();
    const field = Number(tag >> 3n);
    if (field === 0 || field > MAX_FIELD) throw malformed("field number out of range");
    const type = Number(tag & 7n);
    if (type === VARINT) visit(field, readVarint());
    else if (type === LENGTH_DELIMITED) visit(field, take(readVarint()));
    else if (type === FIXED64 || type === FIXED32) visit(field, (take(type === FIXED64 ? 8n : 4n), undefined));
    else throw malformed("unknown wire type");
  }
}

/** The fields of one message. A field that comes twice counts with its last value, as Protocol Buffers want it. */
export class ProtobufReader {
  private readonly numbers = new Map<number, bigint>();
  private readonly blobs = new Map<number, Uint8Array[]>();

  /** Reads all fields; throws `malformed`. Values are copies only when taken out with `bytes`. */
  constructor(message: Uint8Array) {
    eachField(message, (field, value) => {
      if (typeof value === "bigint") this.numbers.set(field, value);
      else if (value !== undefined) this.addBlob(field, value);
    });
  }

  private addBlob(field: number, value: Uint8Array): void {
    const list = this.blobs.get(field);
    if (list === undefined) this.blobs.set(field, [value]);
    else list.push(value);
  }

  /** The number of `field`, or undefined when absent; throws `malformed` above `limit`. */
  uint(field: number, limit: number = MAX_UINT32): number | undefined {
    const value = this.numbers.get(field);
    if (value === undefined) return undefined;
    if (value > BigInt(limit)) throw malformed(`field ${field} is out of range`);
    return Number(value);
  }

  /** As `uint`; throws `malformed` when absent. */
  requiredUint(field: number, limit: number = MAX_UINT32): number {
    return this.required(field, this.uint(field, limit));
  }

  /** A copy of the bytes of `field`, or undefined when absent. */
  bytes(field: number): Bytes | undefined {
    const value = this.blobs.get(field)?.at(-1);
    return value === undefined ? undefined : new Uint8Array(value);
  }

  /** As `bytes`; throws `malformed` when absent. */
  requiredBytes(field: number): Bytes {
    return this.required(field, this.bytes(field));
  }

  /** All nested messages of `field`. */
  messages(field: number): ProtobufReader[] {
    return (this.blobs.get(field) ?? []).map((value) => new ProtobufReader(value));
  }

  /** The nested message of `field`, or undefined when absent. */
  message(field: number): ProtobufReader | undefined {
    return this.messages(field).at(-1);
  }

  private required<T>(field: number, value: T | undefined): T {
    if (value === undefined) throw malformed(`field ${field} is missing`);
    return value;
  }
}

function malformed(what: string): SignalError {
  return new SignalError("malformed", what);
}
