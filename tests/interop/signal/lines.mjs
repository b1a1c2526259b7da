// One JSON object a line in, one a line out, in the same order: the loop of a peer (README.md here).

import { createInterface } from "node:readline";

/** A refusal with a code of README.md. */
export class PeerError extends Error {
  constructor(code, message = code) {
    super(message);
    this.code = code;
  }
}

/** The bytes of a member of a request that must be lower-case hexadecimal. */
export function hex(value) {
  if (typeof value !== "string" || !/^([0-9a-f]{2})*$/.test(value)) throw new PeerError("bad-request", "not hex");
  return Buffer.from(value, "hex");
}

/** A member of a request that must be a text. */
export function text(value) {
  if (typeof value !== "string") throw new PeerError("bad-request", "not a text");
  return value;
}

/**
 * Answers requests until the end of input. `operations` maps each `op` to a function of the request that gives the
 * answer's members; `codeOf` names an error that is no PeerError.
 */
export async function serve(operations, codeOf) {
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    let id;
    let answer;
    try {
      let request;
      try {
        request = JSON.parse(line);
      } catch {
        throw new PeerError("bad-request", "not JSON");
      }
      id = request?.id;
      if (!Object.hasOwn(operations, request?.op ?? "")) throw new PeerError("bad-request", "unknown op");
      answer = await operations[request.op](request);
    } catch (error) {
      answer = { error: error instanceof PeerError ? error.code : codeOf(error), message: String(error?.message ?? error) };
    }
    process.stdout.write(`${JSON.stringify({ ...(id === undefined ? {} : { id }), ...answer })}\n`);
  }
}
