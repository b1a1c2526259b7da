// Files between devices in a call with automatic keys: sealed by the page, kept by the server, opened by the others. They
// run in the call of keyScenarios.mjs.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { eventually } from "./support/eventually.mjs";
import { NativeClient } from "./support/nativeClient.mjs";

const run = promisify(execFile);
const MIB = 1024 * 1024;
/** Small ones, so that they are soon reached. */
const LIMITS = { max_bytes: 4 * MIB, user_bytes: 6 * MIB };
/** As many neighbouring bytes of a random file are nowhere else by chance. */
const PROBE = 24;

export const prepareFiles = () => ({ blobs: LIMITS });

async function openChat(person) {
  if (await person.page.$eval(".chat", ({ hidden }) => hidden)) await person.page.$eval("#chat", (button) => button.click());
  await person.page.waitForSelector(".chat:not([hidden])");
}

/** Chooses a file as a person does, in the browser's own chooser. */
async function attach(person, path) {
  await openChat(person);
  const chooser = await person.page.$("#chat-file");
  await chooser.uploadFile(path);
}

/** The state of a file's line, as it is on the screen. */
function fileLine(person, sender, name, what, check) {
  return eventually(
    `${person.name} sees ${name} by ${sender}: ${what}`,
    () => person.page.$$eval(`.chat .file[data-name="${sender}"]`, (all) =>
      all.map(({ dataset, textContent }) => ({ file: dataset.file, state: dataset.state ?? "offered", text: textContent }))),
    (lines) => lines.some((line) => line.file === name && check(line)),
  );
}

const click = (person, sender, name) =>
  person.page.$eval(`.chat .file[data-name="${sender}"][data-file="${name}"] .fetch`, (button) => button.click());

/** Chromium notes a refusal by the server on the console: this one was meant, and is complained about no further. */
async function refused(person, status) {
  const meant = (text) => text.includes(`responded with a status of ${status} `);
  await eventually(`${person.name}'s console has the ${status}`, () => person.complaints, (all) => all.some(meant));
  person.complaints = person.complaints.filter((text) => !meant(text));
}

/** What the browser has saved under this name. */
function saved(folder, name, size) {
  return eventually(
    `${name} is saved`,
    () => readFile(join(folder, name)).catch(() => Buffer.alloc(0)),
    (bytes) => bytes.length === size,
  );
}

async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

/** The server keeps the sealed blob, and nowhere a piece of the file or its name. */
async function nothingInTheOpen(server, bytes, name) {
  const files = await filesBelow(join(server.folder, "data"));
  const contents = await Promise.all(files.map((file) => readFile(file)));
  assert.ok(contents.some((content) => content.length === bytes.length), "the sealed file is not where it is looked for");
  const probes = [0, 1, 2, 3].map((i) => bytes.subarray(Math.floor((i * (bytes.length - PROBE)) / 3)).subarray(0, PROBE));
  for (const probe of [...probes, Buffer.from(name), Buffer.from(name, "utf16le")]) {
    for (const [i, content] of contents.entries()) assert.equal(content.indexOf(probe), -1, `${files[i]} holds what is sealed`);
  }
}

const blobsOf = async (server) => (await filesBelow(join(server.folder, "data/blobs"))).filter((file) => file.endsWith(".blob"));

