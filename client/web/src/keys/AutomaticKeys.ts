// Automatic keys (docs/e2ee.md section 4): what the agreement decides is carried out by the messenger and the frame worker.

import { toHex, type Bytes } from "../e2ee/bytes.ts";
import { type KeyId } from "../e2ee/KeyId.ts";
import { SUITES, type SuiteName } from "../e2ee/KeyProvider.ts";
import { CallMessages } from "../messages/CallMessages.ts";
import { Purpose, type Body } from "../messages/content.ts";
import { addressOf, type DeviceId } from "../messages/DeviceId.ts";
import { type DeviceRegistration } from "../messages/DeviceRegistration.ts";
import { decodeDirect } from "../messages/DirectMessage.ts";
import { MessageWays, type MessageCounters } from "../messages/MessageWays.ts";
import { Messenger } from "../messages/Messenger.ts";
import { pageClock, type Clock, type Directory, type MessengerObserver, type Undelivered } from "../messages/ports.ts";
import { readMessageEvent, SocketMailbox } from "../messages/SocketMailbox.ts";
import { type FrameWorker } from "../rtc/FrameWorker.ts";
import { type PublicKey } from "../signal/curve.ts";
import { type DeviceStore } from "../signal/DeviceStore.ts";
import { type SignalDevice } from "../signal/SignalDevice.ts";
import { RequestError, type JoinReply, type ParticipantInfo, type ServerEventName, type ServerEvents } from "../signaling/messages.ts";
import { type CallKeys, type CallKeysHost } from "./CallKeys.ts";
import { type KeyAction, type RotationReport } from "./KeyActions.ts";
import { MediaKeyAgreement } from "./MediaKeyAgreement.ts";
import { Security } from "./Security.ts";
import { chooseSuite } from "./suiteChoice.ts";

export interface AutomaticKeysOptions {
  readonly self: DeviceId;
  readonly device: SignalDevice;
  readonly store: DeviceStore;
  readonly directory: Directory;
  readonly registration: DeviceRegistration;
  readonly worker: FrameWorker;
  /** What to seal with; undefined: the first of the room's. */
  readonly suite: SuiteName | undefined;
  readonly clock?: Clock;
}

/** The token of messages that are no key of ours: receipts for them change nothing. */
const NO_ROTATION = 0;

const deviceOf = ({ user, device }: ParticipantInfo): DeviceId => ({ user, device });

export class AutomaticKeys implements CallKeys, MessengerObserver {
  readonly needsMessages = true;
  readonly security: Security;
  readonly messages: CallMessages;
  private readonly agreement: MediaKeyAgreement;
  private readonly mailbox: SocketMailbox;
  private readonly ways: MessageWays;
  private readonly messenger: Messenger;
  private readonly clock: Clock;
  private host: CallKeysHost | undefined;
  private call = "";
  private invitations = 0;
  private cancelTimer: () => void = () => undefined;
  private switched: Promise<void> = Promise.resolve();

  constructor(private readonly options: AutomaticKeysOptions) {
    const { self, device, store, directory, worker } = options;
    this.clock = options.clock ?? pageClock;
    this.agreement = new MediaKeyAgreement(SUITES.duo);
    this.mailbox = new SocketMailbox((type, fields) =>
      this.host === undefined
        ? Promise.reject(new RequestError("connection_lost", "Not connected."))
        : this.host.request(type, fields),
    );
    const keys = this;
    const channel = {
      send: (sender: number, payload: Bytes) => this.host?.sendDirect(sender, payload) ?? false,
      get roundTrip() {
        return keys.host?.roundTrip() ?? 0;
      },
    };
    this.ways = new MessageWays(self, this.mailbox, channel, this.clock);
    this.messenger = new Messenger({ self, device, directory, transport: this.ways, clock: this.clock, observer: this, store });
    this.messages = new CallMessages({
      send: (what, to, token) => this.messenger.send({ group: this.call, sentMs: Date.now(), what }, to, token, true),
      members: () => this.memberDevices(),
    });
    this.security = new Security(self, device, store);
    this.security.onChange = () => this.host?.changed();
    this.security.onAccept = (accepted) => {
      // Held messages are opened after the agreement has let the device in again: they may hold its keys.
      void this.messenger.acceptIdentity(accepted);
      this.now((now) => this.agreement.accept(accepted, now));
    };
    worker.setAutomatic();
    worker.keyListener = {
      keyOpened: (key: KeyId) => this.now((now) => this.agreement.frameOpened(key, now)),
      keyUnknown: (key: KeyId) => this.now((now) => this.agreement.keyUnknown(key, now)),
    };
  }

