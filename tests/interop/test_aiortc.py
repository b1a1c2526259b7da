"""A WebRTC stack that is neither ours nor a browser's (aiortc) in a room without end-to-end encryption.

aiortc knows one SRTP profile, AES_CM_128_HMAC_SHA1_80, and no simulcast, no transforms, no trailer: what passes here
passes because the wire formats are right.
"""

import asyncio
import fractions
import pathlib
import sys
import unittest

import aiortc
import aiortc.mediastreams
import av

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import harness  # noqa: E402

WIDTH, HEIGHT = 320, 240


class ColourTrack(aiortc.VideoStreamTrack):
    """A plain picture that changes from dark to bright and back, so that the receiver can see that it moves."""

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        level = 40 + (pts // 9000) % 160
        for index, plane in enumerate(frame.planes):
            plane.update(bytes([level if index == 0 else 128]) * plane.buffer_size)
        frame.pts, frame.time_base = pts, time_base
        return frame


class ToneTrack(aiortc.mediastreams.AudioStreamTrack):
    """A square wave, loud enough not to be taken for silence."""

    async def recv(self):
        silent = await super().recv()
        samples = b"".join((8000 if (index // 40) % 2 else -8000).to_bytes(2, "little", signed=True)
                           for index in range(silent.samples))
        frame = av.AudioFrame(format="s16", layout="mono", samples=silent.samples)
        frame.planes[0].update(samples)
        frame.pts, frame.sample_rate = silent.pts, silent.sample_rate
        frame.time_base = fractions.Fraction(1, silent.sample_rate)
        return frame


async def negotiate(signaling, connection):
    await connection.setLocalDescription(await connection.createOffer())
    # No candidates of ours are needed: the server is ICE-lite and answers wherever checks come from.
    tracks = []
    for transceiver in connection.getTransceivers():
        if transceiver.direction == "sendonly":
            source = "camera" if transceiver.kind == "video" else "microphone"
            tracks.append({"mid": transceiver.mid, "source": source, "muted": False})
    reply = await signaling.request("offer", sdp=connection.localDescription.sdp, tracks=tracks)
    assert reply["ok"], reply
    await connection.setRemoteDescription(aiortc.RTCSessionDescription(sdp=reply["sdp"], type="answer"))
    return reply


class Aiortc(unittest.IsolatedAsyncioTestCase):
    async def test_picture_and_sound_pass_between_two_of_them(self):
        with harness.Server(e2ee="off") as server:
            async with harness.Signaling(server) as alice, harness.Signaling(server) as bob:
                self.assertTrue((await alice.join("open", "alice", suites=()))["ok"])
                others = (await bob.join("open", "bob", suites=()))["roster"]

                publisher = aiortc.RTCPeerConnection()
                publisher.addTransceiver(ToneTrack(), direction="sendonly")
                publisher.addTransceiver(ColourTrack(), direction="sendonly")
                await negotiate(alice, publisher)

                viewer = aiortc.RTCPeerConnection()
                received = {}
                viewer.on("track", lambda track: received.setdefault(track.kind, track))
                viewer.addTransceiver("audio", direction="recvonly")
                viewer.addTransceiver("video", direction="recvonly")
                reply = await negotiate(bob, viewer)
                mid = next(slot["mid"] for slot in reply["slots"] if slot["kind"] == "video")
                wish = await bob.request("subscribe", slots=[
                    {"mid": mid, "mode": "participant", "participant": others[0]["id"], "source": "camera"}])
                self.assertTrue(wish["ok"], wish)

                async def watch():
                    levels = set()
                    while len(levels) < 10:
                        frame = await received["video"].recv()
                        self.assertEqual((WIDTH, HEIGHT), (frame.width, frame.height))
                        levels.add(bytes(frame.planes[0])[0])

                async def listen():
                    loud = 0
                    while loud < 50:
                        frame = await received["audio"].recv()
                        loud += max(abs(int(v)) for v in frame.to_ndarray().flatten()[:200]) > 2000

                try:
                    await asyncio.wait_for(asyncio.gather(watch(), listen()), harness.DEADLINE_S)
                except asyncio.TimeoutError:
                    self.fail(f"{server.metrics()}\n{server.log.text()}")
                finally:
                    await publisher.close()
                    await viewer.close()


if __name__ == "__main__":
    unittest.main()