async function betweenBrowsers({ server, people: [kim, lea, , nora], folder, downloads, shoot }) {
  const bytes = randomBytes(3 * MIB + 17);
  const name = "Zürich plan.bin";
  await writeFile(join(folder, name), bytes);
  await attach(kim, join(folder, name));
  await fileLine(kim, "You", name, "arrived at all three", ({ state, text }) => state === "done" && text.includes("3 of 3"));
  await nothingInTheOpen(server, bytes, name);
  for (const person of [lea, nora]) {
    await openChat(person);
    await fileLine(person, "Kim", name, "offered with its size", ({ text }) => text.includes("3.0 MiB"));
  }
  await click(nora, "Kim", name);
  await fileLine(nora, "Kim", name, "saved", ({ state }) => state === "done");
  assert.ok((await saved(downloads.firefox, name, bytes.length)).equals(bytes), "Firefox saved another file");

  // And back, a picture, which is shown too.
  const picture = await readFile(new URL("../../docs/images/call.png", import.meta.url));
  await attach(nora, new URL("../../docs/images/call.png", import.meta.url).pathname);
  await fileLine(lea, "Nora", "call.png", "offered", () => true);
  await click(lea, "Nora", "call.png");
  await fileLine(lea, "Nora", "call.png", "saved", ({ state }) => state === "done");
  assert.ok((await saved(downloads.chromium, "call.png", picture.length)).equals(picture), "Chromium saved another file");
  await lea.page.waitForFunction(() => document.querySelector(".chat .file img")?.naturalWidth > 0);
  await shoot(lea, "keys-files");
}

async function refusals({ server, people: [kim, lea, max], folder, shoot }) {
  const write = async (name, size) => {
    await writeFile(join(folder, name), randomBytes(size));
    return join(folder, name);
  };
  await attach(max, await write("large.bin", LIMITS.max_bytes + 1));
  await fileLine(max, "You", "large.bin", "too large", ({ state, text }) => state === "failed" && text.includes("4.0 MiB"));
  await attach(max, await write("first.bin", LIMITS.max_bytes));
  await fileLine(max, "You", "first.bin", "sent", ({ state, text }) => state === "done" && text.includes("3 of 3"));
  await attach(max, await write("second.bin", LIMITS.max_bytes));
  await fileLine(max, "You", "second.bin", "over the quota", ({ state, text }) => state === "failed" && text.includes("used up"));
  for (const status of [413, 507]) await refused(max, status);

  // The server changes the file, then loses it.
  for (const person of [kim, lea]) await openChat(person);
  const blobs = await blobsOf(server);
  const sizes = await Promise.all(blobs.map(async (file) => (await readFile(file)).length));
  const blob = blobs[sizes.indexOf(LIMITS.max_bytes)];
  const sealed = await readFile(blob);
  await writeFile(blob, Buffer.concat([sealed.subarray(0, 99), Buffer.from([sealed[99] ^ 1]), sealed.subarray(100)]));
  await fileLine(kim, "Max", "first.bin", "offered", () => true);
  await click(kim, "Max", "first.bin");
  await fileLine(kim, "Max", "first.bin", "not the one", ({ state, text }) => state === "failed" && text.includes("not the file that was sent"));
  await writeFile(blob, sealed);
  await click(kim, "Max", "first.bin");
  await fileLine(kim, "Max", "first.bin", "opened after all", ({ state }) => state === "done");
  await max.page.evaluate(() => document.querySelector(".chat .lines").scrollTo(0, 1e6));
  await shoot(max, "keys-files-refused");
}

/** `sotto-client send`, from a device that is not in the call. */
async function fromNative({ bin, server, people: [kim], folder, downloads, shoot }) {
  const bytes = randomBytes(700_001);
  const file = join(folder, "from native.bin");
  await writeFile(file, bytes);
  const words = ["--server", server.url, "--user", "walt", "--store", join(folder, "walt.store")];
  await run(join(bin, "sotto-client"), ["device", "init", ...words]);
  await run(join(bin, "sotto-client"), ["send", "kim", "--file", file, ...words]);
  await run(join(bin, "sotto-client"), ["send", "kim", "--text", "a file for you", ...words]);
  await openChat(kim);
  const sender = "walt (not in this call)";
  await fileLine(kim, sender, "from native.bin", "offered", ({ text }) => text.includes("684 KiB"));
  await eventually(
    "Kim reads Walt's text",
    () => kim.page.$$eval(".chat .lines li > span", (all) => all.map(({ textContent }) => textContent)),
    (texts) => texts.includes("a file for you"),
  );
  const latest = await kim.page.$$eval(".chat .lines li", (all) => {
    const { top, bottom } = all.at(-1).getBoundingClientRect();
    const lines = all[0].parentElement.getBoundingClientRect();
    return top >= lines.top && bottom <= lines.bottom + 1;
  });
  assert.ok(latest, "what came last is not in sight");
  await nothingInTheOpen(server, bytes, "from native.bin");
  await click(kim, sender, "from native.bin");
  await fileLine(kim, sender, "from native.bin", "saved", ({ state }) => state === "done");
  assert.ok((await saved(downloads.chromium, "from native.bin", bytes.length)).equals(bytes), "Chromium saved another file");
  await shoot(kim, "keys-file-from-native");
  const usual = kim.page.viewport();
  await kim.page.setViewport({ width: 360, height: 740 });
  await shoot(kim, "keys-files-phone");
  await kim.page.setViewport(usual);
}

