// Automatic keys between browsers: nobody hands over a passphrase. A call of their own, with a device for everybody.

import assert from "node:assert/strict";

import { eventually } from "./support/eventually.mjs";
import { fileScenarios, sendToNative } from "./fileScenarios.mjs";
import { NativeClient } from "./support/nativeClient.mjs";
import { isFresh, participant, Person, picture } from "./support/person.mjs";

/** What the promise about a removed member allows, ms. */
const LIVE_WITHIN_MS = 5000;
const ROOM = "keys";

const others = (people, one) => people.filter((each) => each !== one);
const sealed = (state) => [state.self, ...state.participants].every(({ e2ee }) => e2ee === "sealed");

/** Opens the page for each seat, in a room with automatic keys, and joins one after another. */
async function fill(seats, server, people) {
  for (const [browser, name] of seats) {
    const person = await Person.open(browser, server, name, { room: ROOM, key: null });
    people.push(person);
    await person.join();
  }
}

/** Everybody sees everybody, all locks are closed, and the code of the call is the same on all screens. */
async function everybodyTogether(people) {
  for (const person of people) {
    for (const { name } of others(people, person)) await person.seesPicture(name);
    await person.sees("everybody sealed", (state) => state.participants.length === people.length - 1 && sealed(state));
  }
  const [first] = people;
  const { code } = await first.sees("a code", (state) => state.code !== null);
  for (const person of others(people, first)) {
    await person.sees("the same code", (state) => state.code?.digits === code.digits);
  }
  for (const person of people) {
    const shown = await person.page.$eval(".call-code .digits", ({ textContent }) => textContent);
    assert.equal(shown.replaceAll(" ", ""), code.digits, `on ${person.name}'s screen`);
  }
  assert.match(code.digits, /^\d{30}$/);
  return code.digits;
}

async function leave(person) {
  await person.page.$eval("#leave", (button) => button.click());
  await person.page.waitForSelector(".left button");
}

async function comeBack(person) {
  await person.page.$eval(".left button", (button) => button.click());
  await person.page.waitForSelector("form.card");
  await person.join();
}

/** Somebody's browser profile is gone: the same account comes with another identity. */
function forgetDevice(person, account) {
  return person.page.evaluate(async (name) => {
    const wait = (request) => new Promise((done, failed) => Object.assign(request, { onsuccess: done, onerror: failed }));
    await wait(indexedDB.deleteDatabase(`sotto-device-${name}/web`));
  }, account);
}

async function fourTogether({ chromium, firefox, server, shoot, people }) {
  await fill([[chromium, "Kim"], [chromium, "Lea"], [chromium, "Max"], [firefox, "Nora"]], server, people);
  await everybodyTogether(people);
  await shoot(people[0], "keys-together");
  const rotations = await Promise.all(people.map(async (person) => (await person.snapshot()).rotations.length));
  return `own keys per person: ${rotations.join(", ")}`;
}

async function leaveAndReturn({ people }) {
  const max = people[2];
  const before = (await people[0].snapshot()).code.digits;
  await leave(max);
  for (const person of others(people, max)) {
    const state = await person.sees("a fresh key live after Max left", ({ rotations }) =>
      rotations.some(({ reason, liveAfterMs }) => reason === "leave" && liveAfterMs !== null));
    const { liveAfterMs } = state.rotations.find(({ reason }) => reason === "leave");
    assert.ok(liveAfterMs <= LIVE_WITHIN_MS, `${person.name}'s key took ${liveAfterMs} ms`);
  }
  const between = await everybodyTogether(others(people, max));
  assert.notEqual(between, before, "the code stays although somebody left");
  await comeBack(max);
  const after = await everybodyTogether(people);
  assert.equal(after, before, "the same people have another code");
  const { rotations } = await people[0].snapshot();
  return `fresh key live ${rotations.find(({ reason }) => reason === "leave").liveAfterMs} ms after it was drawn`;
}

/** A page attaches for its messages with each socket, before it joins: also with the one after it was lost. */
async function lostSocket({ people }) {
  const [kim, , max] = people;
  const before = (await kim.snapshot()).keyMessages.openedBySocket;
  await kim.page.evaluate(() => window.sotto.dropSignaling());
  await leave(max);
  await comeBack(max);
  await everybodyTogether(people);
  // Max has just joined: his first key comes to a new socket of Kim's, as his data channel is not open yet.
  const { keyMessages } = await kim.sees("a key by the WebSocket", (state) => state.keyMessages.openedBySocket > before);
  return `${keyMessages.openedBySocket - before} key messages and receipts came to the new socket`;
}

