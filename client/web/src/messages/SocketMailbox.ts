// Sealed messages over the signaling WebSocket (docs/directory.md, "WebSocket").

import { fromHex, toHex } from "../e2ee/bytes.ts";
import { RequestError } from "../signaling/messages.ts";
import { fromBase64, toBase64 } from "./base64.ts";
import { MESSAGE_ID_LENGTH } from "./content.ts";
import { type DeviceId } from "./DeviceId.ts";
import { type EnvelopeType, type IncomingMessage, type MessageTransport, type OutgoingMessage, type SendOutcome } from "./ports.ts";

/** Sends a request over the socket that is there now; rejects with a RequestError. */
export type RequestFunction = <Reply>(type: string, fields?: object) => Promise<Reply>;

interface SendReply {
  readonly unknown?: readonly { readonly user: string; readonly device: string; readonly full?: boolean }[];
}

/** Kept for the next socket when one is lost: stored messages only, the others are for those who are there now. */
const MAX_UNSENT = 1000;

export class SocketMailbox implements MessageTransport {
  private unsent: { readonly message: OutgoingMessage; readonly done: (outcome: SendOutcome) => void }[] = [];

  constructor(private readonly request: RequestFunction) {}

  /** There is a (new) socket, attached for our messages: sends what the last one could not. */
  resume(): void {
    for (const { message, done } of this.unsent.splice(0)) void this.send(message).then(done);
  }

  async send(message: OutgoingMessage): Promise<SendOutcome> {
    try {
      const { unknown = [] } = await this.request<SendReply>("send", sendFields(message));
      return {
        unknown: unknown.filter(({ full }) => full !== true),
        full: unknown.filter(({ full }) => full === true),
      };
    } catch (error) {
      const lost = error instanceof RequestError && ["connection_lost", "timeout"].includes(error.code);
      // Sent again under its id it arrives once.
      if (lost && message.store && this.unsent.length < MAX_UNSENT) {
        return new Promise((done) => this.unsent.push({ message, done }));
      }
      return { error: error instanceof Error ? error.message : String(error), unknown: [], full: [] };
    }
  }

  acknowledge(upTo: number): void {
    // What is not acknowledged comes again, and is known then.
    this.request("ack", { upTo }).catch(() => undefined);
  }
}

function sendFields({ id, purpose, group, shared, recipients, store }: OutgoingMessage): object {
  return {
    messageId: toHex(id),
    purpose,
    group,
    ...(shared && { shared: toBase64(shared) }),
    recipients: recipients.map(({ to, type, body }) => ({ user: to.user, device: to.device, type, body: toBase64(body) })),
    store,
  };
}

const TYPES: readonly unknown[] = ["prekey", "signal", "error"] satisfies EnvelopeType[];

/** The event `message` as the messenger takes it; undefined when it is not in the form of the contract. */
export function readMessageEvent(event: Record<string, unknown>): IncomingMessage | undefined {
  const { seq, from, messageId, purpose, group, type } = event;
  const body = fromBase64(event["body"]);
  const { user, device } = (from ?? {}) as Partial<DeviceId>;
  if (typeof seq !== "number" || typeof purpose !== "number" || typeof group !== "string" || body === undefined) return undefined;
  if (typeof user !== "string" || typeof device !== "string" || !TYPES.includes(type)) return undefined;
  if (typeof messageId !== "string" || !/^[0-9a-f]{32}$/.test(messageId)) return undefined;
  const id = fromHex(messageId).slice(0, MESSAGE_ID_LENGTH);
  const shared = event["shared"] === undefined ? undefined : fromBase64(event["shared"]);
  return { seq, from: { user, device }, id, purpose, group, type: type as EnvelopeType, body, shared };
}
