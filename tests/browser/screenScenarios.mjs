// What must hold when somebody shares a screen: the browsers' real getDisplayMedia, with their own questions, their own way
// to end it, and a picture whose pixels are known.

import assert from "node:assert/strict";

import { launchChromium } from "./support/browsers.mjs";
import { eventually } from "./support/eventually.mjs";
import { allowWholeScreen, blockScreen, stopSharingInFirefox } from "./support/firefoxPrompts.mjs";
import { participant, Person, picture } from "./support/person.mjs";
import { openSharedScreen, wrongColours } from "./support/sharedScreen.mjs";

const REFUSED = "Your screen is not shared";
const PHONE = { width: 320, height: 640 };
const DESKTOP = { width: 960, height: 640 };

/** How somebody's screen stands on a viewer's page; undefined without a tile for it. */
function screenTile(viewer, name) {
  return viewer.page.evaluate((wanted) => {
    const all = [...document.querySelectorAll(".tile")];
    const tile = all.find(({ dataset }) => dataset.name === wanted && dataset.source === "screen");
    if (tile === undefined) return undefined;
    const { objectFit, transform } = getComputedStyle(tile.querySelector("video"));
    const area = ({ clientWidth, clientHeight }) => clientWidth * clientHeight;
    const largest = all.every((other) => other === tile || area(other) < area(tile));
    return { objectFit, transform, largest, text: tile.querySelector(".name").textContent };
  }, name);
}

/** What the button for sharing says. */
const shareButton = (person) => person.page.$eval("#share", (button) => button.getAttribute("aria-label"));

/** Waits until a viewer has somebody's screen: its own tile, large, whole, not mirrored, with the pixels that were shared. */
async function seesScreen(viewer, name) {
  const state = await viewer.seesPicture(name, "screen");
  await eventually(`the colours of ${name}'s screen`, () => wrongColours(viewer, name), (wrong) => wrong.length === 0);
  const tile = await screenTile(viewer, name);
  assert.deepEqual(tile, { objectFit: "contain", transform: "none", largest: true, text: `${name}'s screen` });
  const { id } = participant(state, name);
  const wish = (of) => JSON.parse(of.wishes).find((each) => each.participant === id && each.source === "screen");
  const { priority, maxHeight } = wish(await viewer.sees(`${name}'s screen first`, (now) => wish(now)?.priority === 100));
  assert.equal(priority, 100);
  // Its place is some 400 pixels high: not a thumbnail is asked for.
  assert.ok(maxHeight >= 360, `only ${maxHeight} lines of the screen are asked for`);
  assert.equal(participant(state, name).e2ee, "sealed");
}

/** Waits until nobody has a trace of the screen, while the camera of the same person goes on. */
async function screenIsGone(sharer, viewers) {
  for (const viewer of viewers) {
    await viewer.sees(`no screen of ${sharer.name}`, (state) => picture(state, sharer.name, "screen") === undefined);
    await viewer.sees(`no screen of ${sharer.name} in the roster`, (state) =>
      participant(state, sharer.name).tracks.every(({ source, muted }) => source !== "screen" || muted));
    assert.equal(await screenTile(viewer, sharer.name), undefined);
    await viewer.seesPicture(sharer.name);
  }
  await eventually(`${sharer.name}'s button`, () => shareButton(sharer), (text) => text === "Share screen");
  assert.equal(await screenTile(sharer, sharer.name), undefined);
}

/** Shares with a click; ends it with a click; shares with the keyboard alone; lets the browser end it. */
async function shareTwice({ sharer, viewers, shared, answer, endInBrowser, shoot }) {
  await sharer.page.bringToFront();
  await sharer.page.click("#share");
  await answer();
  await shared.bringToFront();
  for (const viewer of viewers) await seesScreen(viewer, sharer.name);
  assert.equal(await shareButton(sharer), "Stop sharing");
  const own = await screenTile(sharer, sharer.name);
  assert.deepEqual([own.objectFit, own.transform], ["contain", "none"]);
  for (const person of [sharer, ...viewers]) await shoot(person, `screen-of-${sharer.name}-at-${person.name}`);
  const [viewer] = viewers;
  await viewer.page.setViewport(PHONE);
  await viewer.sees("the screen at phone width", (state) => picture(state, sharer.name, "screen")?.live);
  assert.ok((await viewer.page.evaluate(() => document.documentElement.scrollWidth)) <= PHONE.width);
  await shoot(viewer, `screen-of-${sharer.name}-on-a-phone`);
  await viewer.page.setViewport(DESKTOP);
  await sharer.page.click("#share");
  await screenIsGone(sharer, viewers);

  await sharer.page.bringToFront();
  await sharer.tabTo("#share");
  await sharer.press("Enter");
  await answer();
  await shared.bringToFront();
  for (const viewer of viewers) await seesScreen(viewer, sharer.name);
  await endInBrowser();
  await screenIsGone(sharer, viewers);
}