async function verify({ shoot, people: [kim, lea] }) {
  const numberOf = async (person, name) => {
    await person.page.$eval("#verify", (button) => button.click());
    await person.page.waitForSelector(".security:not([hidden])");
    await person.page.$eval(`.identities [data-name="${name}"] .compare`, (button) => button.click());
    await person.page.waitForSelector(`.identities [data-name="${name}"] .qr`);
    return person.page.$eval(`.identities [data-name="${name}"] .safety-number`, ({ textContent }) => textContent);
  };
  const number = await numberOf(kim, "Lea");
  assert.match(number, /^(\d{5} ){11}\d{5}$/);
  assert.equal(await numberOf(lea, "Kim"), number);
  await kim.page.$eval('.identities [data-name="Lea"] .mark', (button) => button.click());
  await kim.sees("Lea verified", (state) => participant(state, "Lea").identity === "verified");
  await shoot(kim, "keys-verified");
  for (const person of [kim, lea]) await person.page.$eval(".security .close", (button) => button.click());
}

const PHONE = { width: 360, height: 740 };

/** The words of the code, in header and panel, and whether all of them are on the screen. */
function shownSigns(person, where) {
  return person.page.$$eval(`${where} .sign`, (all) => ({
    words: all.map(({ lastElementChild }) => lastElementChild.textContent),
    inside: all.every((sign) => {
      const { left, right, top, bottom, height } = sign.getBoundingClientRect();
      return height > 0 && left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight && sign.scrollWidth <= sign.clientWidth + 1;
    }),
  }));
}

/** Emoji need a font that bare machines have not; words do not. */
async function codeInWords({ shoot, people: [kim, , , nora] }) {
  let first;
  for (const [person, viewport] of [[kim, PHONE], [kim, undefined], [nora, PHONE], [nora, undefined]]) {
    if (viewport !== undefined) {
      person.usual = person.page.viewport();
      await person.page.setViewport(viewport);
    } else {
      await person.page.setViewport(person.usual);
    }
    const size = viewport === undefined ? "wide" : "phone";
    const header = await shownSigns(person, ".call-code");
    assert.equal(header.words.length, 5);
    first ??= header.words;
    assert.deepEqual(header, { words: first, inside: true }, `${person.name}'s header, ${size}`);
    await person.page.$eval("#verify", (button) => button.click());
    await person.page.waitForSelector(".security:not([hidden]) .panel-code .sign");
    assert.deepEqual(await shownSigns(person, ".panel-code"), { words: first, inside: true }, `${person.name}'s panel, ${size}`);
    await shoot(person, `keys-code-panel-${size}-${person.name}`);
    await person.page.$eval(".security .close", (button) => button.click());
    await shoot(person, `keys-code-${size}-${person.name}`);
  }
  return first.join(", ");
}

/** Writes in the chat as a person does. */
async function write(person, text) {
  await person.press("c");
  await person.page.waitForSelector(".chat:not([hidden]) #chat-text:not([disabled])");
  await person.page.keyboard.type(text);
  await person.press("Enter");
}

function reads(person, name, text) {
  return eventually(
    `${person.name} reads "${text}" by ${name}`,
    () => person.page.$$eval(`.chat .lines [data-name="${name}"] span`, (all) => all.map(({ textContent }) => textContent)),
    (texts) => texts.includes(text),
  );
}

async function chat({ people, shoot }) {
  const [kim, , max, nora] = people;
  for (const [person, text] of [[kim, "Hello, everybody: m, v and s are letters"], [nora, "Grüße from Firefox"]]) {
    await write(person, text);
    for (const other of others(people, person)) await reads(other, person.name, text);
  }
  // Letters that were typed are no shortcuts.
  const { participants } = await nora.snapshot();
  assert.ok(participants.every(({ tracks }) => tracks.every(({ muted }) => !muted)), "typing muted somebody");
  await nora.page.$eval(".chat .reaction", (button) => button.click());
  for (const person of [kim, max]) await person.page.waitForSelector('.tile[data-name="Nora"] .shown-reaction:not([hidden])');
  await shoot(kim, "keys-chat");
  for (const person of [kim, nora]) await person.press("Escape");
  assert.match(await max.page.$eval("#chat", (button) => button.getAttribute("aria-label")), /2 new/);
}