  // CallKeys

  connect(host: CallKeysHost): void {
    this.host = host;
  }

  async joined(reply: JoinReply, fresh: boolean): Promise<object> {
    const { call, invited = [], suites } = reply.room;
    const suite = chooseSuite(this.options.suite, suites);
    if (call === undefined) throw new RequestError("no_key_directory", "This server has no key directory.");
    this.call = call;
    if (fresh) {
      this.agreement.setSuite(SUITES[suite]);
      this.ways.reset();
      const members = reply.roster
        .filter(({ id }) => id !== reply.self.id)
        .map((participant) => ({ sender: participant.sender, device: deviceOf(participant) }));
      this.now((now) => this.agreement.joined(reply.self.sender, members, now));
      this.membersChanged();
    }
    this.mailbox.resume();
    void this.messenger.resume();
    void this.setInvited(invited);
    void this.options.registration.renewIfDue(Date.now()).catch(() => undefined);
    return { suite, keys: "automatic" };
  }

  memberSeen(participant: ParticipantInfo, before: ParticipantInfo | undefined): void {
    if (participant.data === true) this.ways.reachable(participant.sender, deviceOf(participant));
    else this.ways.unreachable(participant.sender);
    this.now((now) => {
      this.agreement.memberJoined({ sender: participant.sender, device: deviceOf(participant) }, now);
      if (before?.connected === false && participant.connected) this.agreement.memberBack(participant.sender);
    });
    if (before === undefined) this.membersChanged();
  }

  memberGone({ sender }: ParticipantInfo): void {
    this.ways.gone(sender);
    this.now((now) => this.agreement.memberLeft(sender, now));
    this.options.worker.removeMember(sender);
    this.membersChanged();
  }

  event<Name extends ServerEventName>(name: Name, data: ServerEvents[Name]): void {
    if (name === "message") {
      const message = readMessageEvent(data as ServerEvents["message"]);
      if (message !== undefined) this.messenger.onMessage(message);
    } else if (name === "prekeys-low") {
      const { remaining } = data as ServerEvents["prekeys-low"];
      this.options.registration.refill(remaining).catch((error: unknown) => this.onWarning(String(error)));
    } else if (name === "invited") {
      void this.setInvited((data as ServerEvents["invited"]).users);
    }
  }

  direct(origin: number, payload: Uint8Array): void {
    // Whose it is, the session says that opens it: the number only tells which session to try.
    const from = this.agreement.members.get(origin);
    const message = from && decodeDirect(payload, from);
    if (message === undefined) this.ways.counters.refusedDirect++;
    else this.messenger.onMessage(message);
  }

  channelLost(): void {
    this.ways.channelLost();
  }

  get messageCounters(): MessageCounters {
    return this.ways.counters;
  }

  rotations(): readonly object[] {
    return this.agreement.reports.map(describeRotation);
  }

  left(): void {
    this.cancelTimer();
    this.messenger.close();
    this.ways.reset();
    this.agreement.left();
    this.options.worker.keyListener = undefined;
    // Its keys are gone with the call.
    this.options.worker.setAutomatic();
  }

  // MessengerObserver

