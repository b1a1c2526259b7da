"""Whole calls between native clients over real processes and sockets."""

import os
import signal
import subprocess
import time
import unittest

import harness
import media

KEY = "5a" * 32


def stream(report, participant, source):
    for entry in report["streams"]:
        if entry["participant"] == participant and entry["source"] == source:
            return entry
    raise AssertionError(f"no {source} of {participant} in {report['streams']}")


class Calls(unittest.TestCase):
    def options(self, codec="vp8"):
        return ["--audio", media.audio(), "--video", ",".join(map(str, media.video_layers(codec)))]

    def assert_recorded_frames_are_sent_frames(self, recorded, originals):
        sent = {frame for path in originals for frame in media.ivf_frames(path)}
        frames = media.ivf_frames(recorded)
        self.assertGreater(len(frames), 60)
        self.assertEqual([], [index for index, frame in enumerate(frames) if frame not in sent])
        self.assertTrue(media.decodes(recorded))

    def test_a_frame_recorded_at_one_end_is_byte_for_byte_the_frame_sent_at_the_other(self):
        for codec in ("vp8", "vp9"):
            with self.subTest(codec), harness.Server() as server:
                with harness.Client(server, "demo", "alice", "--key", KEY, "--duration", 30,
                                    *self.options(codec)) as alice:
                    record = alice.directory / "recorded"
                    bob = harness.Client(server, "demo", "bob", "--key", KEY, "--duration", 6, "--record", record,
                                         "--want", "alice:360")
                    code, report = bob.finish()
                    self.assertEqual(0, code, bob.log.text())
                    camera = stream(report, "alice", "camera")
                    self.assertEqual(0, camera["failed"], camera)
                    self.assertGreater(camera["opened"], 60)
                    self.assertGreater(stream(report, "alice", "microphone")["opened"], 100)
                    self.assert_recorded_frames_are_sent_frames(record / "alice-camera.ivf",
                                                                media.video_layers(codec))
                    self.assertTrue(media.decodes(record / "alice-microphone.opus"))

    @unittest.skipUnless(harness.has_ipv6(), "this machine has no IPv6 loopback")
    def test_a_call_over_ipv6(self):
        with harness.Server(extra={"media": {"announced_addresses": ["::1"]}}) as server, \
                harness.Client(server, "demo", "alice", "--key", KEY, "--duration", 30, *self.options()):
            bob = harness.Client(server, "demo", "bob", "--key", KEY, "--duration", 4)
            code, report = bob.finish()
            self.assertEqual(0, code, bob.log.text())
            camera = stream(report, "alice", "camera")
            self.assertEqual(0, camera["failed"], camera)
            self.assertGreater(camera["opened"], 30)

    def test_the_wrong_key_opens_nothing_and_says_so(self):
        with harness.Server() as server, \
                harness.Client(server, "demo", "alice", "--key", KEY, "--duration", 30, *self.options()):
            mallory = harness.Client(server, "demo", "mallory", "--key", "00" * 32, "--duration", 4)
            code, report = mallory.finish()
            self.assertEqual(3, code, mallory.log.text())
            self.assertEqual(0, stream(report, "alice", "camera")["opened"])
            self.assertGreater(stream(report, "alice", "camera")["failed"], 0)

    def test_media_flows_again_within_three_seconds_of_a_killed_worker(self):
        with harness.Server(workers=2) as server, \
                harness.Client(server, "demo", "alice", "--key", KEY, "--duration", 60, *self.options()), \
                harness.Client(server, "demo", "bob", "--key", KEY, "--duration", 60, *self.options()) as bob:
            server.wait_metric("sotto_frames_forwarded_total", lambda value: value > 300)
            before = len(bob.log.lines)
            victims = server.worker_pids()
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            killed = time.monotonic()
            server.wait_metric("sotto_worker_restarts_total", lambda value: value >= len(victims))
            # Counters of the new workers start at nought: frames forwarded now are frames after the kill.
            server.wait_metric("sotto_frames_forwarded_total", lambda value: value > 10)
            took = time.monotonic() - killed
            self.assertLess(took, 3 if "asan" not in str(harness.BIN) else 15)
            self.assertEqual(set(), set(victims) & set(server.worker_pids()))
            self.assertEqual(0, server.metrics()['sotto_signaling_errors_total{code="internal"}'])
            self.assertIsNone(bob.process.poll(), bob.log.text()[before:])
            bob.stop()
            camera = stream(bob.finish()[1], "alice", "camera")
            self.assertEqual(0, camera["failed"], camera)

    def test_the_server_stops_in_order_and_the_client_says_so(self):
        with harness.Server() as server:
            alice = harness.Client(server, "demo", "alice", "--key", KEY, "--duration", 60, *self.options())
            alice_log = alice.log
            server.wait_metric("sotto_participants", lambda value: value == 1)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(0, server.process.wait(harness.DEADLINE_S), server.log.text())
            code, _ = alice.finish()
            self.assertNotEqual(0, code)
            self.assertRegex(alice_log.text().lower(), "server")

    def test_unreadable_media_files_and_servers_that_are_not_there_are_said_clearly(self):
        good = media.video_layers()[0]
        truncated = media.directory() / "truncated.ivf"
        truncated.write_bytes(good.read_bytes()[:1000])
        foreign = media.directory() / "foreign.ivf"
        foreign.write_bytes(b"RIFF" + bytes(2000))
        with harness.Server() as server:
            for options, pattern in (
                (["--video", truncated], "truncated.ivf"),
                (["--video", foreign], "foreign.ivf"),
                (["--video", "/nowhere.ivf"], "/nowhere.ivf"),
                (["--audio", foreign], "foreign.ivf"),
            ):
                with self.subTest(pattern):
                    client = harness.Client(server, "demo", "alice", "--key", KEY, "--duration", 5, *options)
                    code, _ = client.finish()
                    self.assertEqual(2, code, client.log.text())
                    self.assertIn(pattern, client.log.text())
            client = harness.Client(server, "demo", "alice", "--key", KEY, "--token", "a.b.c", "--duration", 5)
            self.assertEqual(1, client.finish()[0], client.log.text())
            self.assertRegex(client.log.text(), "(?i)token")
        client = harness.Client(server, "demo", "alice", "--key", KEY, "--duration", 5)
        self.assertEqual(1, client.finish()[0])
        self.assertIn(str(server.http_port), client.log.text())

    def test_known_answers_are_checked_by_the_command_and_a_wrong_one_is_named(self):
        vectors = harness.ROOT / "tests/vectors/sotto-frames.json"
        done = subprocess.run([harness.BIN / "sotto-client", "vectors", vectors], capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        spoiled = media.directory() / "spoiled.json"
        text = vectors.read_text()
        mac = text.index('"mac": "') + len('"mac": "')
        spoiled.write_text(text[:mac] + ("0" if text[mac] != "0" else "1") + text[mac + 1:])
        done = subprocess.run([harness.BIN / "sotto-client", "vectors", spoiled], capture_output=True, text=True)
        self.assertNotEqual(0, done.returncode)
        self.assertIn("mac", (done.stdout + done.stderr).lower())


if __name__ == "__main__":
    unittest.main()
