// The page as it is published: the same bytes from the same sources, hashes over all of it, licences of all that is in it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";

/** npm runs tests in client/web. */
const WEB = process.cwd();
const scratch = mkdtempSync(join(tmpdir(), "sotto-bundle-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const hash = (kind: string, bytes: Uint8Array) => createHash(kind).update(bytes);

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** A tree of sources like this one somewhere else. */
function copyOfSources(name: string): string {
  const root = join(scratch, name);
  const web = join(root, "client/web");
  mkdirSync(web, { recursive: true });
  for (const part of ["src", "packaging", "build.mjs", "package.json", "package-lock.json", "tsconfig.json"]) {
    cpSync(join(WEB, part), join(web, part), { recursive: true, preserveTimestamps: true });
  }
  cpSync(join(WEB, "../../LICENSE"), join(root, "LICENSE"));
  cpSync(join(WEB, "../../scripts"), join(root, "scripts"), { recursive: true });
  symlinkSync(resolve(WEB, "node_modules"), join(web, "node_modules"));
  return root;
}

function bundle(root: string, output: string): string {
  execFileSync(join(root, "scripts/bundle-page"), [output], { env: { ...process.env, TZ: "Asia/Kathmandu", LC_ALL: "C" } });
  const [name] = readdirSync(output).filter((file) => file.endsWith(".tar.gz"));
  assert.ok(name !== undefined);
  return join(output, name);
}

const archive = bundle(resolve(WEB, "../.."), join(scratch, "here"));
const folder = archive.slice(0, -".tar.gz".length);

test("two builds in two places give the same bytes, archive and all", () => {
  const other = bundle(copyOfSources("elsewhere"), join(scratch, "there"));
  const [a, b] = [folder, other.slice(0, -".tar.gz".length)];
  assert.deepEqual(filesBelow(b), filesBelow(a));
  for (const name of filesBelow(a)) assert.ok(readFileSync(join(a, name)).equals(readFileSync(join(b, name))), name);
  assert.ok(readFileSync(archive).equals(readFileSync(other)));
});

test("another source gives another index.html, because its hash stands for all code", () => {
  const root = copyOfSources("changed");
  const file = join(root, "client/web/src/e2ee/worker/worker.ts");
  const before = readFileSync(file, "utf8");
  const changed = before.replace("const REPORT_INTERVAL_MS = 250", "const REPORT_INTERVAL_MS = 251");
  assert.notEqual(changed, before);
  writeFileSync(file, changed);
  const other = bundle(root, join(scratch, "changed-output")).slice(0, -".tar.gz".length);
  assert.ok(!readFileSync(join(other, "index.html")).equals(readFileSync(join(folder, "index.html"))));
});

test("SHA256SUMS holds every file but the host's settings and itself", () => {
  const lines = readFileSync(join(folder, "SHA256SUMS"), "utf8").trimEnd().split("\n");
  const named = lines.map((line) => /^([0-9a-f]{64})  (\S+)$/.exec(line)!.slice(1) as [string, string]);
  const expected = filesBelow(folder).filter((name) => !["SHA256SUMS", "config.json"].includes(name));
  assert.deepEqual(named.map(([, name]) => name), expected);
  for (const [sum, name] of named) assert.equal(hash("sha256", readFileSync(join(folder, name))).digest("hex"), sum, name);
  assert.deepEqual(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")), { server: "" });
});

test("the page runs nothing but code of known hash, and allows nothing else", () => {
  const html = readFileSync(join(folder, "index.html"), "utf8");
  const loaded = [...html.matchAll(/<(?:script|link rel="stylesheet")[^>]*?(?:src|href)="([^"]+)" integrity="sha384-([^"]+)"/g)];
  assert.deepEqual(loaded.map(([, path]) => path).sort(), ["assets/page.js", "assets/style.css"]);
  for (const [, path, integrity] of loaded) {
    assert.equal(hash("sha384", readFileSync(join(folder, path!))).digest("base64"), integrity, path);
  }
  assert.equal([...html.matchAll(/<script/g)].length, 1);
  const worker = hash("sha384", readFileSync(join(folder, "assets/worker.js"))).digest("base64");
  assert.ok(readFileSync(join(folder, "assets/page.js"), "utf8").includes(`sha384-${worker}`));
  const policy = /http-equiv="Content-Security-Policy"\s+content="([^"]+)"/.exec(html)?.[1] ?? "";
  assert.match(policy, /^default-src 'none'; script-src 'self'; /);
  assert.doesNotMatch(policy, /unsafe| \*/);
});

test("every package that is in the page is in the notices, with the text of its licence", async () => {
  const { bundledPackages } = (await import(join(WEB, "packaging/notices.mjs"))) as {
    bundledPackages(metafiles: readonly object[], folder: string): string[];
  };
  const { build } = (await import(join(WEB, "node_modules/esbuild/lib/main.js"))) as {
    build(options: object): Promise<{ metafile: object }>;
  };
  const entryPoints = ["src/page/main.ts", "src/page/style.css", "src/e2ee/worker/worker.ts"];
  const options = { absWorkingDir: WEB, bundle: true, format: "esm", write: false, metafile: true, outdir: "unused" };
  const { metafile } = await build({ ...options, entryPoints, logLevel: "error" });
  const packages = bundledPackages([metafile], WEB);
  const names = packages.map((path) => (JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as { name: string }).name);
  assert.ok(names.includes("@noble/hashes"), "no package is found at all");
  const { dependencies } = JSON.parse(readFileSync(join(WEB, "package.json"), "utf8")) as { dependencies: object };
  assert.deepEqual(names.sort(), Object.keys(dependencies).sort(), "declared and bundled packages differ");
  const notices = readFileSync(join(folder, "THIRD-PARTY-NOTICES.txt"), "utf8");
  for (const name of names) {
    assert.ok(notices.includes(`\n${name} `), name);
    const licence = join(packages.find((path) => path.endsWith(name))!, "LICENSE");
    if (existsSync(licence)) assert.ok(notices.includes(readFileSync(licence, "utf8").trim()), name);
  }
  assert.ok(notices.includes("Copyright (c) 2009 Kazuhiko Arase"));
  assert.ok(readFileSync(join(folder, "LICENSE.txt")).equals(readFileSync(join(WEB, "../../LICENSE"))));
});
