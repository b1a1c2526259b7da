// One device of @signalapp/libsignal-client behind the line protocol of README.md. That package is AGPL: it is used in
// this process alone, at test time alone, and nothing of it is shipped. It draws its own randomness, so `seed` is not
// taken; there is no `call-code`, which is Sotto's own.

import * as signal from "@signalapp/libsignal-client";

import { hex, PeerError, serve, text } from "./lines.mjs";

const ONE_TIME_PREKEYS = 100;
const FINGERPRINT_ITERATIONS = 5200;
const FINGERPRINT_VERSION = 2;

/** Every store that the package asks for, over maps of serialized records. */
class Device {
  constructor(state) {
    this.identity = signal.PrivateKey.deserialize(Buffer.from(state.identity, "hex"));
    this.registrationId = state.registrationId;
    this.deviceId = state.deviceId;
    this.signedPreKeyId = state.signedPreKeyId;
    this.nextBundlePreKey = state.nextBundlePreKey;
    for (const name of Device.MAPS) {
      this[name] = new Map(state[name].map(([key, value]) => [key, Buffer.from(value, "hex")]));
    }
  }

  static MAPS = ["sessions", "pins", "preKeys", "signedPreKeys"];

  static create(registrationId, deviceId) {
    const identity = signal.PrivateKey.generate().serialize().toString("hex");
    const empty = { sessions: [], pins: [], preKeys: [], signedPreKeys: [] };
    const device = new Device({ identity, registrationId, deviceId, signedPreKeyId: 0, nextBundlePreKey: 1, ...empty });
    device.rotateSignedPreKey();
    for (let id = 1; id <= ONE_TIME_PREKEYS; id++) {
      const key = signal.PrivateKey.generate();
      device.preKeys.set(id, signal.PreKeyRecord.new(id, key.getPublicKey(), key).serialize());
    }
    return device;
  }

  state() {
    const maps = Device.MAPS.map((name) => [name, [...this[name]].map(([key, value]) => [key, value.toString("hex")])]);
    return {
      identity: this.identity.serialize().toString("hex"),
      registrationId: this.registrationId,
      deviceId: this.deviceId,
      signedPreKeyId: this.signedPreKeyId,
      nextBundlePreKey: this.nextBundlePreKey,
      ...Object.fromEntries(maps),
    };
  }

  get identityKey() {
    return this.identity.getPublicKey();
  }

  rotateSignedPreKey() {
    const last = this.signedPreKeyId;
    for (const id of this.signedPreKeys.keys()) if (id !== last) this.signedPreKeys.delete(id);
    const id = last + 1;
    const key = signal.PrivateKey.generate();
    const signature = this.identity.sign(key.getPublicKey().serialize());
    const record = signal.SignedPreKeyRecord.new(id, 1000 * id, key.getPublicKey(), key, signature);
    this.signedPreKeys.set(id, record.serialize());
    this.signedPreKeyId = id;
  }

  get sessionStore() {
    return store(signal.SessionStore, {
      saveSession: (address, record) => void this.sessions.set(address.name(), record.serialize()),
      getSession: (address) => this.session(address.name()),
      getExistingSessions: (addresses) => addresses.map((address) => this.session(address.name())),
    });
  }

  session(name) {
    const stored = this.sessions.get(name);
    return stored === undefined ? null : signal.SessionRecord.deserialize(stored);
  }

  get identityStore() {
    return store(signal.IdentityKeyStore, {
      getIdentityKey: () => this.identity,
      getLocalRegistrationId: () => this.registrationId,
      saveIdentity: (address, key) => {
        const before = this.pins.get(address.name());
        this.pins.set(address.name(), key.serialize());
        const replaced = before !== undefined && !before.equals(key.serialize());
        return replaced ? signal.IdentityChange.ReplacedExisting : signal.IdentityChange.NewOrUnchanged;
      },
      isTrustedIdentity: (address, key) => {
        const pinned = this.pins.get(address.name());
        return pinned === undefined || pinned.equals(key.serialize());
      },
      getIdentity: (address) => {
        const pinned = this.pins.get(address.name());
        return pinned === undefined ? null : signal.PublicKey.deserialize(pinned);
      },
    });
  }

  get preKeyStore() {
    return store(signal.PreKeyStore, {
      savePreKey: (id, record) => void this.preKeys.set(id, record.serialize()),
      getPreKey: (id) => {
        if (!this.preKeys.has(id)) throw new PeerError("unknown-prekey");
        return signal.PreKeyRecord.deserialize(this.preKeys.get(id));
      },
      removePreKey: (id) => void this.preKeys.delete(id),
    });
  }

  get signedPreKeyStore() {
    return store(signal.SignedPreKeyStore, {
      saveSignedPreKey: (id, record) => void this.signedPreKeys.set(id, record.serialize()),
      getSignedPreKey: (id) => {
        if (!this.signedPreKeys.has(id)) throw new PeerError("unknown-signed-prekey");
        return signal.SignedPreKeyRecord.deserialize(this.signedPreKeys.get(id));
      },
    });
  }

  /** There are no Kyber prekeys in version 3: asking for one is an error. */
  get kyberPreKeyStore() {
    const none = () => {
      throw new PeerError("invalid-message", "no Kyber prekeys here");
    };
    return store(signal.KyberPreKeyStore, { saveKyberPreKey: none, getKyberPreKey: none, markKyberPreKeyUsed: none });
  }
}

/** An object of the package's abstract class `Base` with these methods, made asynchronous. */
function store(Base, methods) {
  const made = new (class extends Base {})();
  for (const [name, method] of Object.entries(methods)) made[name] = async (...values) => method(...values);
  return made;
}

