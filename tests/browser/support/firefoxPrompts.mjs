// Firefox's own questions and buttons, answered as a person would: in the browser's windows, not in the page. Needs the
// switch --remote-allow-system-access, which lets WebDriver BiDi see those windows.

import { eventually } from "./eventually.mjs";

/** Everything of the browser's own: [{context, url, …}]. */
async function ownWindows(browser) {
  const { result } = await browser.connection.send("browsingContext.getTree", { "moz:scope": "chrome" });
  return result.contexts;
}

/** Runs an expression in a window of the browser's own. */
async function evaluate(browser, { context }, expression) {
  const parameters = { expression, target: { context }, awaitPromise: false };
  const { result } = await browser.connection.send("script.evaluate", parameters);
  if (result.type !== "success") throw new Error(`${expression}: ${result.exceptionDetails.text}`);
  return result.result.value;
}

/** Runs an expression in every such window until one gives something. */
function whereIt(browser, what, expression) {
  const read = async () => {
    for (const window of await ownWindows(browser)) {
      // A window may close while it is asked.
      const value = await evaluate(browser, window, expression).catch(() => undefined);
      if (value) return value;
    }
    return undefined;
  };
  return eventually(what, read, Boolean);
}

const QUESTION = `document.querySelector("#notification-popup popupnotification#webRTC-shareDevices-notification")`;

/** Picks the whole screen in the open question, and allows it. */
export async function allowWholeScreen(browser) {
  await whereIt(browser, "Firefox asks which screen", `(() => {
    if (!window.PopupNotifications?.isPanelOpen || !${QUESTION}) return false;
    const list = document.getElementById("webRTC-selectWindow-menulist");
    const index = [...list.menupopup.children].findIndex(({ label }) => label === "Entire screen");
    if (index < 0) return false;
    list.selectedIndex = index;
    list.menupopup.children[index].doCommand();
    return true;
  })()`);
  await whereIt(browser, "Firefox's Allow button", press("button"));
}

/** Blocks in the open question. */
export async function blockScreen(browser) {
  await whereIt(browser, "Firefox's Block button", press("secondaryButton"));
}

const press = (button) => `(() => {
  const question = window.PopupNotifications?.isPanelOpen && ${QUESTION};
  if (!question || question.${button}.disabled) return false;
  question.${button}.click();
  return true;
})()`;

/** Presses "Stop Sharing" in the small window in which Firefox says that the screen is shared. */
export async function stopSharingInFirefox(browser) {
  await whereIt(browser, "Firefox's sharing indicator", `(() => {
    const button = location.href.includes("webrtcIndicator") && document.getElementById("stop-sharing");
    if (!button) return false;
    button.click();
    return true;
  })()`);
}
