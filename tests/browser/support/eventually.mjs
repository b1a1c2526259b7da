// Waiting for a condition with a deadline: the deadline ends a hung test, it does not time it.

const DEFAULT_DEADLINE_MS = 30_000;
const POLL_MS = 100;

/** Reads again and again until `check` accepts; gives what was read. Fails with the last reading. */
export async function eventually(what, read, check, timeoutMs = DEFAULT_DEADLINE_MS) {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (check(value)) return value;
    if (performance.now() > deadline) {
      throw new Error(`not within ${timeoutMs} ms: ${what}\n${JSON.stringify(value, undefined, 1)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
