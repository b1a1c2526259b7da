// Chromium and Firefox, headless, with what calls on loopback need.

import { existsSync } from "node:fs";
import puppeteer from "puppeteer-core";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FIREFOX = ["/usr/bin/firefox-esr", "/usr/bin/firefox"];

const CHROMIUM_ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-ui-for-media-stream",
  "--use-fake-device-for-media-stream=fps=30",
  "--autoplay-policy=no-user-gesture-required",
  "--allow-loopback-in-peer-connection",
];

const FIREFOX_PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  // Without this ICE never starts on loopback.
  "media.peerconnection.ice.loopback": true,
  "media.autoplay.default": 0,
  "media.autoplay.blocking_policy": 0,
  // Without these simulcast stays on its lowest layer for long.
  "media.peerconnection.video.start_bitrate": 3000,
  "media.peerconnection.video.min_bitrate_estimate": 3000,
};

function first(paths, name) {
  const path = paths.find(existsSync);
  if (path === undefined) throw new Error(`${name} is not installed (looked for ${paths.join(", ")})`);
  return path;
}

export function launchChromium() {
  const executablePath = process.env.SOTTO_CHROMIUM ?? first(CHROMIUM, "Chromium");
  return puppeteer.launch({ executablePath, headless: true, args: CHROMIUM_ARGUMENTS, protocolTimeout: 60_000 });
}

export function launchFirefox() {
  const executablePath = process.env.SOTTO_FIREFOX ?? first(FIREFOX, "Firefox");
  return puppeteer.launch({
    browser: "firefox",
    executablePath,
    headless: true,
    extraPrefsFirefox: FIREFOX_PREFERENCES,
    protocolTimeout: 60_000,
  });
}