/** Waits until somebody reads on the page why nothing is shared, and everything else goes on. */
async function staysAfterRefusal(person, viewers, shoot) {
  const toast = () => person.page.$eval(".toast", ({ hidden, textContent }) => (hidden ? "" : textContent));
  await eventually(`${person.name} reads why`, toast, (text) => text.includes(REFUSED));
  await shoot(person, `screen-refused-at-${person.name}`);
  assert.equal(await shareButton(person), "Share screen");
  for (const viewer of viewers) {
    await viewer.seesPicture(person.name);
    await person.seesPicture(viewer.name);
    assert.equal(await screenTile(viewer, person.name), undefined);
  }
  const { phase } = await person.snapshot();
  assert.equal(phase, "connected");
}

export const screenScenarios = [
  {
    name: "a tab that Chromium shares reaches everybody, until the button or the browser ends it",
    async run({ chromium, people: [ada, ben, cleo, finn], shoot }) {
      const shared = await openSharedScreen(chromium);
      // A tab that is closed takes the capture with it: the track ends without the page's doing.
      const endInBrowser = () => shared.close();
      const viewers = [ben, cleo, finn];
      await shareTwice({ sharer: ada, viewers, shared, answer: () => undefined, endInBrowser, shoot });
    },
  },
  {
    name: "a screen that Firefox shares after its question reaches everybody, until the button or the browser ends it",
    async run({ firefox, people: [ada, ben, cleo, finn], shoot }) {
      const shared = await openSharedScreen(firefox, true);
      const answer = () => allowWholeScreen(firefox);
      const endInBrowser = () => stopSharingInFirefox(firefox);
      await shareTwice({ sharer: finn, viewers: [ben, ada, cleo], shared, answer, endInBrowser, shoot });
      await shared.close();
    },
  },
  {
    name: "whoever cancels the question for the screen is told so, and nothing else changes",
    async run({ firefox, server, people: [ada, , , finn], shoot }) {
      await finn.page.bringToFront();
      await finn.page.click("#share");
      await blockScreen(firefox);
      await staysAfterRefusal(finn, [ada], shoot);
      const cautious = await launchChromium({ sharing: false });
      try {
        // In a room of her own: one browser more in the call would be too many for two cores.
        const rae = await Person.open(cautious, server, "Rae", { room: "cautious" });
        await rae.join();
        await rae.sees("the call", ({ phase }) => phase === "connected");
        await rae.page.click("#share");
        await staysAfterRefusal(rae, [], shoot);
      } finally {
        await cautious.close();
      }
    },
  },
  {
    name: "a share that begins or ends without a signaling socket does so for everybody when there is one again",
    async run({ chromium, people: [ada, ben, , finn] }) {
      const shared = await openSharedScreen(chromium);
      // The click comes before the socket can be back.
      const clickWithoutSocket = () =>
        ada.page.evaluate(() => {
          window.sotto.dropSignaling();
          document.getElementById("share").click();
        });
      await ada.press("Shift"); // for the browser's rule that somebody must have touched the page
      await clickWithoutSocket();
      for (const viewer of [ben, finn]) await viewer.seesPicture("Ada", "screen");
      await clickWithoutSocket();
      await screenIsGone(ada, [ben, finn]);
      await shared.close();
    },
  },
  {
    name: "whoever leaves the call while sharing is not captured any longer",
    async run({ chromium, server }) {
      const shared = await openSharedScreen(chromium);
      const gil = await Person.open(chromium, server, "Gil", { room: "leaving" });
      try {
        await gil.join();
        await gil.page.evaluate(() => {
          const devices = navigator.mediaDevices;
          const real = devices.getDisplayMedia.bind(devices);
          devices.getDisplayMedia = async (wish) => (window.testScreen = await real(wish));
        });
        await gil.page.click("#share");
        await eventually("Gil shares", () => shareButton(gil), (text) => text === "Stop sharing");
        const capture = () => gil.page.evaluate(() => window.testScreen.getTracks().map(({ readyState }) => readyState));
        assert.deepEqual(await capture(), ["live"]);
        await gil.page.click("#leave");
        await eventually("the capture ends", capture, ([state]) => state === "ended");
      } finally {
        await gil.close();
        await shared.close();
      }
    },
  },
];
