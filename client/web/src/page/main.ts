// The page: reads its address, shows the pre-join card, then the call, then what ended it.

import { Call } from "../call/Call.ts";
import { LocalMedia } from "../call/LocalMedia.ts";
import type { OwnTrack } from "../rtc/MediaConnection.ts";
import { FrameWorker } from "../rtc/FrameWorker.ts";
import { developmentToken } from "../signaling/development.ts";
import { RequestError, type Source } from "../signaling/messages.ts";
import { CallView } from "./CallView.ts";
import { installDebug } from "./debug.ts";
import { el } from "./dom.ts";
import { explainError } from "./errors.ts";
import { fragmentWithKey, inviteLink, randomPassphrase, readOptions, type PageOptions } from "./params.ts";
import { PreJoinView, type PreJoinChoice } from "./PreJoinView.ts";

const app = document.getElementById("app")!;

/** The worker lives as long as the page, because key counters do. */
let worker: FrameWorker | undefined;

function frameWorker(): FrameWorker {
  worker ??= new FrameWorker(new URL("assets/worker.js", document.baseURI));
  return worker;
}

/** The options, with a fresh passphrase put into the address when it has none. */
function optionsWithPassphrase(): PageOptions & { passphrase: string } {
  const options = readOptions(location.search, location.hash);
  const passphrase = options.passphrase ?? randomPassphrase();
  if (options.passphrase === undefined) {
    history.replaceState(null, "", location.pathname + location.search + fragmentWithKey(location.hash, passphrase));
  }
  return { ...options, passphrase };
}

/** The token of the address, or one from the server that is kept until it is refused. */
function tokenSource(options: PageOptions, name: string): (fresh: boolean) => Promise<string> {
  let kept = options.token;
  return async (fresh) => {
    if (options.token !== undefined) return options.token;
    if (kept === undefined || fresh) kept = await developmentToken(options.room, name);
    return kept;
  };
}

function webSocketUrl(): string {
  const url = new URL("ws", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.toString();
}

function showPreJoin(error?: unknown): void {
  const options = optionsWithPassphrase();
  document.title = `${options.room} · Sotto`;
  const media = new LocalMedia(options.media);
  media.label = options.name;
  const view = new PreJoinView({
    room: options.room,
    name: options.name,
    media,
    join: (choice) => enterCall(optionsWithPassphrase(), media, choice),
  });
  app.replaceChildren(view.element);
  if (!FrameWorker.supported) {
    error = new RequestError("e2ee_required", "This browser has no encoded transforms.");
  }
  if (error !== undefined) view.showError(error);
  const started = view.start();
  if (options.join && error === undefined) void started.then(() => view.submit());
}

async function enterCall(
  options: PageOptions & { passphrase: string },
  media: LocalMedia,
  choice: PreJoinChoice,
): Promise<void> {
  if (!FrameWorker.supported) throw new RequestError("e2ee_required", "This browser has no encoded transforms.");
  media.label = choice.name;
  const call = new Call({
    ...options,
    worker: frameWorker(),
    connect: () => new WebSocket(webSocketUrl()),
    token: tokenSource(options, choice.name),
  });
  const own = new Map<Source, OwnTrack>([
    ["microphone", { track: media.microphone ?? null, muted: !choice.microphoneOn || media.microphone === undefined }],
    ["camera", { track: media.camera ?? null, muted: !choice.cameraOn || media.camera === undefined }],
  ]);
  if (media.microphone !== undefined) media.microphone.enabled = choice.microphoneOn;
  await call.start(own);
  showCall(call, options, media);
}

function showCall(call: Call, options: PageOptions & { passphrase: string }, media: LocalMedia): void {
  const view = new CallView({
    call,
    media,
    room: options.room,
    inviteLink: inviteLink(document.baseURI, options.room, options.passphrase),
    viewHeight: options.height,
    leave: () => void call.leave(),
  });
  app.replaceChildren(view.element);
  installDebug(call, view);
  const draw = call.onChange;
  let ended = false;
  call.onChange = () => {
    draw();
    if (call.phase !== "ended" || ended) return;
    ended = true;
    view.close();
    media.stop();
    if (call.failure !== undefined) showPreJoin(call.failure);
    else showLeft();
  };
  if (call.phase === "ended") call.onChange();
  const beforeUnload = () => void call.leave();
  addEventListener("pagehide", beforeUnload, { once: true });
}

function showLeft(): void {
  const again = el("button", { class: "primary", type: "button" }, "Join again");
  again.onclick = () => showPreJoin();
  app.replaceChildren(
    el(
      "main",
      { class: "prejoin left" },
      el("section", { class: "card" }, el("h1", {}, "You have left the call"), el("p", {}, "Its keys are gone with it."), again),
    ),
  );
  again.focus();
}

addEventListener("unhandledrejection", ({ reason }) => console.warn("sotto:", explainError(reason).text));
showPreJoin();
