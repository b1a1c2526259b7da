// One WebSocket to the server: requests with ids, replies, events. Ends for good when the socket closes; SignalingClient
// makes the next one.

import { RequestError, type ErrorInfo, type ServerEventName } from "./messages.ts";

/** The part of WebSocket that is used, so that tests can stand in. */
export interface SocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: Event) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
}

/** The code of a request that got no answer because the connection went away. */
export const CONNECTION_LOST = "connection_lost";

/** How long an answer may take, in ms. */
const REQUEST_TIMEOUT_MS = 10_000;

interface Pending {
  resolve(reply: unknown): void;
  reject(error: RequestError): void;
  timer: ReturnType<typeof setTimeout>;
}

export class SignalingSocket {
  onEvent: (name: ServerEventName, data: unknown) => void = () => undefined;
  onClose: (code: number) => void = () => undefined;
  /** Resolves when the socket is open, rejects when it never opens. */
  readonly opened: Promise<void>;

  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private closed = false;

  constructor(private readonly socket: SocketLike) {
    this.opened = new Promise((resolve, reject) => {
      socket.onopen = () => resolve();
      socket.onclose = ({ code }) => {
        reject(new RequestError(CONNECTION_LOST, "The server cannot be reached."));
        this.end(code);
      };
    });
    this.opened.catch(() => undefined);
    socket.onmessage = ({ data }) => this.receive(String(data));
  }

  /** Sends a request; rejects with a RequestError when it is refused, times out or the connection ends. */
  request<Reply>(type: string, fields: object = {}): Promise<Reply> {
    const id = this.nextId++;
    return new Promise<Reply>((resolve, reject) => {
      if (this.closed) return reject(new RequestError(CONNECTION_LOST, "The connection to the server is lost."));
      const timer = setTimeout(() => {
        this.pending.delete(id);
        reject(new RequestError("timeout", `The server did not answer "${type}" in time.`));
      }, REQUEST_TIMEOUT_MS);
      this.pending.set(id, { resolve: resolve as (reply: unknown) => void, reject, timer });
      this.socket.send(JSON.stringify({ id, type, ...fields }));
    });
  }

  close(): void {
    this.socket.close(1000);
    this.end(1000);
  }

  private receive(text: string): void {
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(text) as Record<string, unknown>;
    } catch {
      return;
    }
    if (typeof message["event"] === "string") {
      this.onEvent(message["event"] as ServerEventName, message);
      return;
    }
    const pending = this.pending.get(message["reply"] as number);
    if (pending === undefined) return;
    this.pending.delete(message["reply"] as number);
    clearTimeout(pending.timer);
    if (message["ok"] === true) return pending.resolve(message);
    const error = (message["error"] ?? {}) as Partial<ErrorInfo>;
    pending.reject(new RequestError(error.code ?? "internal", error.message ?? "The server refused.", error.details));
  }

  private end(code: number): void {
    if (this.closed) return;
    this.closed = true;
    for (const { reject, timer } of this.pending.values()) {
      clearTimeout(timer);
      reject(new RequestError(CONNECTION_LOST, "The connection to the server was lost."));
    }
    this.pending.clear();
    this.onClose(code);
  }
}
