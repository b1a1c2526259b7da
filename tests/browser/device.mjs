// The browser client's device in real browsers: its keys and sessions in IndexedDB, one tab at a time, nothing lost and
// nothing used twice when a tab is gone. Usage: node device.mjs

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

import { launchChromium, launchFirefox } from "./support/browsers.mjs";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

async function serve() {
  const web = path("../../client/web");
  execFileSync(process.execPath, ["build.mjs", "--quiet", "device-test"], { cwd: web, stdio: "inherit" });
  const script = await readFile(path("../../client/web/node_modules/.sotto/browser/device.js"));
  const server = createServer((request, response) => {
    const isScript = request.url === "/device.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : '<!doctype html><title>device</title><script type="module" src="/device.js"></script>');
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, url: `http://localhost:${server.address().port}/` };
}

/** A tab with the test page; `call` runs one of its functions. */
async function openTab(browser, url) {
  const tab = await browser.newPage();
  await tab.goto(url);
  await tab.waitForFunction("globalThis.devices !== undefined");
  const call = (name, ...values) => tab.evaluate((method, given) => globalThis.devices[method](...given), name, values);
  return { tab, call };
}

async function check(name, launch, url) {
  const browser = await launch();
  try {
    const first = await openTab(browser, url);
    const identity = await first.call("open", "alice", false);
    await first.call("open", "bob", false);
    await first.call("introduce", "alice", "bob");
    const opening = await first.call("seal", "alice", "bob", "hello");
    assert.equal(await first.call("unseal", "bob", "alice", opening), "hello");
    const answer = await first.call("seal", "bob", "alice", "hello back");
    const waiting = await first.call("seal", "bob", "alice", "still under way");
    assert.equal(await first.call("unseal", "alice", "bob", answer), "hello back");

    // A second tab is told that the device runs, and gets it when the first is gone.
    const second = await openTab(browser, url);
    assert.equal(await second.call("tryOpen", "alice"), "DeviceInUse");
    const taken = second.call("open", "alice", true);
    await first.tab.close();
    assert.equal(await taken, identity);
    assert.equal(await second.call("refusal", "alice", "bob", answer), "duplicate");
    assert.equal(await second.call("unseal", "alice", "bob", waiting), "still under way");
    assert.equal(await second.call("open", "bob", false).then((key) => key !== identity), true);
    const reply = await second.call("seal", "alice", "bob", "from the second tab");
    assert.equal(reply.kind, "signal");
    assert.equal(await second.call("unseal", "bob", "alice", reply), "from the second tab");
    assert.equal(await second.call("refusal", "bob", "alice", opening), "duplicate");

    const stored = await second.call("inspect", "alice");
    assert.equal(stored.extractable, false);
    assert.notEqual(stored.exported, "none");
    assert.equal(stored.clear, false);
    assert.ok(stored.entries > 100);
    assert.equal(await second.call("inWorker"), "from the worker");
    const { begun, sealed } = await second.call("measure", "alice", 100);
    console.log(`ok    ${name}: 100 sessions begun in ${begun.toFixed(0)} ms, a message for each in ${sealed.toFixed(0)} ms`);
    return true;
  } catch (error) {
    console.log(`FAIL  ${name}\n${error instanceof Error ? error.stack : error}`);
    return false;
  } finally {
    await browser.close();
  }
}

const { server, url } = await serve();
let held = true;
for (const [name, launch] of [["Chromium", () => launchChromium()], ["Firefox", () => launchFirefox()]]) {
  held = (await check(name, launch, url)) && held;
}
server.close();
process.exitCode = held ? 0 : 1;
