// Which suite our frames are sealed with in a room that takes some suites and not others.

import { isSuiteName, SUITES, type SuiteName } from "../e2ee/KeyProvider.ts";
import { RequestError } from "../signaling/messages.ts";

/** A list that is longer is cut: it is the server's, and ends up in a sentence. */
const MOST_NAMED = 10;

/**
 * `asked`, or without it the first of the room's suites that we have; a server that names none takes any. Throws a
 * RequestError that names the suites that the room takes and those that we have.
 */
export function chooseSuite(asked: SuiteName | undefined, ofRoom: readonly unknown[] | undefined): SuiteName {
  if (ofRoom === undefined || ofRoom.length === 0) return asked ?? "duo";
  const suite = ofRoom.filter(isSuiteName).find((name) => asked === undefined || name === asked);
  if (suite !== undefined) return suite;
  const taken = ofRoom.slice(0, MOST_NAMED).join(", ");
  const told = asked === undefined ? "" : `, and was told to use ${asked}`;
  throw new RequestError(
    "suite_not_allowed",
    `This room takes only frames sealed with ${taken}; this page has ${Object.keys(SUITES).join(", ")}${told}.`,
  );
}
