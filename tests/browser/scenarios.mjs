// What must hold in a call between browsers. The scenarios run in this order, in one call: three Chromium windows (Ada,
// Ben, Cleo) and a Firefox (Finn). Each but the last leaves the call as it found it.

import assert from "node:assert/strict";

import { dataScenarios } from "./dataScenarios.mjs";
import { screenScenarios } from "./screenScenarios.mjs";
import { eventually } from "./support/eventually.mjs";
import { NativeClient } from "./support/nativeClient.mjs";
import { SottoServer } from "./support/server.mjs";
import { audioEnergy, energyOf, isFresh, participant, Person, picture } from "./support/person.mjs";

/** Nobody may look at a still picture for longer, ms (a switch of layers shows no freeze). */
const FREEZE_MS = 500;
/** Media must flow again this long after a worker's death, ms. */
const WORKER_LOSS_MS = 3000;

const others = (people, one) => people.filter((each) => each !== one);

export const scenarios = [
  {
    name: "four browsers see, hear and trust each other",
    async run({ people, shoot }) {
      for (const person of people) {
        for (const { name } of others(people, person)) await person.seesPicture(name);
        await person.sees("everybody sealed", ({ self, participants }) =>
          [self, ...participants].length === people.length && [self, ...participants].every(({ e2ee }) => e2ee === "sealed"));
        for (const { name } of others(people, person)) {
          const before = energyOf(await person.snapshot(), name);
          await person.sees(`sound of ${name}`, (state) => energyOf(state, name) > before + 1e-4);
        }
        await person.sees("frames decoded in every picture", ({ pictures }) =>
          pictures.filter(({ framesDecoded }) => framesDecoded > 30).length >= people.length - 1);
        await shoot(person, `everybody-${person.name}`);
      }
    },
  },
  {
    name: "speakers get their frame, and a muted microphone shows",
    async run({ people: [ada, ben, , finn] }) {
      await ben.sees("Ada speaking", (state) => participant(state, "Ada").speaking);
      await ada.press("m");
      for (const person of [ben, finn]) {
        await person.sees("Ada muted and silent", (state) => {
          const { tracks, speaking } = participant(state, "Ada");
          return !speaking && tracks.some(({ source, muted }) => source === "microphone" && muted);
        });
      }
      await ada.press("m");
      await ben.sees("Ada speaking again", (state) => participant(state, "Ada").speaking);
    },
  },
  {
    name: "a camera that is off leaves initials, and comes back",
    async run({ people: [ada, ben, , finn], shoot }) {
      await ada.press("v");
      for (const person of [ben, finn]) await person.sees("no picture of Ada", (state) => !picture(state, "Ada").live);
      await shoot(ben, "camera-off");
      await ada.press("v");
      for (const person of [ben, finn]) await person.seesPicture("Ada");
    },
  },
  {
    name: "layers go down and up with the wished height, without a freeze",
    async run({ people: [ada, ben, , finn] }) {
      const three = [540, 135, 270, 540];
      for (const [viewer, sender, heights] of [[ben, "Ada", three], [finn, "Ada", three], [ada, "Finn", [360, 180, 360]]]) {
        for (const height of heights) {
          await viewer.watchGaps(sender);
          await viewer.call("setViewHeight", height);
          await viewer.sees(`${sender} at ${height} lines`, (state) => picture(state, sender).height === height);
          const { longest } = await viewer.gaps(sender);
          assert.ok(longest < FREEZE_MS, `${viewer.name} saw ${sender} freeze for ${Math.round(longest)} ms`);
        }
        await viewer.call("setViewHeight", 0);
      }
    },
  },
  {
    name: "a rate cap brings smaller layers within it, and lifting it brings the large ones back",
    async run({ people: [ada, ben] }) {
      const large = ({ pictures }) => pictures.every(({ height }) => height >= 360);
      await ben.call("setViewHeight", 540);
      await ben.sees("large pictures", large);
      const cap = 500_000;
      await ben.call("setRateCap", cap);
      await ben.sees("small pictures within the cap", ({ pictures, statistics }) => {
        const rate = statistics.slots.reduce((sum, { bitsPerSecond }) => sum + bitsPerSecond, 0);
        return pictures.some(({ height }) => height <= 180) && rate < cap * 1.15;
      });
      await ada.sees("large pictures all the while", (state) => isFresh(picture(state, "Ben")));
      await ben.call("setRateCap", null);
      await ben.sees("large pictures again", large);
      await ben.call("setViewHeight", 0);
    },
  },
  ...dataScenarios,
  ...screenScenarios,
  {
    name: "somebody leaves, and comes back late",
    async run({ people: [ada, ben, cleo, finn] }) {
      await cleo.page.$eval("#leave", (button) => button.click());
      for (const person of [ada, ben, finn]) {
        await person.sees("Cleo gone", (state) => participant(state, "Cleo") === undefined);
      }
      await cleo.page.waitForSelector(".left button");
      await cleo.page.$eval(".left button", (button) => button.click());
      await cleo.page.waitForSelector(".card form, form.card");
      const started = performance.now();
      await cleo.join();
      for (const { name } of [ada, ben, finn]) await cleo.seesPicture(name);
      for (const person of [ada, ben, finn]) {
        await person.seesPicture("Cleo");
        await person.sees("Cleo sealed", (state) => participant(state, "Cleo").e2ee === "sealed");
      }
      return `${Math.round(performance.now() - started)} ms until everybody saw everybody`;
    },
  },
  {
    name: "whoever has another key sees nothing, is not seen, and is told so",
    async run({ chromium, server, people: [ada, , , finn], shoot }) {
      const eve = await Person.open(chromium, server, "Eve", { key: "wrong battery" });
      try {
        await eve.join();
        await eve.sees("three failing locks", ({ participants }) =>
          participants.length === 4 && participants.every(({ e2ee }) => e2ee === "failing"));
        const state = await eve.snapshot();
        assert.deepEqual(state.pictures.filter(({ live, framesDecoded }) => live || framesDecoded > 0), []);
        assert.equal(audioEnergy(state), 0);
        for (const person of [ada, finn]) {
          await person.sees("Eve failing", (seen) => participant(seen, "Eve").e2ee === "failing");
          assert.equal(picture(await person.snapshot(), "Eve").live, false);
        }
        await shoot(eve, "wrong-key");
        await shoot(ada, "someone-has-another-key");
      } finally {
        await eve.close();
      }
      await ada.sees("Eve gone", (state) => participant(state, "Eve") === undefined, 60_000);
    },
  },
  {
    name: "the native client is in the room, both ways",
    skip: ({ bin }) => (NativeClient.available(bin) ? undefined : "sotto-client is not built"),
    async run({ bin, server, people: [ada, , , finn], folder, media, shoot }) {
      const seconds = 15;
      const client = new NativeClient(bin, server, { room: "test", name: "Nat", key: "correct horse", media, folder, seconds });
      try {
        for (const person of [ada, finn]) {
          await person.sees("Nat sealed", (state) => participant(state, "Nat")?.e2ee === "sealed");
          await person.sees("Nat's picture", (state) => picture(state, "Nat").live && picture(state, "Nat").framesDecoded > 30);
        }
        await shoot(ada, "native-client");
        const report = await client.finish();
        return describeNative(report);
      } finally {
        client.stop();
      }
    },
  },
  {
    name: "media flows again within 3 s after a worker is killed",
    async run({ server, people, shoot }) {
      for (const person of people) for (const { name } of others(people, person)) await person.watchGaps(name);
      const [worker] = await server.workers();
      process.kill(worker, "SIGKILL");
      const gaps = [];
      for (const person of people) {
        await person.sees("media on a new connection", ({ phase, pictures }) =>
          phase === "connected" && pictures.every((each) => each.live && isFresh(each)));
        for (const { name } of others(people, person)) gaps.push((await person.gaps(name)).longest);
      }
      const longest = Math.max(...gaps);
      await shoot(people[0], "after-worker-loss");
      assert.ok(longest < WORKER_LOSS_MS, `the longest gap was ${Math.round(longest)} ms`);
      const workers = await server.workers();
      assert.ok(workers.length > 0 && !workers.includes(worker));
      for (const person of people) {
        await person.sees("everybody sealed", ({ self, participants }) =>
          [self, ...participants].every(({ e2ee }) => e2ee === "sealed"));
      }
      return `longest gap ${Math.round(longest)} ms`;
    },
  },
  {
    name: "a lost signaling socket is taken up again while media goes on",
    async run({ people: [ada, ben] }) {
      await ada.watchGaps("Ben");
      await ada.page.evaluate(() => window.sotto.dropSignaling());
      await ada.sees("the call go on", ({ phase, participants }) => phase === "connected" && participants.length === 3);
      await ada.press("m");
      await ben.sees("Ada muted after it", (state) =>
        participant(state, "Ada").tracks.some(({ source, muted }) => source === "microphone" && muted));
      await ada.press("m");
      const { longest } = await ada.gaps("Ben");
      assert.ok(longest < FREEZE_MS * 2, `Ben's picture stood still for ${Math.round(longest)} ms`);
    },
  },
  {
    name: "a forged token and a full room are refused in plain words",
    async run({ bin, chromium, server, shoot }) {
      const small = await SottoServer.start(bin, { rooms: { max_participants: 1 } });
      const people = [];
      const open = async (where, name, query) => {
        const person = await Person.open(chromium, where, name, { query });
        people.push(person);
        return person;
      };
      try {
        const mallory = await open(server, "Mallory", { token: "eyJhbGciOiJIUzI1NiJ9.e30.AAAA" });
        await refusal(mallory, "does not let you in");
        await shoot(mallory, "forged-token");
        await (await open(small, "First", { camera: "none" })).join();
        await refusal(await open(small, "Second", { camera: "none" }), "room is full");
      } finally {
        for (const person of people) await person.close();
        await small.stop();
      }
    },
  },
  {
    name: "the page fits a phone, light and dark, and shows its statistics",
    async run({ people: [ada, ben, , finn], shoot }) {
      for (const person of [ben, finn]) {
        await person.page.setViewport({ width: 320, height: 640 });
        await eventually(
          `${person.name}'s page fits 320 pixels`,
          () => person.page.evaluate(() => document.documentElement.scrollWidth),
          (width) => width <= 320,
        );
        await shoot(person, `phone-${person.name}`);
        await person.page.setViewport({ width: 960, height: 640 });
      }
      await ada.page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
      await ada.press("i");
      await eventually(
        "statistics on the pictures",
        () => ada.page.$$eval(".tile .statistics:not([hidden])", (all) => all.map(({ textContent }) => textContent)),
        (texts) => texts.length >= 3 && texts.every((text) => /\d+×\d+ {2}\d+ fps/.test(text) && /kb\/s|Mb\/s/.test(text)),
      );
      await shoot(ada, "statistics-dark");
      await ada.press("i");
      await ada.page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }]);
    },
  },
  {
    name: "nobody's page complained",
    async run({ people }) {
      for (const { name, complaints } of people) {
        // A socket that was taken away on purpose is in the console of Chromium.
        const real = complaints.filter((text) => !/WebSocket|ERR_/.test(text));
        assert.deepEqual(real, [], `${name}'s console`);
      }
    },
  },
  {
    name: "VP9 and the GCM suites work too, in both browsers",
    async run({ chromium, firefox, server, people }) {
      // The last scenario: the others make room, because six browsers are too many for two cores.
      for (const person of people.splice(0)) await person.close();
      for (const [suite, codec] of [["aes128gcm", "vp8"], ["aes256gcm", "vp9"]]) {
        const query = { suite, codec };
        const guests = [];
        try {
          for (const [browser, name] of [[chromium, "Gus"], [firefox, "Hana"]]) {
            const guest = await Person.open(browser, server, name, { room: suite, query });
            guests.push(guest);
            await guest.join();
          }
          for (const guest of guests) {
            const [{ name }] = others(guests, guest);
            for (const height of [180, 360]) {
              await guest.call("setViewHeight", height);
              await guest.seesPicture(name);
              await guest.sees(`${name} at ${height} lines`, (state) => picture(state, name).height === height);
            }
          }
        } finally {
          for (const guest of guests) await guest.close();
        }
      }
    },
  },
];

async function refusal(person, words) {
  await person.page.waitForSelector(".card button.primary:not([disabled])");
  await person.page.$eval(".card button.primary", (button) => button.click());
  await eventually(
    `${person.name} reads "${words}"`,
    () => person.page.$eval(".notice", ({ hidden, textContent }) => (hidden ? "" : textContent)),
    (text) => text.includes(words),
  );
}

/** Checks the native client's report: what it received opened, all of it. */
function describeNative(report) {
  const streams = report.streams ?? report.remote ?? [];
  assert.ok(streams.length > 0, `no streams in ${JSON.stringify(report)}`);
  const opened = streams.reduce((sum, each) => sum + (each.opened ?? 0), 0);
  const failed = streams.reduce((sum, each) => sum + (each.failed ?? 0), 0);
  assert.ok(opened > 100, `only ${opened} frames opened`);
  assert.equal(failed, 0);
  return `${opened} frames opened natively`;
}
