// npm run vectors -- FILE: holds the browser code against a file in the form of tests/vectors/sotto-frames.json.
// Seals and opens every entry; exits 1 naming the first mismatch, 2 when the file cannot be used.

import { readFileSync } from "node:fs";
import { checkVectors, VectorMismatch } from "../src/e2ee/vectors.ts";

function main(path: string | undefined): number {
  if (path === undefined) {
    console.error("usage: npm run vectors -- FILE");
    return 2;
  }
  let file: unknown;
  try {
    file = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    console.error(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    return 2;
  }
  checkVectors(file).then(
    ({ frames, ratchets }) => console.log(`${path}: ${frames} frames sealed and opened, ${ratchets} ratchet steps`),
    (error: unknown) => {
      console.error(`${path}: ${error instanceof Error ? error.message : String(error)}`);
      process.exitCode = error instanceof VectorMismatch ? 1 : 2;
    },
  );
  return 0;
}

process.exitCode = main(process.argv[2]);
