// The row of buttons under the call.

import { el, icon, setAttribute, setIcon, setText, type IconName } from "./dom.ts";

export interface ControlActions {
  readonly microphone: () => void;
  readonly camera: () => void;
  readonly screen: () => void;
  readonly chat: () => void;
  readonly statistics: () => void;
  readonly invite: () => void;
  readonly leave: () => void;
}

export interface ControlState {
  readonly microphoneOn: boolean;
  readonly cameraOn: boolean;
  readonly screenOn: boolean;
  readonly chatOn: boolean;
  /** Chat messages that nobody has looked at. */
  readonly unread: number;
  readonly statisticsOn: boolean;
}

interface Control {
  readonly button: HTMLButtonElement;
  readonly svg: SVGSVGElement;
  readonly text: HTMLElement;
}

function control(id: string, name: IconName, text: string, shortcut: string | undefined, action: () => void): Control {
  const svg = icon(name);
  const label = el("span", { class: "button-text" }, text);
  const button = el("button", { type: "button", id, class: "control", "aria-keyshortcuts": shortcut }, svg, label);
  button.onclick = action;
  return { button, svg, text: label };
}

export class Controls {
  readonly element: HTMLElement;
  private readonly microphone: Control;
  private readonly camera: Control;
  private readonly screen: Control;
  private readonly chat: Control;
  private readonly statistics: Control;

  constructor(actions: ControlActions) {
    this.microphone = control("mic", "microphone", "Mute", "M", actions.microphone);
    this.camera = control("cam", "camera", "Stop camera", "V", actions.camera);
    this.screen = control("share", "screen", "Share screen", "S", actions.screen);
    this.chat = control("chat", "chat", "Chat", "C", actions.chat);
    this.statistics = control("stats", "chart", "Statistics", "I", actions.statistics);
    const invite = control("invite", "link", "Invite", undefined, actions.invite);
    const leave = control("leave", "leave", "Leave", undefined, actions.leave);
    leave.button.classList.add("leave");
    setAttribute(invite.button, "aria-label", "Copy the invite link");
    setAttribute(invite.button, "title", "Copy the invite link");
    setAttribute(leave.button, "aria-label", "Leave the call");
    const buttons = [this.microphone, this.camera, this.screen, this.chat, this.statistics, invite, leave];
    this.element = el("nav", { class: "controls", "aria-label": "Call controls" }, ...buttons.map(({ button }) => button));
  }

  update(state: ControlState): void {
    const { microphoneOn, cameraOn, screenOn, chatOn, unread, statisticsOn } = state;
    this.show(this.microphone, microphoneOn ? "microphone" : "microphone-off", microphoneOn ? "Mute" : "Unmute", "M");
    this.microphone.button.classList.toggle("off", !microphoneOn);
    this.show(this.camera, cameraOn ? "camera" : "camera-off", cameraOn ? "Stop camera" : "Start camera", "V");
    this.camera.button.classList.toggle("off", !cameraOn);
    this.show(this.screen, "screen", screenOn ? "Stop sharing" : "Share screen", "S");
    this.screen.button.classList.toggle("on", screenOn);
    this.show(this.chat, "chat", unread === 0 ? "Chat" : `Chat (${unread} new)`, "C");
    this.chat.button.classList.toggle("on", chatOn || unread > 0);
    setAttribute(this.chat.button, "aria-pressed", String(chatOn));
    this.show(this.statistics, "chart", "Statistics", "I");
    this.statistics.button.classList.toggle("on", statisticsOn);
    setAttribute(this.statistics.button, "aria-pressed", String(statisticsOn));
  }

  private show({ button, svg, text }: Control, name: IconName, label: string, shortcut: string): void {
    setIcon(svg, name);
    setText(text, label);
    setAttribute(button, "title", `${label} (${shortcut})`);
    setAttribute(button, "aria-label", label);
  }
}
