// Names, times and a look at actions for the tests of key agreement.

import { Suite } from "../src/e2ee/FrameMetadata.ts";
import { type KeyId } from "../src/e2ee/KeyId.ts";
import { type MediaKey } from "../src/e2ee/KeyProvider.ts";
import { type KeyAction } from "../src/keys/KeyActions.ts";
import { type DeviceId } from "../src/messages/DeviceId.ts";

export const device = (user: string): DeviceId => ({ user, device: "phone" });
export const users = (devices: readonly DeviceId[]) => devices.map(({ user }) => user);
export const kid = (sender: number, generation: number, step: number): KeyId => ({ sender, generation, step });
export const mediaKey = (id: KeyId, fill: number): MediaKey => ({ id, suite: Suite.Duo, sk: new Uint8Array(32).fill(fill) });

type ActionType = KeyAction["type"];
type ActionOf<Type extends ActionType> = Extract<KeyAction, { type: Type }>;

/** All actions of one kind, in order. */
export function only<Type extends ActionType>(actions: readonly KeyAction[], type: Type): ActionOf<Type>[] {
  return actions.filter((action): action is ActionOf<Type> => action.type === type);
}

/** The id that is in use after these actions, if they changed it. */
export const used = (actions: readonly KeyAction[]): KeyId | undefined => only(actions, "use-key").at(-1)?.key.id;