/** To a native client in the call, which keeps it for `sotto-client receive`; what to do once it has left. */
export async function sendToNative({ bin, server, people: [kim], folder }, name) {
  const bytes = randomBytes(100_003);
  await writeFile(join(folder, `to ${name}.bin`), bytes);
  await attach(kim, join(folder, `to ${name}.bin`));
  await fileLine(kim, "You", `to ${name}.bin`, "arrived at all four", ({ state, text }) => state === "done" && text.includes("4 of 4"));
  await closeChats({ people: [kim] });
  return async () => {
    const into = join(folder, "received");
    await mkdir(into);
    const who = ["--server", server.url, "--user", name.toLowerCase(), "--store", join(folder, `${name}.store`)];
    const { stdout } = await run(join(bin, "sotto-client"), ["receive", ...who, "--directory", into, "--json"]);
    const files = stdout.trim().split("\n").map((line) => JSON.parse(line)).filter(({ type }) => type === "file");
    assert.deepEqual(files.map(({ from, name: file, size }) => [from.user, file, size]), [["kim", `to ${name}.bin`, bytes.length]]);
    assert.ok((await readFile(files[0].path)).equals(bytes), "the native client has another file");
  };
}

/** What has expired is no longer there; the server says so, and the page says it. */
async function expired({ server, people: [kim, lea], folder }) {
  await writeFile(join(folder, "gone.bin"), randomBytes(1000));
  await attach(kim, join(folder, "gone.bin"));
  await openChat(lea);
  await fileLine(lea, "Kim", "gone.bin", "offered", () => true);
  // As its owner would: with a token of Kim's.
  const reply = await fetch(new URL("api/token", server.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ room: "keys", name: "Kim", user: "kim", device: "web" }),
  });
  const { token } = await reply.json();
  for (const file of await blobsOf(server)) {
    if ((await readFile(file)).length !== 1000) continue;
    const id = /([0-9a-f]{64})\.blob$/.exec(file)[1];
    const removed = await fetch(new URL(`api/v1/blobs/${id}`, server.url), { method: "DELETE", headers: { authorization: `Bearer ${token}` } });
    assert.equal(removed.status, 200);
  }
  await click(lea, "Kim", "gone.bin");
  await fileLine(lea, "Kim", "gone.bin", "no longer there", ({ state, text }) => state === "failed" && text.includes("No longer on the server"));
  await refused(lea, 404);
}

async function closeChats({ people }) {
  for (const { page } of people) await page.$eval(".chat:not([hidden]) .close", (button) => button.click()).catch(() => undefined);
}

/** After each, nobody's chat is left open over the pictures. */
const closing = (scenario) => async (context) => {
  try {
    return await scenario(context);
  } finally {
    await closeChats(context);
  }
};

export const fileScenarios = [
  { name: "keys: files go sealed from Chromium to Firefox and back, byte for byte", run: closing(betweenBrowsers) },
  { name: "keys: files that are too large, over the quota or changed by the server are refused with a reason", run: closing(refusals) },
  { name: "keys: a file that is no longer on the server is said to be gone", run: closing(expired) },
  {
    name: "keys: a file and a text come from the native client",
    skip: ({ bin }) => (NativeClient.available(bin) ? undefined : "sotto-client is not built"),
    run: closing(fromNative),
  },
];
