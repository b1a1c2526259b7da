"""Bad input to a running server: it says what was wrong, counts it, and goes on serving others."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import random
import socket
import time
import unittest

import harness
import media

SECRET = "0123456789abcdef0123456789abcdef"


def jwt(claims, secret=SECRET, header=None):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    body = part(header or {"alg": "HS256", "typ": "JWT"}) + b"." + part(claims)
    signature = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return (body + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def claims(**changes):
    values = {"room": "demo", "sub": "alice", "device": "d1", "name": "Alice", "exp": int(time.time()) + 600}
    values.update(changes)
    return {key: value for key, value in values.items() if value is not None}


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server(extra={"auth": {"secret": SECRET}})
        cls.server.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def setUp(self):
        self.assertIsNone(self.server.process.poll())

    def tearDown(self):
        self.assertIsNone(self.server.process.poll(), "the server died:\n" + self.server.log.text())
        self.assertEqual(1, len(self.server.worker_pids()))
        self.assertIn("ok", self.server.get("/healthz").lower())

    def signaling(self, scenario):
        async def run():
            async with harness.Signaling(self.server) as client:
                return await scenario(client)
        return asyncio.run(run())

    def assert_error(self, reply, code):
        self.assertFalse(reply["ok"], reply)
        self.assertEqual(code, reply["error"]["code"], reply)
        self.assertGreater(len(reply["error"]["message"]), 10, reply)

    def test_tokens_that_do_not_hold_are_refused_with_the_reason(self):
        cases = {
            "expired": jwt(claims(exp=int(time.time()) - 60)),
            "forged": jwt(claims(), secret="another secret, as long as that one"),
            "unsigned": jwt(claims(), header={"alg": "none"}).rsplit(".", 1)[0] + ".",
            "without expiry": jwt(claims(exp=None)),
            "not yet valid": jwt(claims(nbf=int(time.time()) + 600)),
            "of another shape": jwt(claims(room=17)),
            "garbage": "a.b.c",
            "empty": "",
        }
        messages = set()
        for name, token in cases.items():
            with self.subTest(name):
                async def scenario(client, token=token):
                    return await client.join("demo", "Alice", token=token or " ")
                reply = self.signaling(scenario)
                self.assert_error(reply, "unauthorized")
                messages.add(reply["error"]["message"])
        metrics = self.server.metrics()
        for reason in ("expired", "signature", "claims", "not_yet_valid", "malformed"):
            self.assertGreaterEqual(metrics[f'sotto_signaling_tokens_refused_total{{reason="{reason}"}}'], 1, reason)
        self.assertGreaterEqual(len(messages), 5, messages)

        async def elsewhere(client):
            return await client.request("join", version=1, room="demo", token=jwt(claims(room="other")),
                                        e2ee={"suites": ["duo"]})
        self.assert_error(self.signaling(elsewhere), "unauthorized")
        self.assertGreaterEqual(
            self.server.metrics()['sotto_signaling_tokens_refused_total{reason="other_room"}'], 1)
        self.assertTrue(self.signaling(lambda c: c.join("demo", "Alice", token=jwt(claims())))["ok"])

    def test_rubbish_on_the_websocket_is_answered_and_the_socket_lives(self):
        async def scenario(client):
            for text in ("", "{", "[]", "17", '"x"', "[" * 50_000, '{"a":' * 20_000, "[" * 250_000 + "]" * 250,
                         '{"id":1,"type":"join","x":' + "[1," * 80_000, '{"id":1,"type":"join","x":[' + "0," * 120_000,
                         '{"id":1}', '{"type":"join"}',
                         '{"id":-1,"type":"join"}', '{"id":1e99,"type":"join"}', "\u0000"):
                await client.raw(text)
                message = await client.receive()
                error = message.get("error")
                self.assertIsNotNone(error, (text[:40], message))
                self.assertIn(error["code"], ("bad_message", "unknown_type", "not_joined", "unsupported_version"))
            self.assert_error(await client.request("dance"), "unknown_type")
            self.assert_error(await client.request("offer", sdp="v=0"), "not_joined")
            reply = await client.request("join", version=99, token="x")
            self.assert_error(reply, "unsupported_version")
            self.assertTrue((await client.join("demo", "Alice"))["ok"])
            self.assert_error(await client.join("demo", "Alice"), "already_joined")
            for sdp in ("", "rubbish", "v=0\r\n" + "a" * 200_000, "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" * 3000):
                self.assert_error(await client.request("offer", sdp=sdp, tracks=[]), "bad_sdp")
            self.assert_error(await client.request("offer", sdp=5), "bad_message")
            self.assert_error(await client.request(
                "subscribe", slots=[{"mid": "99", "mode": "auto"}]), "bad_slot")
        before = self.server.metrics()
        self.signaling(scenario)
        after = self.server.metrics()
        for code, count in (("bad_message", 14), ("bad_sdp", 4), ("unknown_type", 1), ("unsupported_version", 1),
                            ("already_joined", 1), ("bad_slot", 1)):
            name = f'sotto_signaling_errors_total{{code="{code}"}}'
            self.assertGreaterEqual(after[name] - before[name], count, code)

    def test_a_message_past_the_size_limit_closes_the_socket_and_nothing_else(self):
        async def scenario(client):
            await client.raw(json.dumps({"id": 1, "type": "join", "pad": "x" * 1_000_000}))
            with self.assertRaises(harness.websockets.ConnectionClosed) as caught:
                await client.receive()
            self.assertEqual(1009, caught.exception.rcvd.code if caught.exception.rcvd else 1009)
        self.signaling(scenario)
        self.server.wait_metric('sotto_websockets_closed_total{reason="message_too_large"}', lambda v: v >= 1)

    def test_a_flood_of_messages_is_held_back(self):
        async def scenario(client):
            self.assertTrue((await client.join("demo", "Alice"))["ok"])
            try:
                for index in range(5000):
                    await client.raw(json.dumps({"id": 1000 + index, "type": "ping"}))
                limited = 0
                while limited == 0:
                    message = await client.receive()
                    limited += (message.get("error") or {}).get("code") == "rate_limited"
            except harness.websockets.ConnectionClosed as closed:
                self.assertEqual(1008, closed.rcvd.code)
        self.signaling(scenario)

    def test_rubbish_on_the_udp_port_is_counted_and_does_no_harm(self):
        seed = int.from_bytes(os.urandom(4), "big")
        rng = random.Random(seed)
        before = sum(value for name, value in self.server.metrics().items()
                     if name.startswith("sotto_datagrams_rejected_total"))
        stun = bytes.fromhex("000100002112a442") + bytes(12)
        hello = bytes.fromhex("16feff0000000000000000") + b"\x00\x40" + bytes(64)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for index in range(3000):
                kind = index % 6
                if kind == 0:
                    datagram = rng.randbytes(rng.randrange(0, 1500))
                elif kind == 1:
                    datagram = stun[:rng.randrange(1, len(stun))]
                elif kind == 2:
                    datagram = hello[:rng.randrange(1, len(hello))]
                elif kind == 3:
                    datagram = bytes([0x80, rng.randrange(256)]) + rng.randbytes(rng.randrange(0, 60))
                elif kind == 4:
                    datagram = bytes([0x81, 200 + rng.randrange(8)]) + rng.randbytes(rng.randrange(0, 60))
                else:
                    datagram = stun[:2] + rng.randrange(65536).to_bytes(2, "big") + stun[4:] + rng.randbytes(40)
                sender.sendto(datagram, ("127.0.0.1", self.server.udp_port))
        deadline = time.monotonic() + harness.DEADLINE_S
        while True:
            after = sum(value for name, value in self.server.metrics().items()
                        if name.startswith("sotto_datagrams_rejected_total"))
            # The kernel may drop some of a burst; most must have been seen and counted.
            if after - before > 1500:
                break
            self.assertLess(time.monotonic(), deadline, f"only {after - before} counted, seed {seed}")
        metrics = self.server.metrics()
        for reason in ("unknown_source", "stun_malformed"):
            self.assertGreater(metrics[f'sotto_datagrams_rejected_total{{reason="{reason}"}}'], 100, (reason, seed))

    def test_slow_loris_and_broken_http_do_not_keep_others_waiting(self):
        sockets = []
        for _ in range(50):
            connection = socket.create_connection(("127.0.0.1", self.server.http_port))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            sockets.append(connection)
        self.assertIn("ok", self.server.get("/healthz", timeout=5).lower())
        for request in (b"\x00\x01\x02\r\n\r\n", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
                        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
                        b"POST /api/token HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
                        b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", self.server.http_port)) as connection:
                connection.settimeout(harness.DEADLINE_S)
                try:
                    connection.sendall(request)
                    answer = connection.recv(65536)
                except (ConnectionResetError, BrokenPipeError):
                    answer = b""
                self.assertNotIn(b"root:", answer)
                self.assertNotIn(b" 200 ", answer.split(b"\r\n")[0] + b" ")
        # The first of the slow ones is cut off by the server's own deadline.
        sockets[0].settimeout(harness.DEADLINE_S)
        while sockets[0].recv(4096):
            pass
        self.server.wait_metric('sotto_http_requests_rejected_total{reason="timeout"}', lambda v: v >= 1)
        for reason in ("malformed", "headers_too_large", "body_too_large"):
            self.assertGreaterEqual(
                self.server.metrics()[f'sotto_http_requests_rejected_total{{reason="{reason}"}}'], 1, reason)
        for connection in sockets:
            connection.close()

    def test_the_token_endpoint_refuses_what_it_cannot_read(self):
        for body in (b"", b"{", b"[]", b'{"room":5}', b'{"room":""}', b'{"room":"' + b"x" * 5000 + b'","name":"a"}'):
            with self.subTest(body[:20]):
                with self.assertRaises(harness.urllib.error.HTTPError) as caught:
                    harness.urllib.request.urlopen(harness.urllib.request.Request(
                        self.server.url + "/api/token", method="POST", data=body), timeout=harness.DEADLINE_S)
                self.assertEqual(400, caught.exception.code)
                self.assertIn("error", json.loads(caught.exception.read()))


class Vanishing(unittest.TestCase):
    def test_a_client_that_vanishes_leaves_the_room_after_its_time_and_keeps_nobody_waiting(self):
        options = ["--key", "5a" * 32, "--duration", 60]
        media_options = ["--audio", media.audio(), "--video", ",".join(map(str, media.video_layers("vp8")))]
        with harness.Server(extra={"clients": {"resume_timeout": 2}}) as server, \
                harness.Client(server, "demo", "alice", *options, *media_options) as alice, \
                harness.Client(server, "demo", "bob", *options, *media_options) as bob:
            server.wait_metric("sotto_frames_forwarded_total", lambda value: value > 300)

            async def scenario():
                async with harness.Signaling(server) as carol:
                    roster = (await carol.join("demo", "Carol"))["roster"]
                    vanished = next(person["id"] for person in roster if person["name"] == "alice")
                    sdp = (harness.ROOT / "tests/vectors/sdp/chromium-subscribe-only.sdp").read_bytes().decode()
                    offered = await carol.request("offer", sdp=sdp, tracks=[])
                    mid = next(slot["mid"] for slot in offered["slots"] if slot["kind"] == "video")
                    self.assertTrue((await carol.request("subscribe", slots=[
                        {"mid": mid, "mode": "participant", "participant": vanished, "source": "camera"}]))["ok"])

                    async def shown():
                        """Who is in carol's slot, as she is told next."""
                        while True:
                            for slot in (await carol.event("slots"))["slots"]:
                                if slot["mid"] == mid:
                                    return slot["participant"]
                    self.assertEqual(vanished, await shown())
                    alice.process.kill()
                    alice.process.wait()
                    updated = await carol.event("participant-updated")
                    self.assertEqual((vanished, False),
                                     (updated["participant"]["id"], updated["participant"]["connected"]))
                    left = await carol.event("participant-left")
                    self.assertEqual((vanished, "timeout"), (left["participant"], left["reason"]))
                    self.assertIsNone(await shown())
            asyncio.run(scenario())
            self.assertEqual(1, server.metrics()["sotto_signaling_timeouts_total"])
            # Nothing is left of her: neither here nor at the worker, where bob's two tracks remain.
            server.wait_metric("sotto_endpoints", lambda value: value == 1)
            server.wait_metric("sotto_tracks", lambda value: value == 2)
            server.wait_metric("sotto_participants", lambda value: value == 1)
            self.assertIsNone(bob.process.poll(), bob.log.text())


if __name__ == "__main__":
    unittest.main()
