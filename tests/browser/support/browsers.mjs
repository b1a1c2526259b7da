// Chromium (headless) and Firefox (on a display that nobody sees) with what calls on loopback need. Both share a real
// screen: Chromium a tab that it picks by its title, Firefox what its own question is answered with.

import { existsSync } from "node:fs";
import puppeteer from "puppeteer-core";

import { SHARED_TITLE } from "./sharedScreen.mjs";

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
  "--autoplay-policy=no-user-gesture-required",
  "--allow-loopback-in-peer-connection",
];
const PICKS_SHARED_TAB = `--auto-select-tab-capture-source-by-title=${SHARED_TITLE}`;
/** As somebody who presses Cancel in the picker. */
const CANCELS_PICKER = "--auto-reject-capture";

const FIREFOX_PREFERENCES = {
  // Its questions can be answered at once, not only after a moment that spares people mistakes.
  "security.notification_enable_delay": 0,
  // Whatever is full screen fills its window: there is no window manager that would make the window larger.
  "full-screen-api.ignore-widgets": true,
  "full-screen-api.allow-trusted-requests-only": false,
  "full-screen-api.transition-duration.enter": "0 0",
  "full-screen-api.transition-duration.leave": "0 0",
  "full-screen-api.warning.timeout": 0,
  // Without this ICE never starts on loopback.
  "media.peerconnection.ice.loopback": true,
  "media.autoplay.default": 0,
  "media.autoplay.blocking_policy": 0,
  // A microphone with a tone of the browser's own, allowed without a question: without a sound card Firefox runs no
  // AudioContext, which makes the tone elsewhere. The screen is asked for all the same.
  "media.navigator.streams.fake": true,
  "permissions.default.microphone": 1,
  // Without these simulcast stays on its lowest layer for long.
  "media.peerconnection.video.start_bitrate": 3000,
  "media.peerconnection.video.min_bitrate_estimate": 3000,
};

/** Without a question, and without a panel over the page. */
const savesTo = (folder) => ({
  "browser.download.folderList": 2,
  "browser.download.dir": folder,
  "browser.download.useDownloadDir": true,
  "browser.download.always_ask_before_handling_new_types": false,
  "browser.download.alwaysOpenPanel": false,
});

function first(paths, name) {
  const path = paths.find(existsSync);
  if (path === undefined) throw new Error(`${name} is not installed (looked for ${paths.join(", ")})`);
  return path;
}

/** `sharing: false`: the picker for the screen is cancelled whenever it opens. `downloads`: folder for what pages save. */
export function launchChromium({ sharing = true, downloads } = {}) {
  const executablePath = process.env.SOTTO_CHROMIUM ?? first(CHROMIUM, "Chromium");
  const args = [...CHROMIUM_ARGUMENTS, sharing ? PICKS_SHARED_TAB : CANCELS_PICKER];
  const downloadBehavior = downloads === undefined ? {} : { downloadBehavior: { policy: "allow", downloadPath: downloads } };
  return puppeteer.launch({ executablePath, headless: true, args, protocolTimeout: 60_000, ...downloadBehavior });
}

/** On a display (support/display.mjs), so that there is a screen to share and somewhere to ask; without one headless. */
export function launchFirefox(display, { downloads } = {}) {
  const onDisplay = { DISPLAY: display?.name, WAYLAND_DISPLAY: undefined, MOZ_ENABLE_WAYLAND: "0" };
  const executablePath = process.env.SOTTO_FIREFOX ?? first(FIREFOX, "Firefox");
  return puppeteer.launch({
    browser: "firefox",
    executablePath,
    headless: display === undefined,
    // The browser's own windows can be driven too (support/firefoxPrompts.mjs).
    args: ["--remote-allow-system-access"],
    env: { ...process.env, ...(display === undefined ? {} : onDisplay) },
    extraPrefsFirefox: { ...FIREFOX_PREFERENCES, ...(downloads === undefined ? {} : savesTo(downloads)) },
    protocolTimeout: 60_000,
  });
}
