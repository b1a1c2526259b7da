// Which server the page talks to.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chooseServer, parseServer, readSettings, webSocketUrl } from "../src/page/serverAddress.ts";
import { RequestError } from "../src/signaling/messages.ts";

const PAGE = "https://page.example/calls/index.html?room=x#key=y";

const refused = (work: () => unknown, words: RegExp) =>
  assert.throws(work, (error) => error instanceof RequestError && error.code === "bad_server_address" && words.test(error.message));

test("without a word from anybody it is the server that the page came from", () => {
  const { base, elsewhere } = chooseServer(PAGE, "", undefined);
  assert.equal(base.href, "https://page.example/calls/");
  assert.equal(elsewhere, undefined);
  assert.equal(webSocketUrl(base), "wss://page.example/calls/ws");
});

test("the address names a server, and the page's host may settle it", () => {
  const wished = chooseServer(PAGE, "", "https://sotto.example:8443/sotto");
  assert.equal(wished.base.href, "https://sotto.example:8443/sotto/");
  assert.equal(wished.elsewhere, "https://sotto.example:8443/sotto/");
  assert.equal(webSocketUrl(wished.base), "wss://sotto.example:8443/sotto/ws");
  const settled = chooseServer(PAGE, "http://localhost:8080", undefined);
  assert.equal(webSocketUrl(settled.base), "ws://localhost:8080/ws");
  assert.equal(chooseServer(PAGE, "https://a.example", "https://a.example/").base.href, "https://a.example/");
});

test("a link to another server than the one of the page's host is refused, naming both", () => {
  refused(() => chooseServer(PAGE, "https://a.example", "https://b.example"), /a\.example.*b\.example/);
});

test("a server of the page's own origin is no other, however it is written", () => {
  assert.equal(chooseServer(PAGE, "", "https://page.example:443/").elsewhere, undefined);
  assert.notEqual(chooseServer(PAGE, "", "http://page.example").elsewhere, undefined);
});

test("what is no address of a server is refused", () => {
  for (const text of ["sotto.example", "//sotto.example", "javascript:alert(1)", "ftp://a.example", "data:,x", "https://"]) {
    refused(() => parseServer(text), /./);
  }
  for (const text of ["https://me:pw@a.example", "https://a.example/?x=1", "https://a.example/#x"]) {
    refused(() => parseServer(text), /more in it/);
  }
});

test("settings that are not in their form are refused, and empty ones say nothing", () => {
  assert.equal(readSettings('{"server": "https://a.example"}'), "https://a.example");
  for (const text of ["{}", '{"server": ""}']) assert.equal(readSettings(text), "");
  for (const text of ["", "<!doctype html>", '{"server": 5}', "null"]) refused(() => readSettings(text), /config\.json/);
});
