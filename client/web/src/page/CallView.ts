// The call on the screen: tiles, controls, banners, keyboard. Draws from the state of Call and asks it for the pictures
// that are in view.

import type { Call } from "../call/Call.ts";
import type { CallFiles } from "../call/CallFiles.ts";
import { DeviceError, type LocalMedia } from "../call/LocalMedia.ts";
import type { View } from "../call/SlotPlan.ts";
import type { ParticipantInfo, Source } from "../signaling/messages.ts";
import { AudioOutput } from "./AudioOutput.ts";
import { ChatPanel, reactionText } from "./ChatPanel.ts";
import { Controls } from "./Controls.ts";
import { el, icon, setIcon, setText } from "./dom.ts";
import { gridShape } from "./gridLayout.ts";
import { codeElement, IdentityWarnings, SecurityPanel } from "./SecurityPanel.ts";
import { statisticsLines, summaryLines } from "./statisticsText.ts";
import { TileView, type TileState } from "./TileView.ts";

export interface CallViewOptions {
  readonly call: Call;
  /** Undefined without sessions between devices. */
  readonly files: CallFiles | undefined;
  readonly media: LocalMedia;
  readonly room: string;
  readonly inviteLink: string;
  /** The link carries the key. */
  readonly linkHasKey: boolean;
  /** Every picture is asked for at this height; 0: at what it has on the screen. */
  readonly viewHeight: number;
  readonly leave: () => void;
}

const GAP = 12;
const STATISTICS_INTERVAL_MS = 1000;
const TOAST_MS = 5000;
/** What is asked for first when there is too little of anything. */
const PRIORITY = { stage: 100, screen: 80, speaking: 60, other: 20 } as const;

interface TilePlan {
  readonly key: string;
  readonly participant: ParticipantInfo;
  readonly source: "camera" | "screen";
  readonly self: boolean;
}

export class CallView {
  readonly element: HTMLElement;
  private readonly grid = el("section", { class: "grid", "aria-label": "Participants" });
  private readonly banner = el("div", { class: "banner", role: "status", hidden: true });
  private readonly toast = el("div", { class: "toast", role: "alert", hidden: true });
  private readonly count = el("span", { class: "count" });
  private readonly callLockIcon = icon("lock");
  private readonly callLock = el("button", { type: "button", class: "call-lock", id: "verify" });
  private readonly callCode = el("div", { class: "call-code", hidden: true });
  private readonly panel: SecurityPanel | undefined;
  private readonly warnings: IdentityWarnings | undefined;
  private drawnCode = "";
  private readonly chat: ChatPanel;
  private readonly callLockText = el("span");
  private readonly summary = el("div", { class: "summary", hidden: true, "aria-label": "Statistics of the connection" });
  private readonly controls: Controls;
  private readonly audio = new AudioOutput();
  private readonly tiles = new Map<string, TileView>();
  private pinned: string | undefined;
  private viewHeight: number;
  private statisticsOn = false;
  private frameRequested = false;
  private screenSwitching = false;
  private toastTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly statisticsTimer: ReturnType<typeof setInterval>;
  private readonly resizes: ResizeObserver;

  constructor(private readonly options: CallViewOptions) {
    const { call } = options;
    this.viewHeight = options.viewHeight;
    this.controls = new Controls({
      microphone: () => this.toggleMicrophone(),
      camera: () => this.toggleCamera(),
      screen: () => this.toggleScreen(),
      chat: () => this.toggleChat(),
      statistics: () => this.toggleStatistics(),
      invite: () => this.copyInvite(),
      leave: options.leave,
    });
    this.chat = new ChatPanel(call, options.files, {
      reaction: (participant, emoji) => this.tiles.get(`${participant}/camera`)?.react(reactionText(emoji)),
      say: (text) => this.say(text),
    });
    this.callLock.append(this.callLockIcon, this.callLockText);
    const { security } = call;
    if (security !== undefined) {
      const panel = new SecurityPanel(call, security);
      this.panel = panel;
      this.warnings = new IdentityWarnings(call, security, (participant) => panel.show(participant));
      this.callLock.onclick = () => {
        if (!this.chat.element.hidden) this.toggleChat();
        panel.toggle();
      };
      this.callLock.title = "Verify this call";
    } else {
      this.callLock.disabled = true;
    }
    const title = el("h1", {}, options.room);
    const header = el("header", { class: "bar" }, title, this.count, this.callCode, this.callLock);
    this.element = el(
      "main",
      { class: "call" },
      header,
      this.warnings?.element,
      this.banner,
      this.summary,
      el("div", { class: "stage-area" }, this.grid),
      this.controls.element,
      this.panel?.element,
      this.chat.element,
      this.toast,
      this.audio.element,
    );
    call.onChange = () => this.requestDraw();
    this.resizes = new ResizeObserver(() => this.requestDraw());
    this.resizes.observe(this.grid);
    document.addEventListener("keydown", this.onKey);
    document.addEventListener("visibilitychange", this.onVisibility);
    this.statisticsTimer = setInterval(() => void call.refreshStatistics(), STATISTICS_INTERVAL_MS);
    this.requestDraw();
  }

