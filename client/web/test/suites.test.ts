// The suite that a page seals with: its own wish, the room's rules, and what is said when they do not go together.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Suite } from "../src/e2ee/FrameMetadata.ts";
import type { SuiteName } from "../src/e2ee/KeyProvider.ts";
import { ExternalKeys } from "../src/keys/ExternalKeys.ts";
import { MediaKeyAgreement } from "../src/keys/MediaKeyAgreement.ts";
import { chooseSuite } from "../src/keys/suiteChoice.ts";
import { explainError } from "../src/page/errors.ts";
import type { FrameWorker } from "../src/rtc/FrameWorker.ts";
import { RequestError, type JoinReply } from "../src/signaling/messages.ts";
import { device, kid, only } from "./keySupport.ts";

const GCM = ["aes256gcm"];

test("without a wish the first of the room's suites that the page has is taken, duo where the room says nothing", () => {
  assert.equal(chooseSuite(undefined, undefined), "duo");
  assert.equal(chooseSuite(undefined, []), "duo");
  assert.equal(chooseSuite(undefined, ["duo", "aes256gcm"]), "duo");
  assert.equal(chooseSuite(undefined, ["aes256gcm", "duo"]), "aes256gcm");
  assert.equal(chooseSuite(undefined, ["aes512gcm", "toString", 7, "aes128gcm"]), "aes128gcm");
  assert.equal(chooseSuite("aes128gcm", undefined), "aes128gcm");
  assert.equal(chooseSuite("aes256gcm", ["duo", "aes256gcm"]), "aes256gcm");
});

test("where nothing fits, people read which suites the room takes, which the page has, and which it was told to use", () => {
  const refusal = (wish: SuiteName | undefined, suites: readonly string[]) => {
    try {
      return chooseSuite(wish, suites);
    } catch (error) {
      assert.ok(error instanceof RequestError && error.code === "suite_not_allowed");
      return explainError(error).text;
    }
  };
  assert.equal(
    refusal("duo", ["aes128gcm", "aes256gcm"]),
    "This room takes only frames sealed with aes128gcm, aes256gcm; this page has duo, aes128gcm, aes256gcm, and was told to use duo.",
  );
  assert.equal(
    refusal(undefined, ["aes512gcm"]),
    "This room takes only frames sealed with aes512gcm; this page has duo, aes128gcm, aes256gcm.",
  );
  assert.ok(refusal(undefined, Array<string>(100_000).fill("x")).length < 200);
});

/** What external keys ask of the frame worker. */
class Worker {
  readonly drawn: [number, SuiteName][] = [];
  setPassphrase(): void {
    // Stretching is tested elsewhere.
  }
  takeOwnKey(sender: number, suite: SuiteName): Promise<{ suite: SuiteName; salt: string }> {
    this.drawn.push([sender, suite]);
    return Promise.resolve({ suite, salt: "00".repeat(16) });
  }
}

function joinReply(suites: readonly string[]): JoinReply {
  const self = { id: "p_1", user: "u", device: "d", name: "n", sender: 3, tracks: [], connected: true };
  return {
    resumed: false,
    session: { id: "s", secret: "x" },
    self,
    roster: [],
    room: { name: "demo", e2ee: "required", suites },
    limits: { audioSlots: 1, videoSlots: 1, messageBytes: 1 },
  };
}

test("external keys draw and publish a key of the room's suite, and none at all where there is none to use", async () => {
  const worker = new Worker();
  const keys = new ExternalKeys(worker as unknown as FrameWorker, "secret", "demo", undefined);
  assert.equal((await keys.joined(joinReply(GCM), true)).suite, "aes256gcm");
  assert.deepEqual(worker.drawn, [[3, "aes256gcm"]]);
  const stubborn = new ExternalKeys(worker as unknown as FrameWorker, "secret", "demo", "duo");
  await assert.rejects(stubborn.joined(joinReply(GCM), true), { code: "suite_not_allowed" });
  assert.equal(worker.drawn.length, 1);
});

test("automatic keys are of the suite that was settled on, also those drawn later", () => {
  const keys = new MediaKeyAgreement(Suite.Duo, (length) => new Uint8Array(length));
  keys.setSuite(Suite.Aes256Gcm);
  keys.joined(1, [{ sender: 2, device: device("bob") }, { sender: 3, device: device("carol") }], 0);
  keys.memberLeft(3, 0);
  keys.onTime(1000);
  keys.receipt(device("bob"), 2, 1000);
  const used = only(keys.takeActions(), "use-key").map(({ key }) => [key.id, key.suite]);
  assert.deepEqual(used, [[kid(1, 0, 0), Suite.Aes256Gcm], [kid(1, 1, 0), Suite.Aes256Gcm]]);
});
