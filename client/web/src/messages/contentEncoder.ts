// From values to padded protobuf; see content.ts. Values must be within its bounds.

import { utf8, type Bytes } from "../e2ee/bytes.ts";
import { ProtobufWriter } from "../signal/protobuf.ts";
import { Purpose, type Body, type Content, type What } from "./content.ts";
import { pad, PADDING_STEP, SMALLEST_PADDED, unpad } from "./padding.ts";

const CONTENT_FIELD = { body: 1, shared: 2, receipt: 3 } as const;

function textOrNothing(text: string): Bytes | undefined {
  return text === "" ? undefined : utf8(text);
}

function writeWhat(what: What): Bytes {
  const out = new ProtobufWriter();
  switch (what.purpose) {
    case Purpose.MediaKey: {
      const { id, suite, sk } = what.key;
      return out.uint(1, id.sender).uint(2, id.generation).uint(3, id.step).uint(4, suite).bytes(5, sk).finish();
    }
    case Purpose.KeyRequest: {
      const { sender, generation, step } = what.request;
      return out.uint(1, sender).uint(2, generation).uint(3, step).finish();
    }
    case Purpose.Text:
      return out.bytes(1, utf8(what.text)).finish();
    case Purpose.MediaMessage: {
      const { blob, km, digest, size, name, type } = what.media;
      out.bytes(1, utf8(blob)).bytes(2, km).bytes(3, digest).uint(4, size);
      return out.bytes(5, textOrNothing(name)).bytes(6, textOrNothing(type)).finish();
    }
    case Purpose.Reaction: {
      const { message, emoji, remove } = what.reaction;
      return out.bytes(1, message).bytes(2, utf8(emoji)).uint(3, remove ? 1 : undefined).finish();
    }
  }
}

function smallest(purpose: Purpose): number {
  return purpose === Purpose.MediaKey || purpose === Purpose.KeyRequest ? SMALLEST_PADDED : PADDING_STEP;
}

/** A body by itself, padded: what the one-time-key form seals. */
export function encodeBody({ group, sentMs, what }: Body): Bytes {
  const out = new ProtobufWriter().uint(1, what.purpose).bytes(2, utf8(group)).uint(3, sentMs);
  // The field of a body that carries each purpose is three above it.
  return pad(out.bytes(what.purpose + 3, writeWhat(what)).finish(), smallest(what.purpose));
}

/** The content that carries a body, for one device. `paddedBody` is what encodeBody has made. */
export function encodeInline(paddedBody: Uint8Array, purpose: Purpose): Bytes {
  const plain = unpad(paddedBody) ?? paddedBody;
  return pad(new ProtobufWriter().bytes(CONTENT_FIELD.body, plain).finish(), smallest(purpose));
}

/** Padded plaintext of a Signal message. */
export function encodeContent(content: Content): Bytes {
  if (content.kind === "body") return encodeInline(encodeBody(content.body), content.body.what.purpose);
  const inner = new ProtobufWriter();
  if (content.kind === "shared") {
    inner.bytes(1, content.shared.km).bytes(2, content.shared.digest);
  } else {
    for (const id of content.messages) inner.bytes(1, id);
  }
  return pad(new ProtobufWriter().bytes(CONTENT_FIELD[content.kind], inner.finish()).finish(), SMALLEST_PADDED);
}
