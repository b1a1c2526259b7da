// The page: reads its address, shows the pre-join card, then the call, then what ended it.

import { Call } from "../call/Call.ts";
import { CallFiles } from "../call/CallFiles.ts";
import { LocalMedia } from "../call/LocalMedia.ts";
import type { OwnTrack } from "../rtc/MediaConnection.ts";
import { AutomaticKeys } from "../keys/AutomaticKeys.ts";
import type { CallKeys } from "../keys/CallKeys.ts";
import { ExternalKeys } from "../keys/ExternalKeys.ts";
import { Api } from "../messages/Api.ts";
import { BlobStore } from "../messages/BlobStore.ts";
import { DeviceRegistration } from "../messages/DeviceRegistration.ts";
import { HttpDirectory } from "../messages/HttpDirectory.ts";
import { FrameWorker } from "../rtc/FrameWorker.ts";
import { frameWorkerUrl } from "../rtc/frameWorkerCode.ts";
import { developmentToken } from "../signaling/development.ts";
import { RequestError, type Source } from "../signaling/messages.ts";
import { openAccount, type Account } from "./account.ts";
import { CallView } from "./CallView.ts";
import { installDebug } from "./debug.ts";
import { el } from "./dom.ts";
import { explainError } from "./errors.ts";
import { inviteLink, readOptions, type PageOptions } from "./params.ts";
import { PreJoinView, type PreJoinChoice } from "./PreJoinView.ts";
import { findServer, webSocketUrl, type ServerAddress } from "./serverAddress.ts";

const app = document.getElementById("app")!;

/** The worker lives as long as the page, because key counters do. */
let worker: Promise<FrameWorker> | undefined;

function frameWorker(): Promise<FrameWorker> {
  worker ??= frameWorkerUrl(document.baseURI).then((url) => new FrameWorker(url));
  worker.catch(() => (worker = undefined));
  return worker;
}

/** The server too: its name decides which account is meant. Asked again when it could not be had. */
let server: Promise<ServerAddress> | undefined;

function ownServer(options: PageOptions): Promise<ServerAddress> {
  server ??= findServer(document.baseURI, options.server);
  server.catch(() => (server = undefined));
  return server;
}

/** The account too: its device is locked for this tab. */
let account: Promise<Account> | undefined;

function ownAccount(options: PageOptions): Promise<Account> {
  account ??= ownServer(options)
    .then((server) => openAccount({ ...options, server }))
    .catch((error: unknown) => {
      account = undefined;
      throw error;
    });
  return account;
}

/** Where tokens come from, and who makes the keys. */
interface Access {
  readonly token: (fresh: boolean) => Promise<string>;
  readonly keys: CallKeys;
  /** Only where devices have sessions. */
  readonly files: CallFiles | undefined;
}

async function access(options: PageOptions, name: string, worker: FrameWorker, { base }: ServerAddress): Promise<Access> {
  if (options.passphrase !== undefined) {
    const keys = new ExternalKeys(worker, options.passphrase, options.room, options.suite);
    return { token: tokenSource(options, name, base), keys, files: undefined };
  }
  const { self, browser, tokens } = await ownAccount(options);
  const token = tokens(name);
  const api = new Api(new URL("api/v1/", base), token);
  const directory = new HttpDirectory(api);
  const registration = new DeviceRegistration(browser.device, directory);
  // Whoever sees us in the room asks for our keys at once.
  await registration.register(Date.now());
  const { device, store } = browser;
  const keys = new AutomaticKeys({ self, device, store, directory, registration, worker, suite: options.suite });
  return { token, keys, files: new CallFiles(new BlobStore(api), keys.messages) };
}

/** The token of the address, or one from the server that is kept until it is refused. */
function tokenSource(options: PageOptions, name: string, base: URL): (fresh: boolean) => Promise<string> {
  let kept = options.token;
  return async (fresh) => {
    if (options.token !== undefined) return options.token;
    if (kept === undefined || fresh) kept = await developmentToken(base, { room: options.room, name });
    return kept;
  };
}

function showPreJoin(error?: unknown): void {
  const options = readOptions(location.search, location.hash);
  document.title = `${options.room} · Sotto`;
  const media = new LocalMedia(options.media);
  media.label = options.name;
  const view = new PreJoinView({
    room: options.room,
    name: options.name,
    automatic: options.passphrase === undefined,
    media,
    join: (choice) => enterCall(readOptions(location.search, location.hash), media, choice),
  });
  app.replaceChildren(view.element);
  if (!FrameWorker.supported) {
    error = new RequestError("e2ee_required", "This browser has no encoded transforms.");
  }
  if (error !== undefined) view.showError(error);
  // Where the page cannot work it says so at once, not after somebody has pressed the button.
  for (const needed of FrameWorker.supported ? [ownServer(options), frameWorker()] : []) {
    needed.catch((problem: unknown) => view.showError(problem));
  }
  // Making a device takes a moment on the first visit; what goes wrong is said on joining.
  if (options.passphrase === undefined) ownAccount(options).catch(() => undefined);
  const started = view.start();
  if (options.join && error === undefined) void started.then(() => view.submit());
}

async function enterCall(options: PageOptions, media: LocalMedia, choice: PreJoinChoice): Promise<void> {
  if (!FrameWorker.supported) throw new RequestError("e2ee_required", "This browser has no encoded transforms.");
  media.label = choice.name;
  const [worker, server] = await Promise.all([frameWorker(), ownServer(options)]);
  const { files, ...granted } = await access(options, choice.name, worker, server);
  const call = new Call({ ...options, ...granted, worker, connect: () => new WebSocket(webSocketUrl(server.base)) });
  const own = new Map<Source, OwnTrack>([
    ["microphone", { track: media.microphone ?? null, muted: !choice.microphoneOn || media.microphone === undefined }],
    ["camera", { track: media.camera ?? null, muted: !choice.cameraOn || media.camera === undefined }],
  ]);
  if (media.microphone !== undefined) media.microphone.enabled = choice.microphoneOn;
  await call.start(own);
  showCall(call, files, options, media);
}

function showCall(call: Call, files: CallFiles | undefined, options: PageOptions, media: LocalMedia): void {
  const view = new CallView({
    call,
    files,
    media,
    room: options.room,
    inviteLink: inviteLink(document.baseURI, options),
    linkHasKey: options.passphrase !== undefined,
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