/** The native client in the same call, with a device of its own. */
async function native(context) {
  const { bin, server, people, folder, media, shoot } = context;
  const before = (await people[0].snapshot()).code.digits;
  const client = new NativeClient(bin, server, { room: ROOM, name: "Nat", key: null, media, folder, seconds: 20 });
  try {
    for (const person of people) {
      await person.sees("Nat sealed", (state) => participant(state, "Nat")?.e2ee === "sealed");
      await person.sees("Nat's picture", (state) => picture(state, "Nat").live && picture(state, "Nat").framesDecoded > 30);
      await person.sees("another code", (state) => state.code !== null && state.code.digits !== before);
    }
    const codes = await Promise.all(people.map(async (person) => (await person.snapshot()).code.digits));
    assert.equal(new Set(codes).size, 1);
    await shoot(people[0], "keys-native-client");
    const receivesFile = await sendToNative(context, "Nat");
    const report = await client.finish();
    await receivesFile();
    const cameras = report.streams.filter(({ source }) => source === "camera");
    assert.equal(cameras.length, people.length);
    for (const { participant: name, opened } of cameras) assert.ok(opened > 50, `only ${opened} frames of ${name} opened natively`);
    for (const person of people) {
      await person.sees("the code from before Nat came", (state) => state.code?.digits === before);
    }
    const [opened, failed] = ["opened", "failed"].map((field) => report.streams.reduce((sum, stream) => sum + stream[field], 0));
    const reasons = JSON.stringify(Object.assign({}, ...cameras.map(({ failures }) => failures)));
    return `${opened} frames opened natively, ${failed} not (${reasons})`;
  } catch (error) {
    throw new Error(`${client.output}\n${error.message}`, { cause: error });
  } finally {
    client.stop();
  }
}

/** Somebody leaves a call of both browsers and the native client: fresh keys and receipts go over the data channels, both ways. */
async function keysOverDataChannels({ bin, server, people, folder, media }) {
  const max = people[2];
  const staying = others(people, max);
  const client = new NativeClient(bin, server, { room: ROOM, name: "Ned", key: null, media, folder, seconds: 30 });
  try {
    for (const person of staying) {
      await person.sees("everybody's data channel", ({ dataOpen, participants }) =>
        dataOpen && participants.length === people.length && participants.every(({ data }) => data));
      await person.sees("Ned sealed", (state) => participant(state, "Ned")?.e2ee === "sealed");
    }
    // Max leaves as somebody whose key Ned has, and whose pictures he has seen.
    await max.sees("Ned's receipt", ({ rotations }) => rotations.at(-1).receipts === rotations.at(-1).recipients);
    await eventually("Ned opens what comes", () => client.output, (text) => /opened \d{3,}/.test(text));
    const before = await Promise.all(staying.map(async (person) => (await person.snapshot()).keyMessages));
    await leave(max);
    // A key for each of the three others and a receipt from each, both ways: on a busy machine the copy by the WebSocket that
    // follows after 300 ms may be the first of the two to be opened, but not of most.
    const expected = staying.length;
    const told = [];
    for (const [i, person] of staying.entries()) {
      const { keyMessages: after } = await person.sees("keys over the data channel", ({ keyMessages }) =>
        keyMessages.sentDirect - before[i].sentDirect >= expected && keyMessages.openedDirect - before[i].openedDirect >= expected);
      assert.equal(after.refusedDirect, 0, `${person.name} was sent what is no key message`);
      told.push(`${person.name} ${after.sentDirect - before[i].sentDirect} out, ${after.openedDirect - before[i].openedDirect} in`);
    }
    const { keys } = await client.finish();
    const { sentDirect, openedDirect, refusedDirect } = keys.messages;
    assert.ok(sentDirect >= expected && openedDirect >= expected, `natively: ${JSON.stringify(keys.messages)}`);
    assert.equal(refusedDirect, 0);
    const { liveAfterMs } = keys.rotations.find(({ reason }) => reason === "leave");
    await comeBack(max);
    await everybodyTogether(people);
    return `${told.join("; ")}; natively ${sentDirect} out, ${openedDirect} in, live after ${liveAfterMs} ms`;
  } catch (error) {
    throw new Error(`${client.output}\n${error.message}`, { cause: error });
  } finally {
    client.stop();
  }
}

