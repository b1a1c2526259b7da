// Tokens from a server in development mode (docs/signaling.md, Tokens).

import { RequestError } from "./messages.ts";

/** Without user and device the server draws both. */
export interface TokenRequest {
  readonly room: string;
  readonly name: string;
  readonly user?: string;
  readonly device?: string;
}

/** Asks the server at `base` for a token; rejects with a RequestError that says why there is none. */
export async function developmentToken(base: URL, request: TokenRequest): Promise<string> {
  let response: Response;
  try {
    response = await fetch(new URL("api/token", base), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
    });
  } catch {
    throw new RequestError("connection_lost", "The server cannot be reached.");
  }
  if (response.status === 404 || response.status === 403) {
    throw new RequestError("unauthorized", "This server hands out no tokens: open the link that you were invited with.");
  }
  const reply = (await response.json().catch(() => ({}))) as {
    token?: string;
    error?: { code?: string; message?: string };
  };
  if (!response.ok || typeof reply.token !== "string") {
    throw new RequestError(reply.error?.code ?? "internal", reply.error?.message ?? "The server gave no token.");
  }
  return reply.token;
}
