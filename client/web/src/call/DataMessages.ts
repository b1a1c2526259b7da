// Chat, reactions and an application's own messages in a call (docs/e2ee.md section 5): sealed with the sender's media key
// by the frame worker, carried by the data channels. Who a message is from is what its key says, not what the server says.

import { utf8, type Bytes } from "../e2ee/bytes.ts";
import type { DataRoute, OpenedData } from "../e2ee/DataKeys.ts";
import { TO_EVERYONE, type DataKind, type DataSendResult, type ReceivedData } from "../rtc/DataChannels.ts";

export type DataMessage =
  | { readonly type: "chat"; readonly text: string; readonly id: string }
  | { readonly type: "reaction"; readonly emoji: string }
  | { readonly type: "app"; readonly data: unknown };

/** Longest text and emoji that are taken, in UTF-16 units. */
export const MAX_CHAT_LENGTH = 4000;
const MAX_EMOJI_LENGTH = 32;
const MAX_ID_LENGTH = 64;
/** The key of a message may be on its way, or a ratchet pause in force: it is tried again after these waits, ms. */
const RETRIES_MS = [300, 1500];
/** Messages that wait for that, so that a stranger cannot fill the memory. */
const MAX_WAITING = 200;

/** What is needed of the call and its worker. */
export interface DataPort {
  /** Our own number, undefined before joining. */
  readonly self: number | undefined;
  sendData(destination: number, kind: DataKind, lossy: boolean, payload: Uint8Array): DataSendResult;
  seal(plain: Bytes, route: DataRoute): Promise<Bytes | undefined>;
  open(sealed: Bytes, routes: readonly DataRoute[]): Promise<OpenedData | undefined>;
}

/** Reads what somebody has sealed; undefined when it is not in the form of the contract. */
export function readDataMessage(plain: Uint8Array): DataMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(plain));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { type, text, id, emoji, data } = value as Record<string, unknown>;
  const short = (part: unknown, most: number): part is string => typeof part === "string" && part.length > 0 && part.length <= most;
  if (type === "chat" && short(text, MAX_CHAT_LENGTH) && short(id, MAX_ID_LENGTH)) return { type, text, id };
  if (type === "reaction" && short(emoji, MAX_EMOJI_LENGTH)) return { type, emoji };
  return type === "app" ? { type, data } : undefined;
}

export class DataMessages {
  /** `sender`: the number of whoever sealed it. */
  onMessage: (sender: number, message: DataMessage) => void = () => undefined;
  private waiting = 0;

  constructor(private readonly port: DataPort) {}

  /** To everybody, or to one sender number. "no-key" while there is none to seal with. */
  async send(message: DataMessage, destination = TO_EVERYONE, lossy = false): Promise<DataSendResult | "no-key"> {
    const sealed = await this.port.seal(utf8(JSON.stringify(message)), { reliable: !lossy, destination });
    return sealed === undefined ? "no-key" : this.port.sendData(destination, "data", lossy, sealed);
  }

  async receive({ kind, lossy, payload }: ReceivedData): Promise<void> {
    const { self } = this.port;
    if (kind !== "data" || self === undefined) return;
    const reliable = !lossy;
    const routes = [{ reliable, destination: TO_EVERYONE }, { reliable, destination: self }];
    let opened = await this.port.open(payload.slice(), routes);
    for (const wait of RETRIES_MS) {
      if (opened !== undefined || lossy || this.waiting >= MAX_WAITING) break;
      this.waiting++;
      await new Promise((resolve) => setTimeout(resolve, wait));
      this.waiting--;
      opened = await this.port.open(payload.slice(), routes);
    }
    const message = opened && readDataMessage(opened.plain);
    if (opened !== undefined && message !== undefined) this.onMessage(opened.sender, message);
  }
}
