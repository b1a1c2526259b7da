// The call page hosted elsewhere: the bundle of scripts/bundle-page from a plain file server, in a call on a Sotto server of
// another origin, and what becomes of a page that somebody has changed.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { eventually } from "./support/eventually.mjs";
import { Person } from "./support/person.mjs";
import { SottoServer } from "./support/server.mjs";
import { StaticHost } from "./support/staticHost.mjs";

const run = promisify(execFile);
const scripts = resolve(dirname(fileURLToPath(import.meta.url)), "../../scripts");
const ROOM = "hosted";

/** Builds the bundle and hosts it; the server then allows its origin. */
export async function prepareBundle(context) {
  const output = join(context.folder, "page");
  await run(join(scripts, "bundle-page"), [output]);
  const archive = (await readdir(output)).find((name) => name.endsWith(".tar.gz"));
  // What people get is the archive.
  await run("tar", ["-xzf", join(output, archive), "-C", context.folder]);
  context.bundle = join(context.folder, archive.slice(0, -".tar.gz".length));
  context.host = await StaticHost.start(context.bundle);
  context.stops = [() => context.host.stop()];
  return { http: { address: "127.0.0.1", port: 0, allowed_origins: [context.host.origin] } };
}

const settings = (server) => (path, bytes) => (path === "config.json" ? JSON.stringify({ server }) : bytes);

/** Hosts the bundle for the time of `work`. */
async function hosted({ bundle }, change, work) {
  const host = await StaticHost.start(bundle, change);
  try {
    return await work(host);
  } finally {
    await host.stop();
  }
}

async function verifyPage(url, sums) {
  try {
    const { stdout } = await run(join(scripts, "verify-page"), [url, sums]);
    return { code: 0, text: stdout };
  } catch ({ code, stdout, stderr }) {
    return { code, text: stdout + stderr };
  }
}

const notice = (person, words) =>
  eventually(
    `${person.name} reads "${words}"`,
    () => person.page.$eval(".notice", ({ hidden, textContent }) => (hidden ? "" : textContent)),
    (text) => text.includes(words),
  );

async function together(context) {
  const { chromium, firefox, server, host, people, shoot } = context;
  const seats = [
    [chromium, "Ada", host, { server: server.url }],
    [firefox, "Finn", host, { server: server.url }],
    [chromium, "Sam", server, {}],
  ];
  for (const [browser, name, origin, query] of seats) {
    const person = await Person.open(browser, origin, name, { room: ROOM, key: null, query });
    people.push(person);
    await person.join();
  }
  for (const person of people) {
    assert.equal(await person.page.evaluate(() => location.origin), person.name === "Sam" ? new URL(server.url).origin : host.origin);
    for (const other of people) if (other !== person) await person.seesPicture(other.name);
    await person.sees("everybody sealed", ({ participants }) => participants.length === 2 && participants.every(({ e2ee }) => e2ee === "sealed"));
  }
  const codes = await Promise.all(people.map(async (person) => (await person.sees("a code", ({ code }) => code !== null)).code.digits));
  assert.equal(new Set(codes).size, 1, codes.join(", "));
  await shoot(people[0], "hosted-elsewhere");
  await people[0].page.evaluate(() => {
    const kept = (text) => Promise.resolve((window.copied = text));
    Object.defineProperty(navigator, "clipboard", { value: { writeText: kept } });
  });
  await people[0].page.$eval("#invite", (button) => button.click());
  const link = new URL(await people[0].page.evaluate(() => window.copied));
  assert.equal(link.origin, host.origin);
  assert.equal(link.searchParams.get("server"), server.url);
  for (const { name, complaints } of people) assert.deepEqual(complaints.filter((text) => !/WebSocket|ERR_/.test(text)), [], `${name}'s console`);
  for (const person of people.splice(0)) await person.close();
}

