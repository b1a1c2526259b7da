// The bundled native client in the same room, with real media made by ffmpeg.

import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const LAYERS = [
  { name: "q", size: "160x90", rate: "100k" },
  { name: "h", size: "320x180", rate: "300k" },
  { name: "f", size: "640x360", rate: "900k" },
];

/** Three VP8 layers in IVF and Opus in Ogg, with a key frame every two seconds. */
export async function makeMedia(folder, seconds) {
  await mkdir(folder, { recursive: true });
  const source = ["-f", "lavfi", "-i", `testsrc2=size=640x360:rate=20:duration=${seconds}`];
  const layers = LAYERS.map(({ name, size, rate }) => ({ file: join(folder, `${name}.ivf`), size, rate }));
  const outputs = layers.flatMap(({ file, size, rate }) => [
    ...["-map", "0:v", "-s", size, "-c:v", "libvpx", "-b:v", rate, "-g", "40", "-deadline", "realtime", "-cpu-used", "8"],
    file,
  ]);
  await run("ffmpeg", ["-v", "error", "-y", ...source, ...outputs]);
  const audio = join(folder, "tone.opus");
  const tone = ["-f", "lavfi", "-i", `sine=frequency=500:duration=${seconds}`];
  await run("ffmpeg", ["-v", "error", "-y", ...tone, "-ac", "2", "-c:a", "libopus", "-frame_duration", "20", audio]);
  return { video: layers.map(({ file }) => file).join(","), audio };
}

export class NativeClient {
  static available(bin) {
    return existsSync(join(bin, "sotto-client"));
  }

  constructor(bin, server, { room, name, key, media, folder, seconds }) {
    this.report = join(folder, "native.json");
    this.output = "";
    // Without a key it is a device of its own.
    const keys = key === null ? { user: name.toLowerCase(), device: "native", store: join(folder, `${name}.store`) } : { "key-passphrase": key };
    const options = { server: server.url, room, name, ...keys, video: media.video, audio: media.audio };
    const all = { ...options, record: join(folder, "recorded"), duration: String(seconds), json: this.report };
    const words = Object.entries(all).flatMap(([option, value]) => [`--${option}`, value]);
    this.process = spawn(join(bin, "sotto-client"), ["join", ...words], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on("data", (text) => (this.output += text));
    this.ended = new Promise((resolve) => this.process.on("exit", (code) => resolve(code)));
  }

  /** Its JSON report, after it has ended by itself. */
  async finish() {
    const code = await this.ended;
    if (code !== 0) throw new Error(`sotto-client ended with ${code}:\n${this.output}`);
    return JSON.parse(await readFile(this.report, "utf8"));
  }

  stop() {
    if (this.process.exitCode === null) this.process.kill("SIGKILL");
  }
}
