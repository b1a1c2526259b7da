"""Media connections that lie, over the wire against real processes: each lie is counted and, where there is someone to tell,
answered, and a call beside it goes on as if nothing were.

The liars are made of aiortc, whose transports lie open enough to send any bytes under the right keys.
"""

import asyncio
import hashlib
import hmac
import os
import re
import socket
import struct
import unittest
import zlib

import aiortc
import aiortc.mediastreams

import harness

REJECTED = 'sotto_datagrams_rejected_total{reason="%s"}'
DROPPED = 'sotto_frames_dropped_total{reason="%s"}'


class MuteTrack(aiortc.mediastreams.MediaStreamTrack):
    """A track that never has anything: what is sent on it is the test's own."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    async def recv(self):
        await asyncio.Event().wait()


class Peer:
    """A participant whose packets the test makes."""

    def __init__(self, signaling):
        self.signaling = signaling
        self.connection = aiortc.RTCPeerConnection()
        for kind in ("audio", "video"):
            self.connection.addTransceiver(MuteTrack(kind), direction="sendonly")
        self.senders = dict(zip(("audio", "video"), self.connection.getSenders()))
        self.sequence = 100
        self.number = 0

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.connection.close()

    @property
    def dtls(self):
        return self.senders["audio"].transport

    async def connect(self, change_offer=lambda sdp: sdp):
        """Joins and offers; the media connection then comes up by itself."""
        joined = await self.signaling.join("demo", "Mallory")
        self.number = joined["self"]["sender"]
        await self.connection.setLocalDescription(await self.connection.createOffer())
        self.offer = self.connection.localDescription.sdp
        tracks = [{"mid": transceiver.mid, "muted": False,
                   "source": "camera" if transceiver.kind == "video" else "microphone"}
                  for transceiver in self.connection.getTransceivers()]
        reply = await self.signaling.request("offer", sdp=change_offer(self.offer), tracks=tracks,
                                             e2ee={"suite": "duo", "salt": "00" * 16})
        assert reply["ok"], reply
        await self.connection.setRemoteDescription(aiortc.RTCSessionDescription(sdp=reply["sdp"], type="answer"))

    async def connected(self):
        """Waits until both ends say that ICE and DTLS are up."""
        await self.signaling.event("media-connected")
        changed = asyncio.Event()
        self.dtls.on("statechange", changed.set)
        if self.dtls.state == "connecting":
            await asyncio.wait_for(changed.wait(), harness.DEADLINE_S)
        assert self.dtls.state == "connected", self.dtls.state

    def rtp(self, kind, payload):
        codec = {"audio": "opus/48000", "video": "VP8/90000"}[kind]
        payload_type = int(re.search(rf"a=rtpmap:(\d+) {codec}", self.offer)[1])
        self.sequence += 1
        return struct.pack(">BBHII", 0x80, 0x80 | payload_type, self.sequence, self.sequence * 960,
                           self.senders[kind]._ssrc) + payload

    async def send(self, kind, payload, copies=1, change=lambda packet: packet):
        packet = change(self.dtls._tx_srtp.protect(self.rtp(kind, payload)))
        for _ in range(copies):
            await self.dtls.transport._send(packet)


def trailer(sender, flags=b"\x00", counter=1, suite=0xD0, length=None, clear=0):
    """The trailer of docs/frame-format.md with whatever is to be wrong in it; `flags` with layer and size behind them."""
    key_id = (sender << 16).to_bytes(4, "big").lstrip(b"\0") or b"\0"
    header = bytes([0x80 | (len(key_id) - 1) << 4 | counter]) + key_id
    body = flags + header + clear.to_bytes(2, "big") + bytes([suite])
    return body + bytes([len(body) + 2 if length is None else length, 0x51])


def split_client_hello(send):
    """Sends each ClientHello (fragments of it too) as two fragments in two datagrams (RFC 6347 section 4.2.2). Records of epoch 0 are not
    authenticated, so they can be numbered anew."""
    numbers = iter(range(1000))
    split = []

    async def sending(data):
        if not 20 <= data[0] <= 63:
            return await send(data)
        datagrams, at = [b""], 0
        while at < len(data):
            size = int.from_bytes(data[at + 11:at + 13], "big")
            head, body = data[at:at + 13], data[at + 13:at + 13 + size]
            at += 13 + size
            bodies = [body]
            if head[0] == 22 and head[3:5] == b"\0\0" and body[0] == 1:
                half, first = (size - 12) // 2, int.from_bytes(body[6:9], "big")
                bodies = [body[:6] + (first + skip).to_bytes(3, "big") + len(piece).to_bytes(3, "big") + piece
                          for skip, piece in ((0, body[12:12 + half]), (half, body[12 + half:]))]
                split.append(size)
            for index, piece in enumerate(bodies):
                if index > 0:
                    datagrams.append(b"")
                number = next(numbers).to_bytes(6, "big") if head[3:5] == b"\0\0" else head[5:11]
                datagrams[-1] += head[:5] + number + len(piece).to_bytes(2, "big") + piece
        for datagram in datagrams:
            await send(datagram)

    return sending, split


class HostilePeer(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server()
        cls.server.__enter__()
        # The call beside it.
        options = ["--key", "5a" * 32, "--synthetic", "180p", "--duration", 300]
        cls.others = [harness.Client(cls.server, "demo", name, *options) for name in ("alice", "bob")]
        cls.server.wait_metric("sotto_endpoints_connected", lambda value: value == 2)

    @classmethod
    def tearDownClass(cls):
        try:
            for client in cls.others:
                client.stop()
                code, report = client.finish()
                # Mallory's frames are nobody's that anyone has a key for; 3 says so.
                assert code in (0, 3), client.log.text()
                assert all("Mallory" in complaint for complaint in report["complaints"]), report["complaints"]
                for stream in report["streams"]:
                    if stream["participant"] in ("alice", "bob"):
                        assert stream["opened"] > 0 and stream["failed"] == 0, stream
                        assert stream["synthetic"]["damaged"] == 0, stream
        finally:
            cls.server.__exit__(None, None, None)

    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)  # which reports every turn of a busy machine

    def setUp(self):
        self.before = self.server.metrics()

    def tearDown(self):
        for client in self.others:
            self.assertIsNone(client.process.poll(), client.log.text())
        self.assertEqual(0, self.server.metrics()["sotto_worker_restarts_total"])

    async def wait_more(self, name, count=1):
        """Waits until the metric has grown by `count` since the test began."""
        start = self.before.get(name, 0)
        self.assertIn(name, self.before)
        return await asyncio.to_thread(self.server.wait_metric, name, lambda value: value >= start + count)

    async def test_a_client_hello_in_two_datagrams_connects(self):
        async with harness.Signaling(self.server) as signaling, Peer(signaling) as peer:
            ice = peer.dtls.transport
            ice._send, split = split_client_hello(ice._send)
            await peer.connect()
            await peer.connected()
            self.assertGreater(len(split), 0)

    async def test_a_certificate_that_is_not_the_one_in_the_offer_is_refused_counted_and_told(self):
        async with harness.Signaling(self.server) as signaling, Peer(signaling) as peer:
            await peer.connect(lambda sdp: re.sub(r"(a=fingerprint:sha-256 )[0-9A-F:]+", r"\1" + ":".join(["AB"] * 32), sdp))
            restart = await signaling.event("media-restart")
            self.assertRegex(restart["reason"], "(?i)fingerprint|certificate")
            await self.wait_more('sotto_dtls_handshakes_total{result="failed"}')
            self.assertFalse([event for event in signaling.events if event.get("event") == "media-connected"])

    async def test_packets_that_are_replayed_changed_or_cut_are_counted_by_what_is_wrong_with_them(self):
        async with harness.Signaling(self.server) as signaling, Peer(signaling) as peer:
            await peer.connect()
            await peer.connected()
            frame = os.urandom(80) + trailer(peer.number)
            await peer.send("audio", frame, copies=20)
            await self.wait_more(REJECTED % "srtp_replayed", 19)
            for _ in range(20):
                await peer.send("audio", frame, change=lambda packet: packet[:-1] + bytes([packet[-1] ^ 1]))
            await self.wait_more(REJECTED % "srtp_authentication", 20)
            for size in range(2, 22):
                await peer.send("audio", frame, change=lambda packet, size=size: packet[:size])
            await self.wait_more(REJECTED % "srtp_malformed")

    async def test_lying_trailers_are_dropped_and_counted_by_their_lie(self):
        async with harness.Signaling(self.server) as signaling, Peer(signaling) as peer:
            await peer.connect()
            await peer.connected()

            async def audio(end, lead=os.urandom(80)):
                await peer.send("audio", lead + end)

            await audio(trailer(peer.number))
            await self.wait_more("sotto_frames_received_total")
            own = peer.number
            lies = {
                "bad_trailer": [trailer(own, length=255), trailer(own, length=0), trailer(own, length=3),
                                trailer(own, flags=b"\x01"), trailer(own, suite=9), trailer(own, clear=65535),
                                trailer(own, flags=b"\x40"), trailer(0)],
                "foreign_sender": [trailer(own + 1), trailer(1 if own != 1 else 2), trailer(65535)],
                "no_trailer": [b"no trailer at all\x00"],
            }
            for reason, ends in lies.items():
                for end in ends:
                    await audio(end)
            # The MAC of 32 bytes would not fit.
            await audio(trailer(own), lead=b"")
            for reason, ends in lies.items():
                await self.wait_more(DROPPED % reason, len(ends))

    async def test_pictures_that_claim_to_have_no_size_or_the_largest_disturb_nobody(self):
        async with harness.Signaling(self.server) as signaling, Peer(signaling) as peer:
            await peer.connect()
            await peer.connected()
            before = self.before["sotto_frames_received_total"]
            for width, height in ((0, 0), (65535, 65535), (0, 65535), (65535, 1)) * 5:
                # Video, key frame, with a size; VP8's descriptor (RFC 7741): the first partition begins here.
                flags = b"\xd0\x00" + struct.pack(">HH", width, height)
                await peer.send("video", b"\x10" + b"\x10\x00\x00\x9d\x01\x2a\x40\x01\xf0\x00" + os.urandom(200) +
                                trailer(peer.number, flags, clear=10))
            after = await asyncio.to_thread(self.server.wait_metric, "sotto_frames_received_total",
                                            lambda value: value >= before + 20)
            self.assertGreaterEqual(after, before + 20)

    async def test_a_check_of_one_who_thinks_it_is_controlled_is_answered_with_a_role_conflict(self):
        async with harness.Signaling(self.server) as signaling:
            await signaling.join("demo", "Mallory")
            sdp = (harness.ROOT / "tests/vectors/sdp/chromium-subscribe-only.sdp").read_bytes().decode()
            reply = await signaling.request("offer", sdp=sdp, tracks=[])
            self.assertTrue(reply["ok"], reply)
            fragment = re.search(r"a=ice-ufrag:(\S+)", reply["sdp"])[1]
            password = re.search(r"a=ice-pwd:(\S+)", reply["sdp"])[1].encode()
            ours = re.search(r"a=ice-ufrag:(\S+)", sdp)[1]

            def attribute(number, value):
                return struct.pack(">HH", number, len(value)) + value + bytes(-len(value) % 4)

            def sealed(kind, transaction, attributes):
                """With MESSAGE-INTEGRITY and FINGERPRINT (RFC 8489 sections 14.5 and 14.7)."""
                def head(extra):
                    return struct.pack(">HHI", kind, len(attributes) + extra, 0x2112A442) + transaction
                integrity = hmac.new(password, head(24) + attributes, hashlib.sha1).digest()
                message = head(32) + attributes + attribute(0x0008, integrity)
                return message + attribute(0x8028, struct.pack(">I", zlib.crc32(message) ^ 0x5354554E))

            transaction = os.urandom(12)
            controlled, priority = attribute(0x8029, os.urandom(8)), attribute(0x0024, struct.pack(">I", 1))
            username = attribute(0x0006, f"{fragment}:{ours}".encode())
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.connect(("127.0.0.1", self.server.udp_port))
                sender.settimeout(harness.DEADLINE_S)
                sender.send(sealed(0x0001, transaction, username + priority + controlled))
                answer = await asyncio.to_thread(sender.recv, 2048)
            self.assertEqual((0x0111, transaction), (struct.unpack(">H", answer[:2])[0], answer[8:20]))
            attributes, at = {}, 20
            while at < len(answer):
                number, size = struct.unpack(">HH", answer[at:at + 4])
                attributes[number] = (at, answer[at + 4:at + 4 + size])
                at += 4 + size + -size % 4
            error = attributes[0x0009][1]
            self.assertEqual(487, (error[2] & 7) * 100 + error[3], error)
            self.server.wait_metric(REJECTED % "stun_role_conflict", lambda value: value == 1)
            # Answered under the password of the session: not by a bystander.
            end, integrity = attributes[0x0008]
            signed = answer[:2] + struct.pack(">H", end - 20 + 24) + answer[4:end]
            self.assertEqual(hmac.new(password, signed, hashlib.sha1).digest(), integrity)


if __name__ == "__main__":
    unittest.main()
