// The signaling client against a scripted server: replies, errors, lost sockets, resumption.

import assert from "node:assert/strict";
import { test } from "node:test";

import { RequestError, type JoinReply, type ServerEventName } from "../src/signaling/messages.ts";
import { SignalingClient } from "../src/signaling/SignalingClient.ts";
import { SignalingSocket, type SocketLike } from "../src/signaling/SignalingSocket.ts";

type Message = Record<string, unknown> & { id: number; type: string };

/** A socket whose other end answers by a function. */
class ScriptedSocket implements SocketLike {
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  readonly sent: Message[] = [];
  closed = false;

  constructor(private readonly answer: (socket: ScriptedSocket, message: Message) => void, opens = true) {
    queueMicrotask(() => (opens ? this.onopen?.({} as Event) : this.drop(1006)));
  }

  send(data: string): void {
    const message = JSON.parse(data) as Message;
    this.sent.push(message);
    queueMicrotask(() => this.answer(this, message));
  }

  close(): void {
    this.closed = true;
    queueMicrotask(() => this.drop(1000));
  }

  reply(message: Message, fields: object = {}): void {
    this.receive({ reply: message.id, ok: true, ...fields });
  }

  refuse(message: Message, code: string): void {
    this.receive({ reply: message.id, ok: false, error: { code, message: `refused: ${code}` } });
  }

  receive(data: unknown): void {
    this.onmessage?.({ data: typeof data === "string" ? data : JSON.stringify(data) } as MessageEvent);
  }

  drop(code: number): void {
    this.onclose?.({ code } as CloseEvent);
  }
}

const JOINED = { resumed: false, session: { id: "s_1", secret: "x" }, self: {}, roster: [], room: {}, limits: {} };

function client(
  answers: ((socket: ScriptedSocket, message: Message) => void)[],
  tokens: string[] = ["jwt"],
  attach = false,
) {
  const sockets: ScriptedSocket[] = [];
  const log: string[] = [];
  const waiters: { text: string; resolve: () => void }[] = [];
  const note = (text: string) => {
    log.push(text);
    for (const waiter of waiters) if (text.startsWith(waiter.text)) waiter.resolve();
  };
  const signaling = new SignalingClient(
    {
      connect: () => {
        const socket = new ScriptedSocket(answers[Math.min(sockets.length, answers.length - 1)]!);
        sockets.push(socket);
        return socket;
      },
      token: async (fresh) => (fresh && tokens.length > 1 ? tokens.splice(0, 1) && tokens[0]! : tokens[0]!),
      suites: ["duo"],
      attach,
    },
    {
      joined: (reply: JoinReply) => note(`joined resumed=${reply.resumed}`),
      event: (name: ServerEventName) => note(`event ${name}`),
      reconnecting: (attempt) => note(`reconnecting ${attempt}`),
      failed: (error) => note(`failed ${error.code}`),
    },
  );
  const noted = (text: string) => new Promise<void>((resolve) => waiters.push({ text, resolve }));
  return { signaling, sockets, log, noted };
}

const acceptJoin = (socket: ScriptedSocket, message: Message) =>
  socket.reply(message, message.type === "join" ? JOINED : {});

test("requests get the replies with their ids, in whatever order", async () => {
  const held: Message[] = [];
  const raw = new ScriptedSocket((socket, message) => {
    held.push(message);
    if (held.length === 2) for (const each of held.reverse()) socket.reply(each, { for: each.type });
  });
  const socket = new SignalingSocket(raw);
  await socket.opened;
  const replies = await Promise.all([socket.request<{ for: string }>("a"), socket.request<{ for: string }>("b")]);
  assert.deepEqual(replies.map((reply) => reply.for), ["a", "b"]);
});

test("a refusal rejects with its code, rubbish is ignored, a lost socket rejects what is pending", async () => {
  const raw = new ScriptedSocket((socket, message) => {
    socket.receive("not JSON");
    socket.receive({ reply: 999, ok: true });
    if (message.type === "bad") socket.refuse(message, "bad_slot");
    else socket.drop(1006);
  });
  const socket = new SignalingSocket(raw);
  let closed = 0;
  socket.onClose = (code) => (closed = code);
  await socket.opened;
  const withCode = (code: string) => (error: unknown) => error instanceof RequestError && error.code === code;
  await assert.rejects(socket.request("bad"), withCode("bad_slot"));
  await assert.rejects(socket.request("ping"), withCode("connection_lost"));
  assert.equal(closed, 1006);
  await assert.rejects(socket.request("ping"), withCode("connection_lost"));
});

test("a server that cannot be reached is an error, not a wait without end", async () => {
  const socket = new SignalingSocket(new ScriptedSocket(() => undefined, false));
  await assert.rejects(socket.opened, (error) => error instanceof RequestError && error.code === "connection_lost");
});

test("join states version, token and suites; its refusal reaches the caller", async () => {
  const { signaling, sockets } = client([(socket, message) => socket.refuse(message, "room_full")]);
  await assert.rejects(signaling.start(), (error) => error instanceof RequestError && error.code === "room_full");
  const { id, type, version, token, e2ee } = sockets[0]!.sent[0]!;
  assert.deepEqual({ id, type, version, token, e2ee }, { id: 1, type: "join", version: 1, token: "jwt", e2ee: { suites: ["duo"] } });
});

