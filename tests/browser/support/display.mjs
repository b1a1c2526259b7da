// A screen of our own for a browser whose screen sharing is real: Xvfb with a number that nobody else uses.

import { spawn } from "node:child_process";

/** The size of that screen, pixels. */
export const DISPLAY_SIZE = { width: 1280, height: 720 };
const START_DEADLINE_MS = 15_000;

export class VirtualDisplay {
  /** Resolves when the display takes windows; `name` is what DISPLAY has to be. */
  static async start() {
    const display = new VirtualDisplay();
    const { width, height } = DISPLAY_SIZE;
    const words = ["-displayfd", "3", "-screen", "0", `${width}x${height}x24`, "-nolisten", "tcp"];
    display.process = spawn("Xvfb", words, { stdio: ["ignore", "ignore", "ignore", "pipe"] });
    display.name = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("Xvfb did not start")), START_DEADLINE_MS);
      let text = "";
      display.process.stdio[3].on("data", (chunk) => {
        text += chunk;
        if (text.endsWith("\n")) resolve((clearTimeout(timer), `:${text.trim()}`));
      });
      display.process.on("error", ({ message }) => reject(new Error(`Xvfb (Debian package xvfb) does not run: ${message}`)));
      display.process.on("exit", (code) => reject(new Error(`Xvfb ended (${code})`)));
    });
    return display;
  }

  async stop() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    await ended;
  }
}
