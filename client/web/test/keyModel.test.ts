// Hundreds of calls at random, each from a seed: what keys are for, and whom they are not for, whatever happens on the way.

import assert from "node:assert/strict";
import { test } from "node:test";

import { KeyModel } from "./keyModel.ts";
import { seed } from "./random.ts";

const CALLS = 240;
const EVENTS = 30;

test("whatever members, network and liars do: those who are in open everything, nobody else does, and it comes to rest", () => {
  const given = process.env["SOTTO_SEED"] !== undefined;
  const first = seed();
  const began = performance.now();
  let rotations = 0;
  let messages = 0;
  for (let call = 0; call < (given ? 1 : CALLS); call++) {
    const model = new KeyModel(first + call);
    try {
      model.runWild(EVENTS);
      model.settle();
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      throw new Error(`SOTTO_SEED=${first + call}, after ${Math.round(model.time.now)} ms: ${what}`, { cause: error });
    }
    rotations += model.rotations;
    messages += model.messages;
  }
  // A model in which nothing happens would hold as well.
  if (!given) assert.ok(rotations > CALLS * EVENTS && messages > rotations, `${rotations} rotations, ${messages} messages`);
  assert.ok(performance.now() - began < 60_000, "the model takes too long to be run each time");
});