let device;
function current() {
  if (device === undefined) throw new PeerError("bad-request", "no init yet");
  return device;
}

const address = (request) => signal.ProtocolAddress.new(text(request.address), 1);

function describe() {
  const { registrationId, deviceId, identityKey } = current();
  return { registrationId, deviceId, identityKey: identityKey.serialize().toString("hex") };
}

function fingerprintOf(request) {
  const remoteKey = signal.PublicKey.deserialize(hex(request.remoteIdentityKey));
  const ids = [hex(request.localId), current().identityKey, hex(request.remoteId), remoteKey];
  return signal.Fingerprint.new(FINGERPRINT_ITERATIONS, FINGERPRINT_VERSION, ...ids);
}

const operations = {
  init(request) {
    device = Device.create(request.registrationId ?? 1 + Math.floor(Math.random() * 16380), request.deviceId ?? 1);
    return describe();
  },
  bundle(request) {
    const own = current();
    const signed = signal.SignedPreKeyRecord.deserialize(own.signedPreKeys.get(own.signedPreKeyId));
    const bundle = {
      ...describe(),
      signedPreKeyId: signed.id(),
      signedPreKey: signed.publicKey().serialize().toString("hex"),
      signature: signed.signature().toString("hex"),
    };
    if (request.oneTime === false || own.nextBundlePreKey > ONE_TIME_PREKEYS) return bundle;
    const preKey = signal.PreKeyRecord.deserialize(own.preKeys.get(own.nextBundlePreKey++));
    return { ...bundle, preKeyId: preKey.id(), preKey: preKey.publicKey().serialize().toString("hex") };
  },
  "rotate-signed-prekey"() {
    current().rotateSignedPreKey();
    return { signedPreKeyId: current().signedPreKeyId };
  },
  async initiate(request) {
    const { bundle } = request;
    const key = (value) => signal.PublicKey.deserialize(hex(value));
    const made = signal.PreKeyBundle.new(
      bundle.registrationId,
      bundle.deviceId ?? 1,
      bundle.preKeyId ?? null,
      bundle.preKey === undefined ? null : key(bundle.preKey),
      bundle.signedPreKeyId,
      key(bundle.signedPreKey),
      hex(bundle.signature),
      key(bundle.identityKey),
    );
    await signal.processPreKeyBundle(made, address(request), current().sessionStore, current().identityStore);
    return {};
  },
  async encrypt(request) {
    const { sessionStore, identityStore } = current();
    if (!current().session(text(request.address))?.hasCurrentState()) throw new PeerError("no-session");
    const sealed = await signal.signalEncrypt(hex(request.plaintext), address(request), sessionStore, identityStore);
    const type = sealed.type() === signal.CiphertextMessageType.PreKey ? "prekey" : "message";
    return { type, body: sealed.serialize().toString("hex") };
  },
  async decrypt(request) {
    const own = current();
    const from = address(request);
    let plaintext;
    if (request.type === "prekey") {
      const message = signal.PreKeySignalMessage.deserialize(hex(request.body));
      const stores = [own.sessionStore, own.identityStore, own.preKeyStore, own.signedPreKeyStore, own.kyberPreKeyStore];
      plaintext = await signal.signalDecryptPreKey(message, from, ...stores);
    } else {
      const message = signal.SignalMessage.deserialize(hex(request.body));
      plaintext = await signal.signalDecrypt(message, from, own.sessionStore, own.identityStore);
    }
    return { plaintext: plaintext.toString("hex") };
  },
  session(request) {
    const record = current().session(text(request.address));
    if (!record?.hasCurrentState()) return { exists: false };
    return { exists: true, remoteRegistrationId: record.remoteRegistrationId() };
  },
  "delete-session"(request) {
    current().sessions.delete(text(request.address));
    return {};
  },
  trust(request) {
    current().pins.set(text(request.address), hex(request.identityKey));
    return {};
  },
  export() {
    return { state: Buffer.from(JSON.stringify(current().state())).toString("hex") };
  },
  import(request) {
    device = new Device(JSON.parse(hex(request.state).toString()));
    return describe();
  },
  sign(request) {
    return { signature: current().identity.sign(hex(request.message)).toString("hex") };
  },
  verify(request) {
    const key = signal.PublicKey.deserialize(hex(request.publicKey));
    return { valid: key.verify(hex(request.message), hex(request.signature)) };
  },
  fingerprint(request) {
    const made = fingerprintOf(request);
    const scannable = made.scannableFingerprint().toBuffer().toString("hex");
    return { digits: made.displayableFingerprint().toString(), scannable };
  },
  "compare-fingerprint"(request) {
    const scanned = signal.ScannableFingerprint._fromBuffer(hex(request.scanned));
    return { match: fingerprintOf(request).scannableFingerprint().compare(scanned) };
  },
};

/** The package has few codes of its own; its messages tell the rest. */
function codeOf(error) {
  const message = String(error?.message ?? error);
  if (error?.code === signal.ErrorCode.DuplicatedMessage) return "duplicate";
  if (error?.code === signal.ErrorCode.UntrustedIdentity) return "untrusted-identity";
  if (/unknown-signed-prekey/.test(message)) return "unknown-signed-prekey";
  if (/unknown-prekey/.test(message)) return "unknown-prekey";
  if (/signature/.test(message)) return "invalid-signature";
  if (/session with .* not found/i.test(message)) return "no-session";
  if (/version/.test(message)) return "unsupported-version";
  if (/too far into the future/.test(message)) return "too-far-ahead";
  if (/key type|key length|bad key/i.test(message)) return "invalid-key";
  if (/protobuf|serialization|too short/i.test(message)) return "malformed";
  return "invalid-message";
}

await serve(operations, codeOf);