  close(): void {
    clearInterval(this.statisticsTimer);
    this.resizes.disconnect();
    document.removeEventListener("keydown", this.onKey);
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.audio.close();
  }

  /** The element that shows a tile ("<participant>/camera"), for measurements. */
  videoOf(key: string): HTMLVideoElement | undefined {
    return this.tiles.get(key)?.video;
  }

  tileIsLive(key: string): boolean {
    return this.tiles.get(key)?.element.classList.contains("live") ?? false;
  }

  /** From now on every picture is asked for at this height; 0: at what it has on the screen. */
  setViewHeight(pixels: number): void {
    this.viewHeight = pixels;
    this.requestDraw();
  }

  async toggleMicrophone(): Promise<void> {
    const { call, media } = this.options;
    const before = call.own.get("microphone");
    try {
      const muted = before?.track ? !before.muted : false;
      const track = before?.track ?? (await media.openMicrophone());
      track.enabled = !muted;
      await call.setTrack("microphone", { track, muted });
    } catch (error) {
      this.complain(error);
    }
  }

  async toggleCamera(): Promise<void> {
    const { call, media } = this.options;
    try {
      if (call.own.get("camera")?.track) {
        media.closeCamera();
        await call.setTrack("camera", { track: null, muted: true });
      } else {
        await call.setTrack("camera", { track: await media.openCamera(), muted: false });
      }
    } catch (error) {
      this.complain(error);
    }
  }

  async toggleScreen(): Promise<void> {
    const { call } = this.options;
    // One question at a time: the browser's own dialogue may be open.
    if (this.screenSwitching) return;
    this.screenSwitching = true;
    try {
      if (call.own.get("screen")?.track) await this.stopScreen();
      else await this.startScreen();
    } catch (error) {
      this.complain(error);
    } finally {
      this.screenSwitching = false;
    }
  }

  private async startScreen(): Promise<void> {
    const { call, media } = this.options;
    const track = await media.openScreen();
    // The browser asked for as long as the person pleased: the call may be over.
    if (call.phase === "ended") return media.closeScreen();
    track.onended = () => void this.stopScreen().catch((error: unknown) => this.complain(error));
    try {
      await call.setTrack("screen", { track, muted: false });
    } catch (error) {
      await this.stopScreen().catch(() => undefined);
      throw error;
    }
  }

  private async stopScreen(): Promise<void> {
    this.options.media.closeScreen();
    await this.options.call.setTrack("screen", { track: null, muted: true });
  }

  private toggleChat(): void {
    this.panel?.hide();
    this.chat.toggle();
    this.requestDraw();
  }

  private toggleStatistics(): void {
    this.statisticsOn = !this.statisticsOn;
    void this.options.call.refreshStatistics();
    this.requestDraw();
  }

