// Builds the call page into a folder: index.html, its code, licences, and SHA256SUMS over all of it. The same sources and
// packages give the same bytes, wherever and whenever they are built: nothing here reads a clock or a path.
//
// The hash of index.html stands for all code: it names those of page.js and style.css (subresource integrity), and page.js
// names that of worker.js, which the browser holds it against before it runs.

import { build } from "esbuild";
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { thirdPartyNotices } from "./notices.mjs";

/** Not in SHA256SUMS: the one file that whoever hosts the page changes (docs/page-hosting.md). */
export const SETTINGS = "config.json";

const integrityOf = (bytes) => `sha384-${createHash("sha384").update(bytes).digest("base64")}`;
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** index.html with the integrity of what it loads: every `href` or `src` with data-integrity gets one. */
async function withIntegrity(html, folder) {
  const pattern = /(href|src)="([^"]+)" data-integrity/g;
  let found = html;
  for (const [whole, attribute, path] of html.matchAll(pattern)) {
    const integrity = integrityOf(await readFile(join(folder, path)));
    found = found.replace(whole, `${attribute}="${path}" integrity="${integrity}"`);
  }
  return found;
}

/** In the form of sha256sum, sorted by name. */
async function checksums(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
    .filter((name) => name !== SETTINGS)
    .sort();
  const lines = await Promise.all(files.map(async (name) => `${sha256(await readFile(join(folder, name)))}  ${name}\n`));
  return lines.join("");
}

/** `source`: client/web; `output`: an absolute path, emptied first. `shared`: esbuild's options for everything. */
export async function buildPage(source, output, shared) {
  await rm(output, { recursive: true, force: true });
  await mkdir(join(output, "assets"), { recursive: true });
  // The page goes to users: the licence notices of what it contains stay in it. Symbolic links are not followed, because
  // where files are decides how esbuild names things.
  const options = { ...shared, minify: true, outdir: join(output, "assets"), metafile: true, legalComments: "eof", preserveSymlinks: true };
  const worker = await build({ ...options, entryPoints: { worker: "src/e2ee/worker/worker.ts" } });
  const define = { SOTTO_WORKER_INTEGRITY: JSON.stringify(integrityOf(await readFile(join(output, "assets/worker.js")))) };
  const entryPoints = { page: "src/page/main.ts", style: "src/page/style.css" };
  const page = await build({ ...options, entryPoints, define });

  await cp(join(source, "src/page/icon.svg"), join(output, "assets/icon.svg"));
  await cp(join(source, "../../LICENSE"), join(output, "LICENSE.txt"));
  const notices = await thirdPartyNotices([page.metafile, worker.metafile], source);
  await writeFile(join(output, "THIRD-PARTY-NOTICES.txt"), notices);
  await writeFile(join(output, SETTINGS), `${JSON.stringify({ server: "" })}\n`);
  const html = await readFile(join(source, "src/page/index.html"), "utf8");
  await writeFile(join(output, "index.html"), await withIntegrity(html, output));
  await writeFile(join(output, "SHA256SUMS"), await checksums(output));
  return { metafiles: [page.metafile, worker.metafile] };
}
