// A peer of README.md in a process of its own.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** The error answer of a peer. */
export class Refused extends Error {
  constructor(op, answer) {
    super(`${op}: ${answer.error}${answer.message === undefined ? "" : ` (${answer.message})`}`);
    this.code = answer.error;
  }
}

export class Peer {
  #process;
  #waiting = [];
  #ended;

  /** `command`: program and arguments. */
  constructor(name, command) {
    this.name = name;
    this.#process = spawn(command[0], command.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
    this.#process.on("error", (error) => this.#end(error));
    this.#process.on("exit", (code, signal) => this.#end(new Error(`${name} ended (${signal ?? code})`)));
    this.#process.stdin.on("error", () => undefined); // told by the exit
    createInterface({ input: this.#process.stdout, crlfDelay: Infinity }).on("line", (line) => {
      this.#waiting.shift()?.resolve(JSON.parse(line));
    });
  }

  #end(error) {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** The answer as it came. Requests may be sent before earlier ones are answered. */
  request(op, members = {}) {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#process.stdin.write(`${JSON.stringify({ op, ...members })}\n`);
    });
  }

  /** The answer; rejects with Refused when it is an error. */
  async call(op, members) {
    const answer = await this.request(op, members);
    if (answer.error !== undefined) throw new Refused(op, answer);
    return answer;
  }

  /** The code of the error answer; undefined when there is none. */
  async refusal(op, members) {
    return (await this.request(op, members)).error;
  }

  /** Ends the process and waits for it. */
  async close() {
    if (this.#ended !== undefined) return;
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.stdin.end();
    await ended;
  }
}