test("a lost socket is replaced and the session taken up again", async () => {
  const { signaling, sockets, log, noted } = client([
    acceptJoin,
    (socket, message) => socket.reply(message, message.type === "join" ? { ...JOINED, resumed: true } : {}),
  ]);
  await signaling.start();
  const back = noted("joined resumed=true");
  sockets[0]!.drop(1006);
  await back;
  assert.deepEqual(sockets[1]!.sent[0]!["resume"], { session: "s_1", secret: "x" });
  assert.deepEqual(log, ["joined resumed=false", "reconnecting 1", "joined resumed=true"]);
  await signaling.leave();
});

test("events that arrive with the join's reply come after it and are not lost", async () => {
  const { signaling, log } = client([
    (socket, message) => {
      acceptJoin(socket, message);
      socket.receive({ event: "slots", slots: [] });
    },
  ]);
  await signaling.start();
  assert.deepEqual(log, ["joined resumed=false", "event slots"]);
  await signaling.leave();
});

test("a refusal that trying again cannot change ends the reconnecting", async () => {
  const { signaling, sockets, noted } = client([acceptJoin, (socket, message) => socket.refuse(message, "unauthorized")]);
  await signaling.start();
  const end = noted("failed unauthorized");
  sockets[0]!.drop(1001);
  await end;
  assert.equal(sockets.length, 2);
});

test("a token that has expired while away is replaced by a fresh one", async () => {
  const { signaling, sockets, noted } = client(
    [acceptJoin, (socket, message) => (message["token"] === "old" ? socket.refuse(message, "unauthorized") : acceptJoin(socket, message))],
    ["old", "new"],
  );
  await signaling.start();
  const back = noted("joined");
  sockets[0]!.drop(1006);
  await back;
  assert.deepEqual(sockets.map(({ sent }) => sent[0]!["token"]), ["old", "old", "new"]);
  await signaling.leave();
});

test("a socket that gave way to another one of the same device stays away", async () => {
  const { signaling, sockets, log } = client([acceptJoin]);
  await signaling.start();
  sockets[0]!.drop(4001);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(sockets.length, 1);
  assert.deepEqual(log, ["joined resumed=false", "failed replaced"]);
});

test("after leaving nothing reconnects", async () => {
  const { signaling, sockets, log } = client([acceptJoin]);
  await signaling.start();
  await signaling.leave();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(sockets.length, 1);
  assert.equal(sockets[0]!.sent.at(-1)!.type, "leave");
  assert.deepEqual(log, ["joined resumed=false"]);
});

test("a socket attaches for messages before it joins, and what comes before the answer to join waits for it", async () => {
  const { signaling, sockets, log } = client(
    [
      (socket, message) => {
        // Somebody hears of the joining sooner than the one who joins.
        if (message.type === "join") socket.receive({ event: "message", seq: 0 });
        acceptJoin(socket, message);
      },
    ],
    ["jwt"],
    true,
  );
  await signaling.start();
  assert.deepEqual(sockets[0]!.sent.map(({ type, token }) => [type, token]), [["attach", "jwt"], ["join", "jwt"]]);
  assert.deepEqual(log, ["joined resumed=false", "event message"]);
  await signaling.leave();
});

test("every new socket attaches again before it takes up the session, also with a fresh token", async () => {
  const { signaling, sockets, log, noted } = client(
    [
      acceptJoin,
      (socket, message) => (message["token"] === "old" ? socket.refuse(message, "unauthorized") : acceptJoin(socket, message)),
      (socket, message) => {
        socket.receive({ event: "message", seq: 0 });
        socket.reply(message, message.type === "join" ? { ...JOINED, resumed: true } : {});
      },
    ],
    ["old", "new"],
    true,
  );
  await signaling.start();
  const back = noted("joined resumed=true");
  sockets[0]!.drop(1006);
  await back;
  assert.deepEqual(
    sockets.map(({ sent }) => sent.slice(0, 2).map(({ type, token }) => `${type} ${String(token)}`)),
    [["attach old", "join old"], ["attach old", "join old"], ["attach new", "join new"]],
  );
  assert.deepEqual(sockets[2]!.sent[1]!["resume"], { session: "s_1", secret: "x" });
  assert.deepEqual(log.slice(-3), ["joined resumed=true", "event message", "event message"]);
  await signaling.leave();
});

test("a server that refuses to attach is told by its refusal, and the socket is closed", async () => {
  const { signaling, sockets } = client(
    [(socket, message) => (message.type === "attach" ? socket.refuse(message, "unknown_type") : acceptJoin(socket, message))],
    ["jwt"],
    true,
  );
  await assert.rejects(signaling.start(), (error) => error instanceof RequestError && error.code === "unknown_type");
  assert.ok(sockets[0]!.closed);
});

test("a socket that is lost while attaching is tried again", async () => {
  const { signaling, sockets, log, noted } = client([acceptJoin, (socket) => socket.drop(1006), acceptJoin], ["jwt"], true);
  await signaling.start();
  const back = noted("joined");
  sockets[0]!.drop(1006);
  await back;
  assert.equal(sockets.length, 3);
  assert.deepEqual(log, ["joined resumed=false", "reconnecting 1", "reconnecting 2", "joined resumed=false"]);
  await signaling.leave();
});
