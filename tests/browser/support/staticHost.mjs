// A plain file server, as anybody might host the page with: it knows types, and nothing of Sotto.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };

export class StaticHost {
  /** `change(path, bytes)`: what is handed out instead of a file; for hosts that change the page, or configure it. */
  static async start(folder, change = (_path, bytes) => bytes) {
    const host = new StaticHost();
    host.server = createServer(async (request, response) => {
      const path = normalize(new URL(request.url, "http://host").pathname).slice(1) || "index.html";
      try {
        const bytes = change(path, await readFile(join(folder, path)));
        response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "text/plain", "cache-control": "no-store" });
        response.end(bytes);
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise((resolve) => host.server.listen(0, "127.0.0.1", resolve));
    host.origin = `http://127.0.0.1:${host.server.address().port}`;
    /** As a server's, for Person.open. */
    host.url = `${host.origin}/`;
    return host;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
