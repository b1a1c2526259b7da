// A sotto-server of its own for a test run: temporary configuration, free ports, its output kept.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** How long the server may take to start or to stop, ms. */
const DEADLINE_MS = 20_000;

export class SottoServer {
  /** Starts `<bin>/sotto-server` with the default configuration and these changes; resolves when it serves. */
  static async start(bin, changes = {}) {
    const server = new SottoServer();
    server.folder = await mkdtemp(join(tmpdir(), "sotto-browser-"));
    const config = {
      http: { address: "127.0.0.1", port: 0 },
      // All addresses, as by default: Firefox tries its way over loopback only with a real device in use.
      media: { workers: 1, first_port: 0, announced_addresses: ["auto"] },
      storage: { directory: join(server.folder, "data") },
      ...changes,
    };
    const file = join(server.folder, "sotto.yaml");
    await writeFile(file, JSON.stringify(config)); // JSON is YAML
    server.output = "";
    server.process = spawn(resolve(bin, "sotto-server"), ["--config", file], {
      // What it stores goes with the folder.
      cwd: server.folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    server.url = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the server did not start:\n${server.output}`)), DEADLINE_MS);
      const read = (chunk) => {
        server.output += chunk;
        const line = /Call page: (\S+)/.exec(server.output);
        if (line) resolve((clearTimeout(timer), line[1]));
      };
      server.process.stdout.on("data", read);
      server.process.stderr.on("data", read);
      server.process.on("error", reject);
      server.process.on("exit", (code) => reject(new Error(`the server ended (${code}):\n${server.output}`)));
    });
    return server;
  }

  /** Process ids of the workers that run now. */
  async workers() {
    const { pid } = this.process;
    const children = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(/\s+/).map(Number);
    const names = await Promise.all(children.map((child) => readFile(`/proc/${child}/comm`, "utf8").catch(() => "")));
    return children.filter((_, i) => names[i].startsWith("sotto-worker"));
  }

  /** Everything in /metrics as one text. */
  async metrics() {
    return (await fetch(new URL("metrics", this.url))).text();
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = new Promise((resolve) => this.process.once("exit", resolve));
      this.process.kill("SIGTERM");
      const timer = setTimeout(() => this.process.kill("SIGKILL"), DEADLINE_MS);
      await ended;
      clearTimeout(timer);
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}
