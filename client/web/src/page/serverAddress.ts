// Which server the page talks to (docs/page-hosting.md): the one that its host names in config.json, else the one that
// the address names, else the one that it came from.

import { RequestError } from "../signaling/messages.ts";

export interface ServerAddress {
  /** What /api, /ws and /healthz are below, with the slash at its end. */
  readonly base: URL;
  /** Its name when the page came from elsewhere: devices and accounts there are others than here. */
  readonly elsewhere: string | undefined;
}

const SETTINGS = "config.json";

const refuse = (message: string) => new RequestError("bad_server_address", message);

/** A server's address, as a host or an address of the page gives it; throws a RequestError that says what is wrong. */
export function parseServer(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refuse(`"${text}" is no address of a server: it begins with https://.`);
  }
  if (!["https:", "http:"].includes(url.protocol)) throw refuse(`"${text}": servers speak https (http for trying out).`);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw refuse(`"${text}" has more in it than the server and a path.`);
  }
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/** `page`: the page's own address, `setting`: of config.json, `wish`: of the address. Empty ones say nothing. */
export function chooseServer(page: string, setting: string, wish: string | undefined): ServerAddress {
  const own = new URL(".", page);
  own.search = own.hash = "";
  const named = setting === "" ? undefined : parseServer(setting);
  const wished = wish === undefined || wish === "" ? undefined : parseServer(wish);
  if (named !== undefined && wished !== undefined && named.href !== wished.href) {
    throw refuse(`This page is for calls on ${named.host}, the link is for ${wished.host}.`);
  }
  const base = named ?? wished ?? own;
  return { base, elsewhere: base.origin === own.origin ? undefined : base.href };
}

/** The server in the text of config.json; throws a RequestError when it is not in its form. */
export function readSettings(text: string): string {
  try {
    const { server = "" } = JSON.parse(text) as { server?: unknown };
    if (typeof server === "string") return server;
  } catch {
    // Said below.
  }
  throw refuse(`${SETTINGS} is not in the form {"server": "https://…"}.`);
}

async function hostSetting(page: string): Promise<string> {
  let response: Response;
  try {
    response = await fetch(new URL(SETTINGS, page), { cache: "no-cache" });
  } catch {
    throw refuse(`${SETTINGS} of this page cannot be had.`);
  }
  if (response.status === 404) return "";
  if (!response.ok) throw refuse(`${SETTINGS} of this page cannot be had.`);
  return readSettings(await response.text());
}

/** Finds the server, and asks one that is elsewhere whether it takes this page. Rejects with a RequestError. */
export async function findServer(page: string, wish: string | undefined): Promise<ServerAddress> {
  const server = chooseServer(page, await hostSetting(page), wish);
  if (server.elsewhere !== undefined) await askAdmission(server.base, new URL(page).origin);
  return server;
}

/** Browsers do not tell pages why a request to elsewhere failed; /healthz tells whom the server refuses. */
async function askAdmission(base: URL, origin: string): Promise<void> {
  let response: Response;
  try {
    response = await fetch(new URL("healthz", base));
  } catch {
    throw new RequestError("server_unreachable", base.host);
  }
  if (response.status === 403) throw new RequestError("origin_refused", `${base.host} takes no pages from ${origin}.`);
}

/** The address of the signaling WebSocket. */
export function webSocketUrl(base: URL): string {
  const url = new URL("ws", base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.toString();
}
