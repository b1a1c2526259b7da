// Known-answer files of tests/vectors.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Reads a JSON file of tests/vectors, wherever in client/web the bundled test lies. */
export function vectors(name: string): Record<string, unknown> {
  let folder = import.meta.dirname ?? process.cwd();
  while (!folder.endsWith("/client/web")) {
    if (folder === "/") throw new Error("run from client/web");
    folder = dirname(folder);
  }
  return JSON.parse(readFileSync(join(folder, "../../tests/vectors", name), "utf8")) as Record<string, unknown>;
}
