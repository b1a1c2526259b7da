// Requests to /api/v1 (docs/directory.md) in the name of this device.

import { type Bytes } from "../e2ee/bytes.ts";
import { DirectoryError } from "./ports.ts";

export class Api {
  /** `base`: the address of /api/v1/, with the slash at its end. `token`: the device's, fresh when one was refused. */
  constructor(
    private readonly base: URL,
    private readonly token: (fresh: boolean) => Promise<string>,
    private readonly fetcher: typeof fetch = (input, init) => fetch(input, init),
  ) {}

  /** A request with a JSON body and reply; rejects with a DirectoryError. */
  async json(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const response = await this.request(method, path, init);
    const reply: unknown = await response.json().catch(() => undefined);
    return typeof reply === "object" && reply !== null ? (reply as Record<string, unknown>) : {};
  }

  /** Any request; rejects with a DirectoryError unless it went well or failed with one of the `expected` states. */
  async request(
    method: string,
    path: string,
    init: { readonly body?: string | Bytes; readonly headers?: Record<string, string> } = {},
    expected: readonly number[] = [],
  ): Promise<Response> {
    let response = await this.attempt(method, path, init, false);
    if (response.status === 401) response = await this.attempt(method, path, init, true);
    if (response.ok || expected.includes(response.status)) return response;
    const reply = (await response.json().catch(() => ({}))) as { error?: { code?: string; message?: string } };
    throw new DirectoryError(reply.error?.code ?? `http_${response.status}`, reply.error?.message ?? "The server refused.");
  }

  private async attempt(
    method: string,
    path: string,
    { body, headers }: { readonly body?: string | Bytes; readonly headers?: Record<string, string> },
    fresh: boolean,
  ): Promise<Response> {
    const authorization = `Bearer ${await this.token(fresh)}`;
    try {
      return await this.fetcher(new URL(path, this.base), {
        method,
        headers: { ...headers, authorization },
        ...(body !== undefined && { body }),
      });
    } catch {
      throw new DirectoryError("unreachable", "The server cannot be reached.");
    }
  }
}