  onBody(from: DeviceId, _id: Bytes, body: Body): void {
    const { group, what } = body;
    void this.security.refresh();
    this.messages.arrived(from, body);
    if (group !== this.call) return;
    if (what.purpose === Purpose.MediaKey) this.now((now) => this.agreement.keyArrived(from, what.key, now));
    if (what.purpose === Purpose.KeyRequest) this.now((now) => this.agreement.keyAsked(from, what.request.sender, now));
  }

  onReceipt(from: DeviceId, token: number): void {
    void this.security.refresh();
    if (CallMessages.owns(token)) return this.messages.delivered(from, token, "opened");
    this.now((now) => this.agreement.receipt(from, token, now));
  }

  onUndelivered(to: DeviceId, token: number, why: Undelivered): void {
    if (CallMessages.owns(token)) return this.messages.delivered(to, token, why);
    const forGood = why !== "out-of-reach" && why !== "mailbox-full";
    this.now((now) => this.agreement.undelivered(to, token, forGood, now));
  }

  onIdentityChanged(device: DeviceId, now: PublicKey): void {
    this.security.identityChanged(device, now);
    this.now((time) => this.agreement.block(device, time));
  }

  onWarning(message: string): void {
    console.warn(`sotto: ${message}`);
  }

  // Carrying out

  private now(work: (now: number) => void): void {
    const now = this.clock.now();
    work(now);
    for (const action of this.agreement.takeActions()) this.carryOut(action);
    this.cancelTimer();
    const deadline = this.agreement.nextDeadline();
    if (deadline < Infinity) {
      this.cancelTimer = this.clock.at(deadline, () => this.now((time) => this.agreement.onTime(time)));
    }
  }

  private carryOut(action: KeyAction): void {
    const { worker } = this.options;
    switch (action.type) {
      case "send-key":
        return this.send({ purpose: Purpose.MediaKey, key: action.key }, action.to, action.rotation, action.store);
      case "ask-for-key":
        return this.send({ purpose: Purpose.KeyRequest, request: action.key }, [action.of], NO_ROTATION, false);
      case "use-key":
        this.switched = worker.useKey(action.key);
        return;
      case "install-key":
        return worker.installKey(action.key);
      case "remove-keys":
        return worker.removeKeys(action.sender, action.generation);
      case "force-key-frame":
        // A key frame that is sealed with the key from before would be of no use to a newcomer.
        return void this.switched.then(() => this.host?.forceKeyFrames());
      case "waiting-for-keys":
      case "rotation-news":
        return this.host?.changed();
    }
  }

  private send(what: Body["what"], to: readonly DeviceId[], rotation: number, store: boolean): void {
    this.messenger.send({ group: this.call, sentMs: Date.now(), what }, to, rotation, store);
  }

  private membersChanged(): void {
    this.security.setMembers(this.memberDevices());
  }

  private memberDevices(): DeviceId[] {
    const devices = new Map([...this.agreement.members.values()].map((device) => [addressOf(device), device]));
    return [...devices.values()];
  }

  /** Their devices are in the directory; who has none cannot be sent a key. */
  private async setInvited(users: readonly string[]): Promise<void> {
    const mine = ++this.invitations;
    const lists = await Promise.all(
      users.map(async (user) => {
        const devices = await this.options.directory.listDevices(user).catch(() => []);
        return devices.map((device) => ({ user, device }));
      }),
    );
    if (mine === this.invitations) this.now((now) => this.agreement.setInvited(lists.flat(), now));
  }
}

/** A rotation in a line for the console and for tests; holds no key. */
function describeRotation({ number, reason, key, drawnAt, liveAt, receipts }: RotationReport) {
  const waited = [...receipts.values()].filter((at) => at !== undefined);
  return {
    number,
    reason,
    key: toHex(Uint8Array.of(key.sender >> 8, key.sender & 255, key.generation, key.step)),
    liveAfterMs: liveAt === undefined ? null : Math.round(liveAt - drawnAt),
    receipts: waited.length,
    recipients: receipts.size,
  };
}
