// Bundles the call page into dist/ or the folder given with --out (packaging/page.mjs), the tests and tools into
// node_modules/.sotto/ for Node, or the page of the browsers' device test into node_modules/.sotto/browser/.
// Usage: node build.mjs [--quiet] [--out=FOLDER] page|test|tools|device-test

import { build } from "esbuild";
import { readdir, rm, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";

import { buildPage } from "./packaging/page.mjs";

const folder = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const quiet = process.argv.includes("--quiet");
const out = process.argv.find((argument) => argument.startsWith("--out="))?.slice("--out=".length);
/** Where the page goes. */
const output = out === undefined ? join(folder, "dist") : resolve(out);
const what = process.argv.slice(2).find((argument) => !argument.startsWith("--"));

const shared = {
  absWorkingDir: folder,
  bundle: true,
  format: "esm",
  target: "es2022",
  logLevel: "warning",
  legalComments: "none",
};

async function page() {
  await buildPage(folder, output, shared);
  for (const name of ["index.html", "assets/page.js", "assets/style.css", "assets/worker.js", "assets/icon.svg"]) {
    const { size } = await stat(join(output, name));
    if (!quiet) console.log(`${relative(folder, join(output, name))}  ${(size / 1024).toFixed(1)} KiB`);
  }
}

async function forNode(source, suffix) {
  const outdir = `node_modules/.sotto/${source}`;
  await rm(join(folder, outdir), { recursive: true, force: true });
  const files = (await readdir(join(folder, source))).filter((name) => name.endsWith(suffix));
  const entryPoints = files.map((name) => `${source}/${name}`);
  // Node 18 has WebCrypto and File, but not as globals.
  const globals = [
    'crypto ??= (await import("node:crypto")).webcrypto',
    "CryptoKey ??= globalThis.crypto.CryptoKey",
    'File ??= (await import("node:buffer")).File',
  ];
  const banner = { js: globals.map((each) => `globalThis.${each};`).join("\n") };
  await build({ ...shared, platform: "node", outdir, entryPoints, banner, sourcemap: "inline", outExtension: { ".js": ".mjs" } });
}

async function deviceTest() {
  await build({ ...shared, outdir: "node_modules/.sotto/browser", entryPoints: { device: "test/browser/devicePage.ts" } });
}

const tasks = {
  page,
  test: () => forNode("test", ".test.ts"),
  tools: () => forNode("tools", ".ts"),
  "device-test": deviceTest,
};
if (what === undefined || !Object.hasOwn(tasks, what)) {
  console.error("usage: node build.mjs [--quiet] [--out=FOLDER] page|test|tools|device-test");
  process.exit(2);
}
await tasks[what]();
