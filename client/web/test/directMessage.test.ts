// The form of key messages on the data channel: known answers, and everything that is no such message.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromHex, toHex } from "../src/e2ee/bytes.ts";
import { decodeDirect, encodeDirect } from "../src/messages/DirectMessage.ts";
import { type EnvelopeType } from "../src/messages/ports.ts";
import { vectors } from "./data.ts";
import { Random, seed } from "./random.ts";

interface Answer {
  readonly name: string;
  readonly type: EnvelopeType;
  readonly purpose: number;
  readonly message_id_hex: string;
  readonly group: string;
  readonly shared_hex: string;
  readonly body_hex: string;
  readonly payload_hex: string;
}

const ALICE = { user: "alice", device: "phone" };
const file = vectors("direct-messages.json");
const answers = file["messages"] as readonly Answer[];
const refused = file["refused"] as readonly { readonly name: string; readonly payload_hex: string }[];

/** The message of a known answer, with one recipient. */
function outgoing({ type, purpose, message_id_hex, group, shared_hex, body_hex }: Answer) {
  const to = { to: ALICE, type, body: fromHex(body_hex) };
  const shared = shared_hex === "" ? undefined : fromHex(shared_hex);
  return { message: { id: fromHex(message_id_hex), purpose, group, shared, recipients: [to], store: false }, to };
}

test("key messages look on the data channel as the known answers say", () => {
  for (const answer of answers) {
    const { message, to } = outgoing(answer);
    const payload = encodeDirect(message, to);
    assert.equal(payload && toHex(payload), answer.payload_hex, answer.name);
    const { id, purpose, group, shared } = message;
    const expected = { seq: 0, from: ALICE, id, purpose, group, shared, type: to.type, body: to.body, direct: true };
    assert.deepEqual(decodeDirect(fromHex(answer.payload_hex), ALICE), expected, answer.name);
  }
});

test("what is no key message is refused", () => {
  assert.ok(refused.length > 10);
  for (const { name, payload_hex } of refused) assert.equal(decodeDirect(fromHex(payload_hex), ALICE), undefined, name);
});

test("a key message that was cut anywhere before its body is refused", () => {
  const { payload_hex, body_hex } = answers[1]!;
  const whole = fromHex(payload_hex);
  const bodyAt = whole.length - body_hex.length / 2;
  for (let length = 0; length <= bodyAt; length++) assert.equal(decodeDirect(whole.subarray(0, length), ALICE), undefined, `${length}`);
  assert.ok(decodeDirect(whole.subarray(0, bodyAt + 1), ALICE));
});

test("messages that do not fit the form are not put into it", () => {
  const { message, to } = outgoing(answers[0]!);
  assert.equal(encodeDirect({ ...message, purpose: 2 }, to), undefined);
  assert.equal(encodeDirect({ ...message, group: "" }, to), undefined);
  assert.equal(encodeDirect({ ...message, group: "g".repeat(65) }, to), undefined);
  assert.equal(encodeDirect({ ...message, shared: new Uint8Array(65_536) }, to), undefined);
  assert.equal(encodeDirect(message, { ...to, type: "error" }), undefined);
  assert.equal(encodeDirect(message, { ...to, body: new Uint8Array(0) }), undefined);
});

test("whatever decodes encodes to the same bytes, and rubbish never throws", () => {
  const chosen = seed();
  const random = new Random(chosen);
  let decoded = 0;
  for (let round = 0; round < 5000; round++) {
    const payload = fromHex(answers[random.below(answers.length)]!.payload_hex);
    // Not within the group: what is no UTF-8 there does not come back.
    for (let i = random.below(4); i > 0; i--) payload[random.below(20)] = random.below(256);
    const message = decodeDirect(payload, ALICE);
    if (message === undefined || !/^[ -~]*$/.test(message.group)) continue;
    decoded++;
    const { id, purpose, group, shared, type, body } = message;
    const again = encodeDirect({ id, purpose, group, shared, recipients: [], store: false }, { to: ALICE, type, body });
    assert.deepEqual(again, payload, `SOTTO_SEED=${chosen} round ${round}`);
  }
  assert.ok(decoded > 100, `SOTTO_SEED=${chosen}: only ${decoded} decoded`);
});
