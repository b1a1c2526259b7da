// Browser tests: real browsers in a call through a real server.
// Usage: node run.mjs [--suite calls|keys|bundle] [--bin DIR] [--only WORDS] [--list]
//   --suite calls: with a passphrase, everything about pictures and sound (default); keys: with automatic keys;
//           bundle: the page from another origin
//   --bin   folder with sotto-server (default: build/release/bin of the repository)
//   --only  scenarios whose name contains WORDS (the first one always runs: it fills the call)
// Screenshots go to tests/artefacts/. SOTTO_CHROMIUM and SOTTO_FIREFOX name other browsers.

import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { launchChromium, launchFirefox } from "./support/browsers.mjs";
import { VirtualDisplay } from "./support/display.mjs";
import { makeMedia, NativeClient } from "./support/nativeClient.mjs";
import { Person } from "./support/person.mjs";
import { SottoServer } from "./support/server.mjs";
import { bundleScenarios, prepareBundle } from "./bundleScenarios.mjs";
import { prepareFiles } from "./fileScenarios.mjs";
import { keyScenarios } from "./keyScenarios.mjs";
import { scenarios as callScenarios } from "./scenarios.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const artefacts = resolve(here, "../artefacts");

const { values: options } = parseArgs({
  options: {
    bin: { type: "string", default: resolve(here, "../../build/release/bin") },
    suite: { type: "string", default: "calls" },
    only: { type: "string" },
    list: { type: "boolean", default: false },
  },
});

/** Each has a call of its own, filled before its scenarios or by the first of them; `prepare` may change the server. */
const suites = {
  calls: { scenarios: callScenarios, fill: fillCall },
  keys: { scenarios: keyScenarios, fill: () => undefined, prepare: prepareFiles },
  bundle: { scenarios: bundleScenarios, fill: () => undefined, prepare: prepareBundle },
};
const suite = suites[options.suite];
if (suite === undefined) throw new Error(`there is no suite ${options.suite}, only ${Object.keys(suites).join(", ")}`);
const { scenarios } = suite;

const chosen = scenarios.filter(({ name }, i) => i === 0 || options.only === undefined || name.includes(options.only));

/** Chromium makes three simulcast layers from this size on. */
const LARGE = { width: "960", height: "540" };

async function fillCall(context) {
  const { chromium, firefox, server } = context;
  const seats = [
    [chromium, "Ada", LARGE],
    [chromium, "Ben", {}],
    [chromium, "Cleo", {}],
    [firefox, "Finn", { microphone: "device" }],
  ];
  for (const [browser, name, query] of seats) {
    const person = await Person.open(browser, server, name, { query });
    context.people.push(person);
    await person.join();
  }
}

async function runScenario(scenario, context) {
  const skipped = scenario.skip?.(context);
  if (skipped !== undefined) {
    console.log(`skip  ${scenario.name} (${skipped})`);
    return true;
  }
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  try {
    const remark = await scenario.run(context);
    console.log(`ok    ${scenario.name} (${seconds()}${remark ? `; ${remark}` : ""})`);
    return true;
  } catch (error) {
    console.log(`FAIL  ${scenario.name} (${seconds()})\n${error instanceof Error ? error.stack : error}`);
    for (const person of context.people) {
      await person.screenshot(join(artefacts, `failed-${person.name}.png`)).catch(() => undefined);
    }
    return false;
  }
}

async function main() {
  if (options.list) return scenarios.forEach(({ name }) => console.log(name));
  if (!existsSync(join(options.bin, "sotto-server"))) {
    console.error(`there is no sotto-server in ${options.bin}: build it first, or name its folder with --bin`);
    return (process.exitCode = 2);
  }
  await mkdir(artefacts, { recursive: true });
  const context = { bin: options.bin, people: [], folder: await mkdtemp(join(tmpdir(), "sotto-browser-")) };
  context.shoot = (person, name) => person.screenshot(join(artefacts, `${name}.png`));
  let failures = 0;
  try {
    // Before the browsers take all of the machine.
    if (NativeClient.available(options.bin)) context.media = await makeMedia(join(context.folder, "media"), 25);
    const rooms = { max_participants: 6 };
    context.server = await SottoServer.start(options.bin, { rooms, ...(await suite.prepare?.(context)) });
    context.display = await VirtualDisplay.start();
    context.downloads = { chromium: join(context.folder, "from-chromium"), firefox: join(context.folder, "from-firefox") };
    for (const folder of Object.values(context.downloads)) await mkdir(folder);
    [context.chromium, context.firefox] = await Promise.all([
      launchChromium({ downloads: context.downloads.chromium }),
      launchFirefox(context.display, { downloads: context.downloads.firefox }),
    ]);
    await suite.fill(context);
    for (const scenario of chosen) if (!(await runScenario(scenario, context))) failures++;
  } catch (error) {
    console.log(`FAIL  the call could not be set up\n${error instanceof Error ? error.stack : error}`);
    for (const person of context.people) {
      await person.screenshot(join(artefacts, `failed-${person.name}.png`)).catch(() => undefined);
      console.log(`${person.name}: ${person.complaints.join("\n")}`);
    }
    failures++;
  } finally {
    await Promise.allSettled([context.chromium?.close(), context.firefox?.close()]);
    await context.display?.stop();
    await context.server?.stop();
    for (const stop of context.stops ?? []) await stop();
    if (context.server) await writeFile(join(artefacts, "server.log"), context.server.output);
    await rm(context.folder, { recursive: true, force: true });
  }
  console.log(failures === 0 ? "all scenarios hold" : `${failures} failed; screenshots and server.log in ${artefacts}`);
  process.exitCode = failures === 0 ? 0 : 1;
}

await main();
