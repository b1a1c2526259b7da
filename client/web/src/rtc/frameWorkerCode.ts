// The frame worker's code, held against the hash that is built into the page before it runs: browsers do that by
// themselves for scripts and styles, but not for workers.

import { RequestError } from "../signaling/messages.ts";

/** "sha384-…" of assets/worker.js, put in when the page is built (packaging/page.mjs). */
declare const SOTTO_WORKER_INTEGRITY: string;

/** Address of the checked code, for new Worker. Rejects with a RequestError when it is not there or is not ours. */
export async function frameWorkerUrl(page: string): Promise<string> {
  let code: Blob;
  try {
    const response = await fetch(new URL("assets/worker.js", page), { integrity: SOTTO_WORKER_INTEGRITY });
    if (!response.ok) throw new TypeError(`HTTP ${response.status}`);
    code = await response.blob();
  } catch (error) {
    throw new RequestError("page_damaged", `assets/worker.js: ${String(error)}`);
  }
  return URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
}
