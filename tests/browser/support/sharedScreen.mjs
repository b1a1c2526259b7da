// What is on the screen that somebody shares: a window of the browser with the time code that the call page reads from
// pictures (client/web/src/call/Timecode.ts says how it looks), and four colours below it.

import { DISPLAY_SIZE } from "./display.mjs";

/** Chromium shares the tab with this title without asking. */
export const SHARED_TITLE = "Quarterly figures";

/** Where in the picture (shares of width and height) which colour is. */
const COLOURS = [
  { at: [0.25, 0.4], rgb: [208, 32, 32] },
  { at: [0.75, 0.4], rgb: [32, 160, 48] },
  { at: [0.25, 0.85], rgb: [32, 64, 200] },
  { at: [0.75, 0.85], rgb: [232, 200, 40] },
];
/** How far a channel may be off after encoding with its coarser colours, 0..255. */
const TOLERANCE = 45;

const PAGE = `<!doctype html><html lang="en"><title>${SHARED_TITLE}</title>
<style>
  html, body { margin: 0; height: 100%; overflow: hidden; background: #fff; }
  canvas { position: fixed; inset: 0; width: 100%; height: 25%; }
  main { position: fixed; inset: 25% 0 0; display: grid; grid-template: 1fr 1fr / 1fr 1fr; }
  div { padding: 16px; font: 28px "DejaVu Sans", sans-serif; color: #fff; }
</style>
<canvas width="640" height="80"></canvas>
<main>${COLOURS.map(({ rgb }, i) => `<div style="background: rgb(${rgb})">Figure ${i + 1}</div>`).join("")}</main>
<script>
  const context = document.querySelector("canvas").getContext("2d");
  setInterval(() => {
    const now = Date.now() >>> 0;
    for (let bit = 0; bit < 32; bit++) {
      context.fillStyle = (now >>> (31 - bit)) & 1 ? "rgb(235 235 235)" : "rgb(16 16 16)";
      context.fillRect((bit % 16) * 40, Math.floor(bit / 16) * 40, 40, 40);
    }
  }, 66);
</script></html>`;

/** A window that shows it; in Firefox it covers the whole display. */
export async function openSharedScreen(browser, isFirefox) {
  const { width, height } = DISPLAY_SIZE;
  if (!isFirefox) {
    const page = await browser.newPage({ type: "window" });
    await page.setViewport({ width, height });
    await page.setContent(PAGE);
    return page;
  }
  const page = await browser.newPage({ type: "window", windowBounds: { left: 0, top: 0, width, height } });
  await page.setContent(PAGE);
  // Without the bars above it: the time code begins at the upper edge of the screen.
  await page.evaluate(() => document.documentElement.requestFullscreen());
  await page.waitForFunction((w, h) => innerWidth === w && innerHeight === h && mozInnerScreenY === 0, {}, width, height);
  return page;
}

/** Which of the four colours are not where they belong in somebody's tile, in words; empty when all are right. */
export async function wrongColours(viewer, name) {
  const places = COLOURS.map(({ at }) => at);
  const seen = await viewer.page.evaluate(
    (wanted, points) => {
      const tile = [...document.querySelectorAll(".tile")].find(
        ({ dataset }) => dataset.name === wanted && dataset.source === "screen",
      );
      const video = tile.querySelector("video");
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(video, 0, 0);
      return points.map(([x, y]) => [...context.getImageData(x * canvas.width, y * canvas.height, 1, 1).data].slice(0, 3));
    },
    name,
    places,
  );
  return COLOURS.flatMap(({ at, rgb }, i) =>
    seen[i].every((channel, j) => Math.abs(channel - rgb[j]) <= TOLERANCE) ? [] : [`rgb(${seen[i]}) at ${at}, not rgb(${rgb})`],
  );
}
