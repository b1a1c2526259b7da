// The data channels over a scripted PeerConnection: framing, limits, and a channel that the server resets.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DataChannels, decodeData, encodeData, type DataKind, type ReceivedData } from "../src/rtc/DataChannels.ts";
import { Random } from "./random.ts";

class FakeChannel {
  readyState = "connecting";
  bufferedAmount = 0;
  binaryType = "blob";
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly sent: Uint8Array[] = [];

  constructor(
    readonly label: string,
    readonly delivery: RTCDataChannelInit,
  ) {}

  send(message: Uint8Array): void {
    this.sent.push(message);
  }

  open(): void {
    this.readyState = "open";
    this.onopen?.();
  }

  close(): void {
    this.readyState = "closed";
    this.onclose?.();
  }
}

class FakeConnection {
  connectionState = "connected";
  sctp = { state: "connected" };
  readonly channels: FakeChannel[] = [];

  createDataChannel(label: string, delivery: RTCDataChannelInit): FakeChannel {
    this.channels.push(new FakeChannel(label, delivery));
    return this.channels.at(-1)!;
  }
}

function setUp() {
  const connection = new FakeConnection();
  const states: boolean[] = [];
  const received: ReceivedData[] = [];
  const data = new DataChannels(connection as unknown as RTCPeerConnection, {
    onDataChannel: (open) => states.push(open),
    onData: (each) => received.push(each),
  });
  return { connection, states, received, data };
}

test("both channels are made before the offer, as the server expects them", () => {
  const { connection } = setUp();
  assert.deepEqual(
    connection.channels.map(({ label, delivery, binaryType }) => ({ label, delivery, binaryType })),
    [
      { label: "sotto", delivery: {}, binaryType: "arraybuffer" },
      { label: "sotto-lossy", delivery: { ordered: false, maxRetransmits: 0 }, binaryType: "arraybuffer" },
    ],
  );
});

test("messages have a header of four bytes in both directions", () => {
  const { connection, received, states, data } = setUp();
  const [reliable, lossy] = connection.channels as [FakeChannel, FakeChannel];
  assert.equal(data.send(7, "key", false, Uint8Array.of(1)), "not-connected");
  reliable.open();
  lossy.open();
  assert.deepEqual(states, [true]);
  assert.equal(data.send(0x0102, "key", false, Uint8Array.of(9, 8)), "sent");
  assert.equal(data.send(0, "data", true, new Uint8Array()), "sent");
  assert.deepEqual([...reliable.sent[0]!], [1, 1, 1, 2, 9, 8]);
  assert.deepEqual([...lossy.sent[0]!], [1, 0, 0, 0]);
  for (const bytes of [[1, 1, 0, 5, 7], [1, 0, 0, 0, 7], [2, 0, 0, 5], [1, 2, 0, 5], [1, 0, 0]]) {
    reliable.onmessage?.({ data: Uint8Array.from(bytes).buffer });
  }
  reliable.onmessage?.({ data: "text" });
  assert.deepEqual(received, [{ origin: 5, kind: "key", lossy: false, payload: Uint8Array.of(7) }]);
});

test("what is too long or too much is refused", () => {
  const { connection, data } = setUp();
  for (const channel of connection.channels) channel.open();
  assert.equal(data.send(0, "data", false, new Uint8Array(65_532)), "sent");
  assert.equal(data.send(0, "data", false, new Uint8Array(65_533)), "too-large");
  assert.equal(data.send(0, "data", true, new Uint8Array(1_196)), "sent");
  assert.equal(data.send(0, "data", true, new Uint8Array(1_197)), "too-large");
  for (const channel of connection.channels) channel.bufferedAmount = 1 << 20;
  assert.equal(data.send(0, "data", false, new Uint8Array(1)), "full");
  assert.equal(data.send(0, "data", true, new Uint8Array(1)), "full");
});

test("a channel that the server resets opens again, and one that never opened or lost its connection does not", () => {
  const { connection, states, data } = setUp();
  connection.channels[0]!.open();
  connection.channels[0]!.close();
  assert.equal(connection.channels.length, 3);
  assert.equal(data.open, false);
  connection.channels[2]!.open();
  assert.deepEqual(states, [true, false, true]);
  assert.equal(data.open, true);
  connection.channels[1]!.close();
  assert.equal(connection.channels.length, 3);
  connection.sctp.state = "closed";
  connection.channels[2]!.close();
  assert.equal(connection.channels.length, 3);
  assert.deepEqual(states, [true, false, true, false]);
});

test("every message that is encoded decodes to the same", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    const origin = 1 + random.below(65_535);
    const kind: DataKind = random.below(2) === 0 ? "data" : "key";
    const payload = random.bytes(random.below(300));
    const decoded = decodeData(encodeData(origin, kind, payload), true);
    assert.deepEqual(decoded, { origin, kind, lossy: true, payload: Uint8Array.from(payload) }, `seed ${seed}`);
  }
});
