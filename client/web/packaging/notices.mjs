// The licences of the packages that esbuild has really put into the page, as its metafiles say.

import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";

/** For packages that name their licence without shipping its text: the text, with the notice of their sources. */
const TEXTS = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "licences");

/** The folder of the package that a source file belongs to; undefined for files of our own. */
function packageFolder(file) {
  const at = file.lastIndexOf("node_modules/");
  if (at < 0) return undefined;
  const [first, second] = file.slice(at + "node_modules/".length).split("/");
  return file.slice(0, at) + join("node_modules", first.startsWith("@") ? join(first, second) : first);
}

/** Folders of all bundled packages, without repetition. `folder`: what the metafiles' paths are relative to. */
export function bundledPackages(metafiles, folder) {
  const inputs = metafiles.flatMap(({ inputs }) => Object.keys(inputs));
  const folders = inputs.map((file) => packageFolder(resolve(folder, file))).filter((found) => found !== undefined);
  return [...new Set(folders)];
}

async function licenceText(folder, name) {
  const own = (await readdir(folder)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).sort();
  if (own.length > 0) return (await Promise.all(own.map((file) => readFile(join(folder, file), "utf8")))).join("\n");
  const kept = join(TEXTS, `${name.replaceAll("/", "__")}.txt`);
  if (!existsSync(kept)) throw new Error(`${name} is bundled, but its licence is nowhere: add it as ${kept}`);
  return readFile(kept, "utf8");
}

/** The text of THIRD-PARTY-NOTICES.txt. Throws when a bundled package has no licence text. */
export async function thirdPartyNotices(metafiles, folder) {
  const entries = await Promise.all(
    bundledPackages(metafiles, folder).map(async (path) => {
      const { name, version, license, repository } = JSON.parse(await readFile(join(path, "package.json"), "utf8"));
      const address = (typeof repository === "string" ? repository : repository?.url ?? "").replace(/^git\+/, "");
      const text = (await licenceText(path, name)).replaceAll("\r\n", "\n").trim();
      return { name, text: `${name} ${version} (${license})\n${address}\n\n${text}\n` };
    }),
  );
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const rule = `${"-".repeat(78)}\n`;
  const head =
    "The call page of Sotto is licensed under the Apache License 2.0 (LICENSE.txt).\n" +
    "It contains code of the following packages, whose licences follow.\n\n" +
    entries.map(({ name }) => `- ${name}\n`).join("");
  return [head, ...entries.map(({ text }) => text)].join(`\n${rule}\n`);
}

