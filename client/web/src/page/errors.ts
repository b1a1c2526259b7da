// What goes wrong, in words that say what to do about it.

import { DeviceInUse } from "../signal/deviceLock.ts";
import { RequestError } from "../signaling/messages.ts";

const TEXTS: Record<string, { title: string; text: string }> = {
  unauthorized: {
    title: "This link does not let you in",
    text: "The access token is missing, has expired, or is for another room. Ask for a new link.",
  },
  forbidden: { title: "Not allowed", text: "Your access does not cover this. Ask whoever invited you." },
  room_full: { title: "The room is full", text: "Nobody else can join at the moment. Try again when someone has left." },
  too_many_rooms: { title: "The server is full", text: "It cannot open another room at the moment. Try again later." },
  e2ee_required: {
    title: "This browser cannot seal",
    text: "The room takes end-to-end encrypted participants only. Use a current Chromium, Firefox or Safari.",
  },
  unsupported_version: { title: "This page is out of date", text: "The server has been updated. Reload the page." },
  media_unavailable: { title: "No media at the moment", text: "The server has no capacity for media right now. Try again." },
  no_key_directory: {
    title: "No automatic keys here",
    text: "This server has no key directory. Agree on a passphrase and join with a link that ends in #key=…",
  },
  server_unreachable: {
    title: "The server cannot be reached",
    text: "The server that this page is set to does not answer. Check the address and your network, then reload the page.",
  },
  page_damaged: {
    title: "This page is not complete",
    text: "A part of it is missing or is not the one it was built with, so nothing is started. Reload; if it stays, do not use this copy.",
  },
  connection_lost: { title: "Connection lost", text: "The server could not be reached. Check your network and join again." },
  removed: { title: "You are out of the call", text: "The server has ended your session." },
  replaced: { title: "You joined from somewhere else", text: "This call goes on in another window or tab." },
  no_common_codec: { title: "No common codec", text: "This browser offers no video format that the server forwards." },
};

/** Title and text for an error that ended something. */
export function explainError(error: unknown): { title: string; text: string } {
  if (error instanceof DeviceInUse) {
    return { title: "Already open in another tab", text: "This device is in a call there. Close that tab, then join here." };
  }
  if (error instanceof RequestError) {
    if (error.code === "origin_refused") {
      const text = `${error.message} Its operator can name it in http.allowed_origins. The server's own page works without that.`;
      return { title: "The server does not take this page", text };
    }
    if (error.code === "bad_server_address") return { title: "No server to talk to", text: error.message };
    const known = TEXTS[error.code];
    if (known !== undefined) return known;
    if (error.code === "suite_not_allowed") return { title: "Encryption suite refused", text: error.message };
    return { title: "Something went wrong", text: `${error.message} (${error.code})` };
  }
  return { title: "Something went wrong", text: error instanceof Error ? error.message : String(error) };
}
