// Takes the picture of the call page that README.md shows: docs/images/call.png.
// Usage: node picture.mjs [DIR with sotto-server]

import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { launchChromium } from "./support/browsers.mjs";
import { Person, picture } from "./support/person.mjs";
import { SottoServer } from "./support/server.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const bin = process.argv[2] ?? resolve(root, "build/release/bin");
const file = resolve(root, "docs/images/call.png");
const OTHERS = ["Amara Diallo", "Jonas Weber", "Mei Lin", "Sofia Rossi", "Tomasz Nowak"];
const SPEAKER = OTHERS[2];

const server = await SottoServer.start(bin);
const browser = await launchChromium();
try {
  const room = "design review";
  const scene = (name) => ({ camera: "scene", microphone: name === SPEAKER ? "tone" : "none", fps: "10" });
  for (const name of OTHERS) await (await Person.open(browser, server, name, { room, query: { ...scene(name), viewHeight: "90" } })).join();
  const viewport = { width: 1200, height: 740 };
  const viewer = await Person.open(browser, server, "Ines", { room, viewport, query: { ...scene("Ines"), viewHeight: "360" } });
  await viewer.join();
  const complete = (state) =>
    OTHERS.every((name) => picture(state, name)?.live && picture(state, name).height === 360) &&
    state.participants.every(({ name, speaking }) => speaking === (name === SPEAKER));
  await viewer.sees("everybody, one of them speaking", complete, 60_000);
  await mkdir(dirname(file), { recursive: true });
  await viewer.screenshot(`${file}.full.png`);
} finally {
  await browser.close();
  await server.stop();
}
// A palette makes the file a third as large without a difference to be seen.
const palette = "split[a][b];[a]palettegen=max_colors=224[p];[b][p]paletteuse=dither=sierra2_4a";
await promisify(execFile)("ffmpeg", ["-v", "error", "-y", "-i", `${file}.full.png`, "-vf", palette, file]);
await rm(`${file}.full.png`);