  private async copyInvite(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.options.inviteLink);
      const care = this.options.linkHasKey ? " Whoever has it has the key: pass it on with care." : "";
      this.say(`Invite link copied.${care}`);
    } catch {
      this.say(`Invite link: ${this.options.inviteLink}`);
    }
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const pressed = event.key.toLowerCase();
    // Whoever writes a message means letters.
    if (event.target instanceof HTMLInputElement && pressed !== "escape") return;
    if (pressed === "m") void this.toggleMicrophone();
    else if (pressed === "v") void this.toggleCamera();
    else if (pressed === "s") void this.toggleScreen();
    else if (pressed === "c") this.toggleChat();
    else if (pressed === "i") this.toggleStatistics();
    else if (pressed === "escape" && !this.chat.element.hidden) this.toggleChat();
    else if (pressed === "escape" && this.panel?.element.hidden === false) this.panel.hide();
    else if (pressed === "escape" && this.pinned !== undefined) this.pin(this.pinned);
    else return;
    event.preventDefault();
  };

  private readonly onVisibility = (): void => this.requestDraw();

  private pin(key: string): void {
    this.pinned = this.pinned === key ? undefined : key;
    this.requestDraw();
  }

  private requestDraw(): void {
    if (this.frameRequested) return;
    this.frameRequested = true;
    const draw = () => {
      if (!this.frameRequested) return;
      this.frameRequested = false;
      this.draw();
    };
    requestAnimationFrame(draw);
    // Hidden pages get no animation frames, but what they ask the server for must follow all the same.
    setTimeout(draw, 200);
  }

  private draw(): void {
    const { call } = this.options;
    const plans = this.tilePlans();
    const stage = this.stageKey(plans);
    this.layOut(plans, stage);
    for (const plan of plans) this.tiles.get(plan.key)!.update(this.tileState(plan));
    this.drawHeader();
    this.drawBanner();
    this.summary.hidden = !this.statisticsOn;
    if (this.statisticsOn) {
      this.summary.replaceChildren(...summaryLines(call.statistics).map((line) => el("span", {}, line)));
    }
    this.controls.update({
      microphoneOn: call.own.get("microphone")?.muted === false,
      cameraOn: call.own.get("camera")?.muted === false,
      screenOn: call.own.get("screen")?.track != null,
      chatOn: !this.chat.element.hidden,
      unread: this.chat.unread,
      statisticsOn: this.statisticsOn,
    });
    this.chat.draw();
    this.audio.update([...call.slots.values()].filter(({ kind }) => kind === "audio").map(({ track }) => track));
    this.askForViews(plans, stage);
  }

  private tilePlans(): TilePlan[] {
    const { call } = this.options;
    const everyone = call.self === undefined ? [] : [call.self, ...call.roster.values()];
    const plan = (participant: ParticipantInfo, source: "camera" | "screen"): TilePlan => ({
      key: `${participant.id}/${source}`,
      participant,
      source,
      self: participant.id === call.self?.id,
    });
    const screens = everyone.filter((participant) =>
      participant.id === call.self?.id
        ? call.own.get("screen")?.track != null
        : participant.tracks.some(({ source, muted }) => source === "screen" && !muted),
    );
    return [...screens.map((each) => plan(each, "screen")), ...everyone.map((each) => plan(each, "camera"))];
  }

  /** The tile that stands large: the pinned one, else somebody else's screen. */
  private stageKey(plans: readonly TilePlan[]): string | undefined {
    if (this.pinned !== undefined && plans.some(({ key }) => key === this.pinned)) return this.pinned;
    return plans.find(({ source, self }) => source === "screen" && !self)?.key;
  }

  private layOut(plans: readonly TilePlan[], stage: string | undefined): void {
    const keys = new Set(plans.map(({ key }) => key));
    for (const [key, tile] of this.tiles) {
      if (keys.has(key)) continue;
      tile.element.remove();
      this.tiles.delete(key);
    }
    const ordered = [...plans].sort((a, b) => Number(b.key === stage) - Number(a.key === stage));
    for (const [i, { key }] of ordered.entries()) {
      let tile = this.tiles.get(key);
      if (tile === undefined) {
        tile = new TileView(key, () => this.pin(key));
        this.tiles.set(key, tile);
      }
      // Moving an element that is where it belongs would interrupt its video.
      if (this.grid.children[i] !== tile.element) this.grid.insertBefore(tile.element, this.grid.children[i] ?? null);
      tile.element.classList.toggle("on-stage", key === stage);
    }
    this.grid.classList.toggle("staged", stage !== undefined);
    const shape = gridShape(plans.length, this.grid.clientWidth, this.grid.clientHeight, GAP);
    this.grid.style.setProperty("--columns", String(shape.columns));
    this.grid.style.setProperty("--tile-width", `${shape.width}px`);
    this.grid.style.setProperty("--tile-height", `${shape.height}px`);
  }

  private tileState({ key, participant, source, self }: TilePlan): TileState {
    const { call } = this.options;
    const slot = self ? undefined : call.shownSlot(participant, source);
    const muted = (of: Source) =>
      self
        ? call.own.get(of)?.muted !== false
        : participant.tracks.every((track) => track.source !== of || track.muted);
    const e2ee = call.e2eeState(participant);
    const remote = e2ee === "failing" || e2ee === "blocked" || muted(source) ? undefined : slot?.track;
    return {
      name: participant.name,
      self,
      screen: source === "screen",
      track: self ? (call.own.get(source)?.track ?? undefined) : remote,
      mirrored: self && source === "camera",
      microphoneMuted: muted("microphone"),
      speaking: source === "camera" && call.isSpeaking(participant.id) && !muted("microphone"),
      away: !self && !participant.connected,
      e2ee,
      pinned: key === this.pinned,
      statistics: this.statisticsOn && slot ? statisticsLines(call, slot) : [],
    };
  }

  private drawHeader(): void {
    const { call } = this.options;
    const others = call.roster.size;
    setText(this.count, others === 0 ? "Only you are here" : `${others + 1} people`);
    const states = [...call.roster.values()].map((participant) => call.e2eeState(participant));
    const worst = (["blocked", "failing", "waiting"] as const).find((state) => states.includes(state)) ?? "sealed";
    const icons = { sealed: "lock", waiting: "lock-waiting", failing: "lock-failing", blocked: "lock-failing" } as const;
    setIcon(this.callLockIcon, icons[worst]);
    this.callLock.dataset["e2ee"] = worst;
    const texts = {
      sealed: "End-to-end encrypted",
      waiting: "Waiting for keys",
      failing: "Not everyone has the same key",
      blocked: "Somebody's identity has changed",
    };
    setText(this.callLockText, texts[worst]);
    this.drawCode();
    this.warnings?.draw();
    this.panel?.draw();
  }

  /** The code of the whole call, as long as everybody's identity is known. */
  private drawCode(): void {
    const code = this.options.call.security?.code;
    const drawn = code === undefined || this.options.call.roster.size === 0 ? "" : code.digits;
    if (drawn === this.drawnCode) return;
    this.drawnCode = drawn;
    this.callCode.hidden = drawn === "";
    this.callCode.replaceChildren(...(code !== undefined && drawn !== "" ? [codeElement(code)] : []));
  }

  private drawBanner(): void {
    const texts: Record<string, string> = {
      joining: "Joining…",
      connecting: "Connecting media…",
      reconnecting: "Connection to the server lost. Reconnecting…",
      "media-lost": "Media connection interrupted. Reconnecting…",
    };
    const text = texts[this.options.call.phase] ?? "";
    this.banner.hidden = text === "";
    setText(this.banner, text);
  }

  private askForViews(plans: readonly TilePlan[], stage: string | undefined): void {
    const { viewHeight } = this;
    // Nobody looks at a hidden page: it keeps the sound only.
    const looking = document.visibilityState === "visible" || viewHeight > 0;
    const views = plans.flatMap(({ key, participant, source, self }): View[] => {
      const track = participant.tracks.find((each) => each.source === source);
      if (self || !looking || track === undefined || track.muted) return [];
      const height = viewHeight || Math.round(this.tiles.get(key)!.height * devicePixelRatio);
      const speaking = this.options.call.isSpeaking(participant.id);
      const priority =
        key === stage ? PRIORITY.stage : source === "screen" ? PRIORITY.screen : speaking ? PRIORITY.speaking : PRIORITY.other;
      return [{ participant: participant.id, source, height, priority }];
    });
    this.options.call.setViews(views);
  }

  private complain(error: unknown): void {
    this.say(error instanceof DeviceError || error instanceof Error ? error.message : String(error));
  }

  private say(text: string): void {
    setText(this.toast, text);
    this.toast.hidden = false;
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => (this.toast.hidden = true), TOAST_MS);
  }
}
