// Data messages between browsers through the server: to all and to one, reliable and lossy.

import assert from "node:assert/strict";

import { eventually } from "./support/eventually.mjs";
import { participant } from "./support/person.mjs";

/** The longest payloads of the two channels, bytes. */
const LONGEST = { reliable: 65_532, lossy: 1_196 };
/** Of so many lossy messages on this machine's own network nearly all arrive. */
const LOSSY_MESSAGES = 20;

/** Messages of 60,000 bytes: two MiB. */
const MANY = 36;

const filled = (length, value) => Array.from({ length }, (_, i) => (value + i) % 251);

/** Waits until `person` has got `count` messages that `wanted` picks; all others are thrown away. */
async function receives(person, what, count, wanted) {
  const got = [];
  await eventually(
    `${person.name} gets ${what}`,
    async () => {
      got.push(...(await person.call("takeData")).filter(wanted));
      return got.map(({ origin, kind, lossy, payload }) => ({ origin, kind, lossy, bytes: payload.length }));
    },
    (seen) => seen.length >= count,
  );
  return got;
}

async function everyoneReachable(people) {
  for (const person of people) {
    await person.sees("everybody reachable over data channels", ({ dataOpen, participants }) =>
      dataOpen && participants.length === people.length - 1 && participants.every(({ data }) => data));
    await person.call("takeData");
  }
}

export const dataScenarios = [
  {
    name: "data messages go to all and to one, on both channels, between both browsers",
    async run({ people }) {
      await everyoneReachable(people);
      for (const [index, sender] of people.entries()) {
        const { self } = await sender.snapshot();
        const rest = people.filter((each) => each !== sender);
        const target = rest[index % rest.length];
        const { sender: number } = participant(await sender.snapshot(), target.name);

        const body = filled(3_000 + index, index);
        assert.equal(await sender.call("sendData", 0, "data", false, body), "sent");
        const longest = filled(LONGEST.reliable, index);
        assert.equal(await sender.call("sendData", number, "key", false, longest), "sent");
        const own = ({ origin }) => origin === self.sender;
        for (const person of rest) {
          const expected = person === target ? 2 : 1;
          const got = await receives(person, `what ${sender.name} sends`, expected, (each) => own(each) && !each.lossy);
          assert.equal(got.length, expected, `${person.name} of ${sender.name}`);
          assert.deepEqual(got[0], { origin: self.sender, kind: "data", lossy: false, payload: body });
          if (person === target) assert.deepEqual(got[1], { origin: self.sender, kind: "key", lossy: false, payload: longest });
        }

        for (let i = 0; i < LOSSY_MESSAGES; i++) {
          assert.equal(await sender.call("sendData", 0, "data", true, filled(LONGEST.lossy, i)), "sent");
        }
        for (const person of rest) {
          const got = await receives(person, `lossy messages of ${sender.name}`, LOSSY_MESSAGES / 2, (each) => own(each) && each.lossy);
          for (const { origin, payload } of got) {
            assert.equal(origin, self.sender);
            assert.deepEqual(payload, filled(LONGEST.lossy, payload[0]));
          }
        }
        // Stragglers of others there may be, but nobody hears themselves.
        assert.ok((await sender.call("takeData")).every(({ origin }) => origin !== self.sender));
      }
    },
  },
  {
    name: "a browser that sends more than it may is held back, and loses nothing",
    async run({ people }) {
      await everyoneReachable(people);
      for (const [sender, receiver] of [[people[0], people[3]], [people[3], people[0]]]) {
        const { sender: number } = participant(await sender.snapshot(), receiver.name);
        // Two MiB where one passes at once and the rest at 256 KiB a second. The page makes and counts them: as JSON
        // they would take longer on their way to the test than to the other browser.
        const started = performance.now();
        await sender.page.evaluate(async (destination, count) => {
          for (let sent = 0; sent < count; ) {
            const payload = new Array(60_000).fill(sent);
            const result = window.sotto.sendData(destination, "data", false, payload);
            if (result === "sent") sent++;
            else if (result !== "full") throw new Error(result);
            else await new Promise((resolve) => setTimeout(resolve, 50));
          }
        }, number, MANY);
        const got = [];
        await eventually(
          `${receiver.name} gets all that ${sender.name} sends`,
          async () => {
            got.push(...(await receiver.page.evaluate(() =>
              window.sotto.takeData().filter(({ lossy }) => !lossy).map(({ payload }) => [payload.length, payload.at(-1)]))));
            return got;
          },
          (seen) => seen.length >= MANY,
        );
        assert.ok(performance.now() - started > 3_000, "the sender was not held back");
        assert.deepEqual(got, Array.from({ length: MANY }, (_, i) => [60_000, i]));
      }
    },
  },
];