async function configured(context) {
  const { chromium, firefox, server } = context;
  // Another origin, which the server does not allow: the page says so, in both browsers, and names both sides.
  await hosted(context, settings(server.url), async (host) => {
    for (const [browser, name] of [[chromium, "Rae"], [firefox, "Rolf"]]) {
      const person = await Person.open(browser, host, name, { room: ROOM, key: null });
      const text = await notice(person, "http.allowed_origins");
      assert.ok(text.includes(host.origin) && text.includes(new URL(server.url).host), text);
      await context.shoot(person, `hosted-refused-${name}`);
      await person.close();
    }
  });
  // The setting of the host is enough to join, and a link to another server is not followed.
  const other = await SottoServer.start(context.bin, { http: { address: "127.0.0.1", port: 0, allowed_origins: ["*"] } });
  try {
    await hosted(context, settings(other.url), async (host) => {
      const person = await Person.open(chromium, host, "Cora", { room: ROOM });
      await person.join();
      await person.sees("a connection", ({ phase }) => phase === "connected");
      await person.close();
      const lured = await Person.open(chromium, host, "Lou", { room: ROOM, query: { server: server.url } });
      await notice(lured, new URL(server.url).host);
      await lured.close();
    });
  } finally {
    await other.stop();
  }
  // Nobody there.
  await hosted(context, settings("http://127.0.0.1:9"), async (host) => {
    const person = await Person.open(chromium, host, "Nils", { room: ROOM });
    await notice(person, "does not answer");
    await person.close();
  });
}

async function changedPage(context) {
  const { chromium, firefox } = context;
  const spoiled = (wanted) => (path, bytes) => (path === wanted ? Buffer.concat([bytes, Buffer.from("\n// one line more\n")]) : bytes);
  for (const [browser, name] of [[chromium, "Tom"], [firefox, "Tess"]]) {
    await hosted(context, spoiled("assets/worker.js"), async (host) => {
      const person = await Person.open(browser, host, name, { room: ROOM });
      await notice(person, "not the one it was built with");
      await person.close();
    });
    await hosted(context, spoiled("assets/page.js"), async (host) => {
      const page = await browser.newPage();
      await page.goto(host.url, { waitUntil: "load" });
      // Deferred scripts have run, or have been refused, before the load event.
      await eventually(
        `${name} runs no changed script, and says so`,
        () => page.$eval("#app", (app) => ({ visible: getComputedStyle(app.firstElementChild).visibility, text: app.textContent.trim() })),
        ({ visible, text }) => visible === "visible" && text.startsWith("This page does not start"),
      );
      assert.equal(await page.evaluate(() => document.querySelector("form")), null);
      await page.close();
    });
  }
}

async function verified(context) {
  const { server, bundle, host } = context;
  const sums = join(bundle, "SHA256SUMS");
  const real = await verifyPage(server.url, sums);
  assert.equal(real.code, 0, `the server was not built with this page: ${real.text}`);
  for (const name of ["/", "/index.html", "/assets/page.js", "/assets/worker.js", "/THIRD-PARTY-NOTICES.txt"]) {
    assert.match(real.text, new RegExp(`^same +${name.replaceAll(/[/.]/g, "\\$&")}$`, "m"));
  }
  assert.equal((await verifyPage(host.origin, sums)).code, 0);
  await hosted(context, (path, bytes) => (path === "assets/style.css" ? `${bytes} ` : bytes), async (liar) => {
    const { code, text } = await verifyPage(liar.url, sums);
    assert.equal(code, 1, text);
    assert.deepEqual(text.match(/^DIFFERS.*$/gm), ["DIFFERS  /assets/style.css is not the published one"]);
  });
  await hosted(context, (path, bytes) => { if (path === "assets/icon.svg") throw new Error("lost"); return bytes; }, async (poor) => {
    const { code, text } = await verifyPage(poor.url, sums);
    assert.equal(code, 1);
    assert.match(text, /icon\.svg cannot be had: HTTP 404/);
  });
  assert.equal((await verifyPage("http://127.0.0.1:9/", sums)).code, 1);
  assert.equal((await verifyPage(server.url, join(bundle, "LICENSE.txt"))).code, 2);
  return `${real.text.match(/^same/gm).length} files`;
}

export const bundleScenarios = [
  { name: "bundle: from another origin two browsers join a call with one on the server's own page", run: together },
  { name: "bundle: the host names the server, and a refused origin is told so", run: configured },
  { name: "bundle: a page that was changed does not run", run: changedPage },
  { name: "bundle: verify-page holds a server against the published hashes", run: verified },
];
