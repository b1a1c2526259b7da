// The key directory over HTTP (docs/directory.md).

import { type PreKeyBundle } from "../signal/preKeys.ts";
import { PublicKey } from "../signal/curve.ts";
import { type Publication, type PublishedPreKey, type PublishedSignedPreKey } from "../signal/SignalDevice.ts";
import { Api } from "./Api.ts";
import { fromBase64, toBase64 } from "./base64.ts";
import { type DeviceBundle, type Directory } from "./ports.ts";

const preKeyJson = ({ id, publicKey }: PublishedPreKey) => ({ id, key: toBase64(publicKey.serialized) });
const signedJson = (key: PublishedSignedPreKey) => ({ ...preKeyJson(key), signature: toBase64(key.signature) });

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}

/** A prekey of the reply; throws what cannot be read. */
function readPreKey(value: unknown): { id: number; publicKey: PublicKey } {
  const { id, key } = isObject(value) ? value : {};
  if (typeof id !== "number" || !Number.isInteger(id)) throw new TypeError("prekey without an id");
  return { id, publicKey: PublicKey.parse(fromBase64(key) ?? new Uint8Array(0)) };
}

function readBundle(value: Json): PreKeyBundle | undefined {
  try {
    const { registrationId, identityKey, signedPreKey, oneTimePreKey } = value;
    const signature = fromBase64((signedPreKey as Json)["signature"]);
    if (typeof registrationId !== "number" || signature === undefined) return undefined;
    return {
      registrationId,
      identityKey: PublicKey.parse(fromBase64(identityKey) ?? new Uint8Array(0)),
      signedPreKey: { ...readPreKey(signedPreKey), signature },
      oneTimePreKey: isObject(oneTimePreKey) ? readPreKey(oneTimePreKey) : undefined,
    };
  } catch {
    return undefined;
  }
}

/** The entries of a list of devices, each with its name. */
function devicesOf(reply: Json): (Json & { device: string })[] {
  const list = Array.isArray(reply["devices"]) ? (reply["devices"] as unknown[]) : [];
  return list.filter((each): each is Json & { device: string } => isObject(each) && typeof each["device"] === "string");
}

const countOf = (reply: Json) => (typeof reply["oneTimePreKeys"] === "number" ? reply["oneTimePreKeys"] : 0);

export class HttpDirectory implements Directory {
  constructor(private readonly api: Api) {}

  async fetchBundles(user: string, devices: readonly string[]): Promise<DeviceBundle[]> {
    const reply = await this.api.json("POST", `users/${encodeURIComponent(user)}/bundles`, { devices });
    return devicesOf(reply).map((each) => ({ device: each.device, bundle: readBundle(each) }));
  }

  async listDevices(user: string): Promise<string[]> {
    const reply = await this.api.json("GET", `users/${encodeURIComponent(user)}/devices`);
    return devicesOf(reply).map(({ device }) => device);
  }

  async register({ identityKey, registrationId, signedPreKey, oneTimePreKeys }: Publication): Promise<number> {
    const reply = await this.api.json("PUT", "keys", {
      identityKey: toBase64(identityKey.serialized),
      registrationId,
      signedPreKey: signedJson(signedPreKey),
      oneTimePreKeys: oneTimePreKeys.map(preKeyJson),
    });
    return countOf(reply);
  }

  async addOneTimePreKeys(keys: readonly PublishedPreKey[]): Promise<number> {
    return countOf(await this.api.json("POST", "keys/one-time", { oneTimePreKeys: keys.map(preKeyJson) }));
  }

  async renewSignedPreKey(key: PublishedSignedPreKey): Promise<void> {
    await this.api.json("PUT", "keys/signed", signedJson(key));
  }
}