/** Two tabs of one browser: each is somebody else, but one account is in one place only. */
async function tabs({ chromium, server, people }) {
  // The others make room: eight pages are too many for two cores.
  for (const person of people.splice(0)) await person.close();
  const room = "tabs";
  const opened = [];
  const open = async (name, account) => {
    const query = { camera: "none", microphone: "none", account };
    opened.push(await Person.open(chromium, server, name, { room, key: null, query }));
    return opened.at(-1);
  };
  try {
    const [first, second] = [await open("Una", ""), await open("Vic", "")];
    for (const person of [first, second]) await person.join();
    for (const [person, other] of [[first, "Vic"], [second, "Una"]]) {
      await person.sees("the other tab's identity", (state) => participant(state, other)?.identity === "known");
    }
    const [{ code }, { code: same }] = [await first.snapshot(), await second.snapshot()];
    assert.equal(code.digits, same.digits);
    const link = await first.page.evaluate(() => location.hash);
    assert.equal(link, "", "a key in the address");
    await (await open("Wim", "wim")).join();
    const again = await open("Wim again", "wim");
    await again.page.waitForSelector(".card button.primary:not([disabled])");
    await again.page.$eval(".card button.primary", (button) => button.click());
    await eventually(
      "the second Wim is told why not",
      () => again.page.$eval(".notice", ({ hidden, textContent }) => (hidden ? "" : textContent)),
      (text) => text.includes("another tab"),
    );
  } finally {
    for (const person of opened) await person.close();
  }
}

async function changedIdentity({ chromium, server, shoot, people }) {
  const [kim, lea, max, nora] = people;
  const before = (await kim.snapshot()).code.digits;
  await lea.close();
  for (const person of [kim, max, nora]) {
    await person.sees("Lea gone", (state) => participant(state, "Lea") === undefined, 60_000);
  }
  // Before the page opens her device again.
  await forgetDevice(kim, "lea");
  const again = await Person.open(chromium, server, "Lea", { room: ROOM, key: null });
  people[1] = again;
  await again.join();
  for (const person of [kim, max, nora]) {
    await person.sees("Lea blocked", (state) => participant(state, "Lea")?.e2ee === "blocked");
    await person.page.waitForSelector('.identity-warning[data-name="Lea"]');
    const { verifiedSender, live } = await person.page.evaluate(() => {
      const state = window.sotto.snapshot();
      const { sender } = state.participants.find(({ name }) => name === "Lea");
      const shown = state.pictures.find((each) => each.participant === "Lea");
      return { verifiedSender: state.slots.some((slot) => slot.verifiedSender === sender), live: shown?.live ?? false };
    });
    assert.equal(verifiedSender, false, `${person.name} opened a frame of Lea's`);
    assert.equal(live, false, `${person.name} shows Lea's picture`);
  }
  await shoot(kim, "keys-identity-changed");
  // She is sent no key either: nothing of the others opens.
  await again.sees("no key of the others", ({ participants, pictures }) =>
    participants.length === 3 && participants.every(({ e2ee }) => e2ee === "waiting") && pictures.every(({ live }) => !live));
  await shoot(again, "keys-not-accepted-yet");
  for (const person of [kim, max, nora]) {
    await person.page.$eval('.identity-warning[data-name="Lea"] .accept', (button) => button.click());
  }
  const after = await everybodyTogether(people);
  assert.notEqual(after, before, "the code stays although an identity changed");
  const { identity } = participant(await kim.snapshot(), "Lea");
  assert.equal(identity, "known", "the mark of the old identity counts for the new one");
  for (const person of people) {
    await eventually(`${person.name} has no warning left`, () => person.page.$$(".identity-warning"), (all) => all.length === 0);
    assert.ok((await person.snapshot()).pictures.every((each) => isFresh(each)));
  }
}

/** In this order, in one call. */
export const keyScenarios = [
  { name: "keys: four browsers agree on keys by themselves, and one code is on all screens", run: fourTogether },
  { name: "keys: somebody leaves and comes back, with a fresh key in between", run: leaveAndReturn },
  { name: "keys: who lost the connection to the server gets keys with the next one", run: lostSocket },
  { name: "keys: two compare the same safety number and mark it", run: verify },
  { name: "keys: the code is in words, whatever fonts there are, on a phone too", run: codeInWords },
  { name: "keys: chat and reactions reach everybody, sealed", run: chat },
  ...fileScenarios,
  {
    name: "keys: the native client agrees on keys with browsers, has the same code, and is sent a file",
    skip: ({ bin }) => (NativeClient.available(bin) ? undefined : "sotto-client is not built"),
    run: native,
  },
  {
    name: "keys: of both browsers and the native client, keys go over the data channels, both ways",
    skip: ({ bin }) => (NativeClient.available(bin) ? undefined : "sotto-client is not built"),
    run: keysOverDataChannels,
  },
  { name: "keys: a changed identity is shown, and blocked until accepted", run: changedIdentity },
  {
    name: "keys: nobody's page complained",
    async run({ people }) {
      for (const { name, complaints } of people) {
        const real = complaints.filter((text) => !/WebSocket|ERR_/.test(text));
        assert.deepEqual(real, [], `${name}'s console`);
      }
    },
  },
  { name: "keys: tabs of one browser are devices of their own, and an account is in one of them", run: tabs },
];
