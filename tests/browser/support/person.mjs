// Somebody in the call: one window of a browser with the call page, and what a test wants to see and do there.

import { eventually } from "./eventually.mjs";

const VIEWPORT = { width: 960, height: 640 };
/** 640×360 keeps four encoding and decoding browsers within two cores. */
const CAPTURE = { width: "640", height: "360", fps: "20" };

/** More than there is to reach on the page. */
const MOST_TABS = 40;

export class Person {
  /** Opens the page in a window of its own (a second tab would hide the first, and hidden pages stop drawing). */
  static async open(browser, server, name, { room = "test", key = "correct horse", query = {}, viewport = VIEWPORT } = {}) {
    // Without a key in the link keys are automatic, and everybody has an account (and so a device) of their own.
    const page = await browser.newPage({ type: "window" });
    await page.setViewport(viewport);
    const person = new Person(page, name);
    const url = new URL(server.url);
    const options = { room, name, camera: "timecode", microphone: "tone", audioSlots: "5", videoSlots: "6", ...CAPTURE };
    const account = key === null ? { account: name.toLowerCase() } : {};
    url.search = new URLSearchParams({ ...options, ...account, ...query }).toString();
    if (key !== null) url.hash = new URLSearchParams({ key }).toString();
    await page.goto(url.toString());
    return person;
  }

  constructor(page, name) {
    this.page = page;
    this.name = name;
    /** What the page complained about. */
    this.complaints = [];
    page.on("console", (message) => {
      if (["error", "warn"].includes(message.type())) this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(String(error)));
  }

  async join() {
    await this.page.waitForSelector(".card button.primary:not([disabled])");
    await this.page.$eval(".card button.primary", (button) => button.click());
    await this.page.waitForSelector(".call");
  }

  /** The page's own view of the call. */
  async snapshot() {
    return this.page.evaluate(async () => {
      await window.sotto?.refreshStatistics();
      return window.sotto?.snapshot();
    });
  }

  call(method, ...values) {
    return this.page.evaluate((name, given) => window.sotto[name](...given), method, values);
  }

  press(key) {
    return this.page.keyboard.press(key);
  }

  /** Moves the focus to an element with the Tab key alone. */
  async tabTo(selector) {
    for (let presses = 0; presses < MOST_TABS; presses++) {
      if (await this.page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) return;
      await this.press("Tab");
    }
    throw new Error(`${this.name} does not reach ${selector} with the Tab key`);
  }

  /** Waits until `check(snapshot)` is true; the failure shows the last snapshot. */
  sees(what, check, timeoutMs) {
    return eventually(`${this.name} sees ${what}`, () => this.snapshot(), (state) => state && check(state), timeoutMs);
  }

  /** Waits until somebody's picture is shown, decodes, and carries a fresh time code. */
  seesPicture(name, source = "camera", timeoutMs = undefined) {
    const shown = (state) => picture(state, name, source);
    return this.sees(`${name}'s ${source}`, (state) => shown(state)?.live && isFresh(shown(state)), timeoutMs);
  }

  /** From now on notes the longest time between two pictures of somebody that were drawn on the screen. */
  watchGaps(name, source = "camera") {
    return this.page.evaluate(
      (wanted, from) => {
        const gaps = { longest: 0, frames: 0 };
        (window.testGaps ??= {})[wanted] = gaps;
        let last = performance.now();
        let watched;
        const note = () => {
          const now = performance.now();
          gaps.longest = Math.max(gaps.longest, now - last);
          gaps.frames++;
          last = now;
        };
        const follow = () => {
          if (window.testGaps[wanted] !== gaps) return;
          const tile = [...document.querySelectorAll(".tile")].find(
            ({ dataset }) => dataset.name === wanted && dataset.source === from,
          );
          const video = tile?.querySelector("video");
          if (video && video !== watched) {
            watched = video;
            const onFrame = () => {
              if (window.testGaps[wanted] !== gaps || watched !== video) return;
              note();
              video.requestVideoFrameCallback(onFrame);
            };
            video.requestVideoFrameCallback(onFrame);
          }
          gaps.open = performance.now() - last;
          setTimeout(follow, 20);
        };
        follow();
      },
      name,
      source,
    );
  }

  /** {longest (ms), frames} since watchGaps; an unfinished gap counts. */
  gaps(name) {
    return this.page.evaluate((wanted) => {
      const { longest, frames, open } = window.testGaps[wanted];
      return { longest: Math.max(longest, open), frames };
    }, name);
  }

  async screenshot(path) {
    await this.page.screenshot({ path });
  }

  async close() {
    await this.page.close();
  }
}

/** Somebody's picture in a snapshot. */
export function picture(state, name, source = "camera") {
  return state.pictures.find((each) => each.participant === name && each.source === source);
}

/** Somebody in a snapshot's roster. */
export function participant(state, name) {
  return state.participants.find((each) => each.name === name);
}

/** Oldest picture that counts as live, ms: far above the latency even of a busy machine, far below a standstill. */
const FRESH_MS = 2000;

/** Whether the picture's pixels carry a time code from just now: they were sealed, forwarded, opened and decoded. */
export function isFresh(shown) {
  return shown.timecodeAgeMs !== null && shown.timecodeAgeMs < FRESH_MS;
}

/** Energy of the sound that has come from somebody in the slot where they are now. */
export function energyOf(state, name) {
  const { id } = participant(state, name);
  const slot = state.slots.find(({ kind, participant: who }) => kind === "audio" && who === id);
  const flow = slot && state.statistics.slots.find(({ mid }) => mid === slot.mid);
  return flow?.totalAudioEnergy ?? 0;
}

/** Energy of all sound that has arrived. */
export function audioEnergy(state) {
  return state.statistics.slots.reduce((sum, slot) => sum + (slot.kind === "audio" ? slot.totalAudioEnergy : 0), 0);
}
