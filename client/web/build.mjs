// Bundles the call page into dist/ (index.html, assets/…), the tests and tools into node_modules/.sotto/ for Node, or the
// page of the browsers' device test into node_modules/.sotto/browser/.
// Usage: node build.mjs [--quiet] page|test|tools|device-test

import { build } from "esbuild";
import { cp, mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

const folder = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const quiet = process.argv.includes("--quiet");
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
  await rm(join(folder, "dist"), { recursive: true, force: true });
  await mkdir(join(folder, "dist/assets"), { recursive: true });
  // The page goes to users: the licence notices of what it contains stay in it.
  const options = { ...shared, minify: true, outdir: "dist/assets", sourcemap: false, legalComments: "eof" };
  await build({ ...options, entryPoints: { page: "src/page/main.ts", style: "src/page/style.css" } });
  await build({ ...options, entryPoints: { worker: "src/e2ee/worker/worker.ts" } });
  await cp(join(folder, "src/page/index.html"), join(folder, "dist/index.html"));
  await cp(join(folder, "src/page/icon.svg"), join(folder, "dist/assets/icon.svg"));
  for (const name of ["index.html", "assets/page.js", "assets/style.css", "assets/worker.js", "assets/icon.svg"]) {
    const { size } = await stat(join(folder, "dist", name));
    if (!quiet) console.log(`dist/${name}  ${(size / 1024).toFixed(1)} KiB`);
  }
}

async function forNode(source, suffix) {
  const outdir = `node_modules/.sotto/${source}`;
  await rm(join(folder, outdir), { recursive: true, force: true });
  const files = (await readdir(join(folder, source))).filter((name) => name.endsWith(suffix));
  const entryPoints = files.map((name) => `${source}/${name}`);
  // Node 18 has WebCrypto, but not as a global.
  const banner = { js: 'globalThis.crypto ??= (await import("node:crypto")).webcrypto;' };
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
  console.error("usage: node build.mjs [--quiet] page|test|tools|device-test");
  process.exit(2);
}
await tasks[what]();
