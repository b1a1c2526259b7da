// Keeps a client in a room: joins, and when the socket is lost connects again and takes up its session (or joins afresh
// when the session is gone), waiting longer after every failure. docs/signaling.md has the messages.

import { RequestError, type JoinReply, type ServerEventName, type ServerEvents, type SessionHandle } from "./messages.ts";
import { CONNECTION_LOST, SignalingSocket, type SocketLike } from "./SignalingSocket.ts";

export const PROTOCOL_VERSION = 1;

/** What the rest of the page hears. */
export interface SignalingListener {
  /** In the room: at first, and after every reconnection. `resumed` tells whether identity and media are the old ones. */
  joined(reply: JoinReply): void;
  event<Name extends ServerEventName>(name: Name, data: ServerEvents[Name]): void;
  /** The socket is gone; trying again. */
  reconnecting(attempt: number): void;
  /** Given up, or refused for good. */
  failed(error: RequestError): void;
}

export interface SignalingOptions {
  readonly connect: () => SocketLike;
  /**
   * The token to join with. A session is taken up with the user and device of its token, so the same one serves until it
   * is refused; `fresh` asks for another then (giving the same again ends the attempt).
   */
  readonly token: (fresh: boolean) => Promise<string>;
  readonly suites: readonly string[];
  /** Messages for this device are to come to the socket (docs/directory.md). */
  readonly attach?: boolean;
}

/** Waits between attempts, in ms; the session can be resumed for 30 s, and a server that restarts is back by then. */
const RETRY_DELAYS_MS = [0, 250, 500, 1000, 2000, 3000, 5000, 5000, 8000, 8000, 10_000];

/** The close code of a socket that gave way to another of the same device. */
const CLOSE_REPLACED = 4001;

/** Refusals that trying again cannot change. */
const FINAL_CODES = new Set([
  "unsupported_version",
  "unauthorized",
  "forbidden",
  "e2ee_required",
  "suite_not_allowed",
  "room_full",
  "too_many_rooms",
]);

export class SignalingClient {
  private socket: SignalingSocket | undefined;
  private session: SessionHandle | undefined;
  private left = false;

  constructor(
    private readonly options: SignalingOptions,
    private readonly listener: SignalingListener,
  ) {}

  /** The first join; rejects when it is refused. Afterwards reconnections run by themselves. */
  async start(): Promise<void> {
    await this.connect();
  }

  request<Reply = unknown>(type: string, fields: object = {}): Promise<Reply> {
    if (this.socket === undefined) return Promise.reject(new RequestError(CONNECTION_LOST, "Not connected."));
    return this.socket.request<Reply>(type, fields);
  }

  /** Leaves the room and stays away. */
  async leave(): Promise<void> {
    this.left = true;
    const socket = this.socket;
    this.socket = undefined;
    await socket?.request("leave").catch(() => undefined);
    socket?.close();
  }

  /** Closes the socket as a network that fails would; reconnecting follows. For tests. */
  drop(): void {
    this.socket?.close();
  }

  private async connect(): Promise<void> {
    const token = await this.options.token(false);
    try {
      await this.joinWith(token);
    } catch (error) {
      const refused = error instanceof RequestError && error.code === "unauthorized";
      const another = refused ? await this.options.token(true) : token;
      if (another === token) throw error;
      await this.joinWith(another);
    }
  }

  private async joinWith(token: string): Promise<void> {
    const socket = new SignalingSocket(this.options.connect());
    await socket.opened;
    const early: [ServerEventName, unknown][] = [];
    socket.onEvent = (name, data) => early.push([name, data]);
    let lost: number | undefined;
    socket.onClose = (code) => (lost = code);
    // Before it joins, so that whoever hears of it can reach it.
    const attached = this.options.attach === true ? socket.request("attach", { token }) : undefined;
    attached?.catch(() => undefined);
    const reply = await socket.request<JoinReply>("join", {
      version: PROTOCOL_VERSION,
      token,
      client: { name: "sotto-web", version: "0.1.0" },
      e2ee: { suites: this.options.suites },
      ...(this.session && { resume: { session: this.session.id, secret: this.session.secret } }),
    })
      .then(async (joined) => {
        await attached;
        return joined;
      })
      .catch((error: unknown) => {
        socket.close();
        throw error;
      });
    if (this.left) return socket.close();
    this.session = reply.session;
    this.socket = socket;
    this.listener.joined(reply);
    socket.onEvent = (name, data) => this.listener.event(name, data as never);
    for (const [name, data] of early) this.listener.event(name, data as never);
    socket.onClose = (code) => void this.lost(code);
    if (lost !== undefined) void this.lost(lost);
  }

  private lost(code: number): Promise<void> | void {
    this.socket = undefined;
    if (this.left) return;
    // Coming back would push the other one out, which would come back in turn.
    if (code === CLOSE_REPLACED) return this.listener.failed(new RequestError("replaced", "Joined from somewhere else."));
    return this.reconnect();
  }

  private async reconnect(): Promise<void> {
    for (const [index, delay] of RETRY_DELAYS_MS.entries()) {
      if (this.left) return;
      this.listener.reconnecting(index + 1);
      // Half of the wait is random, so that a whole room does not come back in one moment.
      await new Promise((resolve) => setTimeout(resolve, delay * (0.5 + Math.random() / 2)));
      if (this.left) return;
      try {
        return await this.connect();
      } catch (error) {
        if (error instanceof RequestError && FINAL_CODES.has(error.code)) return this.listener.failed(error);
      }
    }
    this.listener.failed(new RequestError(CONNECTION_LOST, "The server could not be reached again."));
  }
}
