// Before the call: name, devices, a look into the mirror, and what the lock means.

import { DeviceError, type LocalMedia } from "../call/LocalMedia.ts";
import { el, icon, setAttribute, setIcon, setText } from "./dom.ts";
import { explainError } from "./errors.ts";

export interface PreJoinChoice {
  readonly name: string;
  readonly microphoneOn: boolean;
  readonly cameraOn: boolean;
}

export interface PreJoinOptions {
  readonly room: string;
  readonly name: string;
  /** Keys are between devices, not in the link. */
  readonly automatic: boolean;
  readonly media: LocalMedia;
  /** Resolves once in the call; rejects with what to say here. */
  readonly join: (choice: PreJoinChoice) => Promise<void>;
}

const MAX_NAME_LENGTH = 64;
const DEVICE_PATIENCE_MS = 2000;
const NAME_KEY = "sotto.name";

export class PreJoinView {
  readonly element: HTMLElement;
  private readonly video = el("video", { class: "mirror", muted: true, autoplay: true, playsinline: true });
  private readonly noPicture = el("p", { class: "no-picture" }, "Camera is off");
  private readonly name: HTMLInputElement;
  private readonly joinButton = el("button", { class: "primary", type: "submit" }, "Join the call");
  private readonly error = el("div", { class: "notice", role: "alert", hidden: true });
  private readonly microphoneIcon = icon("microphone");
  private readonly cameraIcon = icon("camera");
  private readonly microphoneButton: HTMLButtonElement;
  private readonly cameraButton: HTMLButtonElement;
  private readonly microphones = el("select", { id: "microphones", "aria-label": "Microphone" });
  private readonly cameras = el("select", { id: "cameras", "aria-label": "Camera" });
  private microphoneOn = true;
  private cameraOn = true;
  private devicesOpen: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: PreJoinOptions) {
    this.video.muted = true;
    this.name = el("input", {
      id: "name",
      maxlength: MAX_NAME_LENGTH,
      autocomplete: "name",
      placeholder: "What shall others call you?",
      required: true,
      value: options.name || remembered(),
    });
    this.microphoneButton = el("button", { type: "button", class: "round" }, this.microphoneIcon);
    this.cameraButton = el("button", { type: "button", class: "round" }, this.cameraIcon);
    this.microphoneButton.onclick = () => void this.switchMicrophone(!this.microphoneOn);
    this.cameraButton.onclick = () => void this.switchCamera(!this.cameraOn);
    this.microphones.onchange = () => {
      options.media.microphoneId = this.microphones.value;
      if (this.microphoneOn) void this.switchMicrophone(true);
    };
    this.cameras.onchange = () => {
      options.media.cameraId = this.cameras.value;
      if (this.cameraOn) void this.switchCamera(true);
    };
    this.element = this.build();
  }

  /** Opens the devices and shows the mirror. */
  async start(): Promise<void> {
    this.name.focus();
    this.devicesOpen = Promise.all([this.switchMicrophone(true), this.switchCamera(true)]);
    await this.devicesOpen;
    await this.listDevices();
  }

  showError(error: unknown): void {
    const { title, text } = explainError(error);
    this.error.replaceChildren(el("strong", {}, title), el("span", {}, text));
    this.error.hidden = false;
  }

  private build(): HTMLElement {
    const form = el(
      "form",
      { class: "card" },
      el("p", { class: "eyebrow" }, "Room"),
      el("h1", {}, this.options.room),
      this.error,
      el("label", { for: "name" }, "Your name"),
      this.name,
      el("div", { class: "devices" }, labelled("Microphone", this.microphones), labelled("Camera", this.cameras)),
      this.joinButton,
      el(
        "p",
        { class: "promise" },
        icon("lock"),
        el(
          "span",
          {},
          this.options.automatic
            ? "Sealed on your devices with keys that only they have. The server never sees them."
            : "Sealed in your browser with the key in this page's link. The server never sees it.",
        ),
      ),
    );
    form.onsubmit = (event) => {
      event.preventDefault();
      void this.submit();
    };
    const buttons = el("div", { class: "mirror-buttons" }, this.microphoneButton, this.cameraButton);
    const preview = el("div", { class: "preview" }, this.video, this.noPicture, buttons);
    const brand = el("header", { class: "brand" }, el("img", { src: "assets/icon.svg", alt: "", width: 28, height: 28 }), "Sotto");
    const about = el(
      "footer",
      { class: "about" },
      el("a", { href: "LICENSE.txt", target: "_blank", rel: "noopener" }, "Licence"),
      el("a", { href: "THIRD-PARTY-NOTICES.txt", target: "_blank", rel: "noopener" }, "Third-party notices"),
    );
    this.showSwitches();
    return el("main", { class: "prejoin" }, brand, preview, form, about);
  }

  /** Joins with what has been chosen; errors are shown and the form stays. */
  async submit(): Promise<void> {
    const name = this.name.value.trim();
    if (name === "") return this.name.focus();
    this.error.hidden = true;
    this.joinButton.disabled = true;
    setText(this.joinButton, "Joining…");
    remember(name);
    try {
      // A camera that is just opening comes along; a question about permission that nobody answers holds up nothing.
      await Promise.race([this.devicesOpen, new Promise((resolve) => setTimeout(resolve, DEVICE_PATIENCE_MS))]);
      await this.options.join({ name, microphoneOn: this.microphoneOn, cameraOn: this.cameraOn });
    } catch (error) {
      this.showError(error);
    } finally {
      this.joinButton.disabled = false;
      setText(this.joinButton, "Join the call");
    }
  }

  private async switchMicrophone(on: boolean): Promise<void> {
    this.microphoneOn = on;
    this.showSwitches();
    if (!on) return;
    try {
      await this.options.media.openMicrophone();
    } catch (error) {
      this.microphoneOn = false;
      this.showDeviceError(error);
    }
    this.showSwitches();
  }

  private async switchCamera(on: boolean): Promise<void> {
    this.cameraOn = on;
    this.showSwitches();
    if (!on) {
      this.options.media.closeCamera();
      this.video.srcObject = null;
      return;
    }
    try {
      this.video.srcObject = new MediaStream([await this.options.media.openCamera()]);
    } catch (error) {
      this.cameraOn = false;
      this.showDeviceError(error);
    }
    this.showSwitches();
  }

  private showDeviceError(error: unknown): void {
    if (!(error instanceof DeviceError)) return this.showError(error);
    this.error.replaceChildren(el("span", {}, error.message));
    this.error.hidden = false;
  }

  private showSwitches(): void {
    setIcon(this.microphoneIcon, this.microphoneOn ? "microphone" : "microphone-off");
    setIcon(this.cameraIcon, this.cameraOn ? "camera" : "camera-off");
    setAttribute(this.microphoneButton, "aria-label", this.microphoneOn ? "Turn microphone off" : "Turn microphone on");
    setAttribute(this.cameraButton, "aria-label", this.cameraOn ? "Turn camera off" : "Turn camera on");
    this.microphoneButton.classList.toggle("off", !this.microphoneOn);
    this.cameraButton.classList.toggle("off", !this.cameraOn);
    this.noPicture.hidden = this.cameraOn;
  }

  private async listDevices(): Promise<void> {
    const { media } = this.options;
    for (const [kind, select] of [["audioinput", this.microphones], ["videoinput", this.cameras]] as const) {
      const devices = await media.devices(kind).catch(() => []);
      select.replaceChildren(...devices.map(({ id, label }) => el("option", { value: id }, label)));
      select.parentElement!.hidden = devices.length < 2;
    }
  }
}

function labelled(text: string, control: HTMLElement): HTMLElement {
  return el("div", { class: "field", hidden: true }, el("label", { for: control.id }, text), control);
}

function remembered(): string {
  try {
    return localStorage.getItem(NAME_KEY) ?? "";
  } catch {
    return "";
  }
}

function remember(name: string): void {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // Storage is switched off: the name is asked for next time.
  }
}
