// The frame worker: seals what the page sends and opens what it receives. One worker for all tracks of the page, so
// that one counter runs over everything that is sealed with the own key.

import type { Transformer } from "./EncodedFrames.ts";
import { FrameDescriber } from "./FrameDescriber.ts";
import { FrameKeys } from "./FrameKeys.ts";
import { KeyWatch } from "./KeyWatch.ts";
import type { FromWorker, ToWorker, TransformOptions } from "./messages.ts";
import { receiveTransform, sendTransform } from "./transforms.ts";

/** The globals of a dedicated worker, as far as they are used here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  onrtctransform: ((event: { readonly transformer: Transformer }) => void) | null;
  postMessage(message: FromWorker): void;
}

/** How often counts go to the page, in ms: fast enough for a lock that follows what happens. */
const REPORT_INTERVAL_MS = 250;

const scope = globalThis as unknown as WorkerScope;
const keys = new FrameKeys();
const watch = new KeyWatch(
  (key) => post({ type: "key-opened", key }),
  (key) => post({ type: "key-unknown", key }),
);
const describers = new Map<string, FrameDescriber>();
let senders: Transformer[] = [];
let lastReport = "";

function post(message: FromWorker): void {
  scope.postMessage(message);
}

function fail(error: unknown): void {
  post({ type: "failure", message: error instanceof Error ? error.message : String(error) });
}

scope.onrtctransform = ({ transformer }) => {
  const options = transformer.options as TransformOptions;
  if (options.direction === "send") {
    const describer = new FrameDescriber(options.scales, options.captureHeight);
    describers.set(options.name, describer);
    senders.push(transformer);
    pipe(transformer, sendTransform(keys, describer));
  } else {
    const { slot } = options;
    pipe(transformer, receiveTransform(keys, transformer, (sender) => post({ type: "slot-sender", slot, sender })));
  }
};

function pipe(transformer: Transformer, transform: ReturnType<typeof sendTransform>): void {
  // The pipe ends with an error when its PeerConnection is closed: nothing is lost by that.
  transformer.readable.pipeThrough(transform).pipeTo(transformer.writable).catch(() => undefined);
}

scope.onmessage = ({ data }) => {
  switch (data.type) {
    case "passphrase":
      keys.setPassphrase(data.passphrase, data.room);
      break;
    case "own": {
      const { sender, suite } = data;
      keys.takeOwnKey(sender, suite).then((published) => post({ type: "published", sender, published }), fail);
      break;
    }
    case "member":
      keys.setMember(data.sender, data.published).catch(fail);
      break;
    case "member-gone":
      keys.removeMember(data.sender).catch(fail);
      break;
    case "automatic":
      keys.setAutomatic(watch).catch(fail);
      break;
    case "use-key": {
      const { ticket } = data;
      keys.useKey(data.key).then(() => post({ type: "using", ticket }), fail);
      break;
    }
    case "install-key":
      keys.installKey(data.key).catch(fail);
      break;
    case "remove-keys":
      keys.removeKeys(data.sender, data.generation).catch(fail);
      break;
    case "seal-data":
      post({ type: "data", ticket: data.ticket, bytes: keys.data.seal(data.plain, data.route), sender: undefined });
      break;
    case "open-data": {
      let opened;
      for (const route of data.routes) opened ??= keys.data.open(data.sealed, route);
      post({ type: "data", ticket: data.ticket, bytes: opened?.plain, sender: opened?.sender });
      break;
    }
    case "key-frame":
      for (const sender of senders) sender.generateKeyFrame?.().catch(() => undefined);
      break;
    case "capture":
      describers.get(data.name)?.setCapture(data.height, data.scales);
      break;
    case "connection-closed":
      senders = [];
      describers.clear();
      break;
  }
};

setInterval(() => {
  const report: FromWorker = { type: "report", own: keys.ownReport(), senders: keys.senderReports() };
  const text = JSON.stringify(report);
  if (text === lastReport) return;
  lastReport = text;
  post(report);
}, REPORT_INTERVAL_MS);

post({ type: "ready" });
