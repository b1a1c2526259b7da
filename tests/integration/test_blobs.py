"""The blob store over HTTP with real processes: resumable uploads, ranges, quotas, expiry, kill -9."""

import hashlib
import os
import signal
import socket
import unittest

import harness
from device import Device
from test_directory import server

MIB = 1 << 20


class Blobs(unittest.TestCase):
    def setUp(self):
        context = server()
        self.server = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.alice = Device(self.server, "alice")

    def code(self, answer):
        status, body, _ = answer
        return status, body["error"]["code"]

    def create(self, size, device=None):
        status, answer, _ = (device or self.alice).call("POST", "/blobs", {"size": size})
        self.assertEqual(201, status, answer)
        self.assertRegex(answer["id"], "^[0-9a-f]{64}$")
        return answer["id"]

    def append(self, blob, offset, data, device=None):
        return (device or self.alice).call("PATCH", f"/blobs/{blob}", raw=data, headers={"Upload-Offset": str(offset)})

    def progress(self, blob):
        status, _, headers = self.alice.call("HEAD", f"/blobs/{blob}")
        return status, headers["Upload-Offset"] and int(headers["Upload-Offset"]), int(headers["Upload-Length"] or 0)

    def begin_and_break_off(self, blob, offset, data, promised):
        """A PATCH that promises more than it sends, and breaks off once the server has taken what was sent."""
        with socket.create_connection(("127.0.0.1", self.server.http_port)) as connection:
            connection.sendall(f"PATCH /api/v1/blobs/{blob} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.alice.token}"
                               f"\r\nUpload-Offset: {offset}\r\nContent-Length: {promised}\r\n\r\n".encode() + data)
            self.server.wait_metric("sotto_blob_bytes_received_total", lambda value: value >= self.taken + len(data))
        self.taken += len(data)

    taken = 0

    def test_a_blob_comes_back_as_it_went_in_whole_and_in_ranges(self):
        data = os.urandom(3 * MIB + 12345)
        blob = self.create(len(data))
        self.assertEqual((404, "not_found"), self.code(self.alice.call("GET", f"/blobs/{blob}")))
        status, _, headers = self.append(blob, 0, data[:MIB])
        self.assertEqual((204, str(MIB)), (status, headers["Upload-Offset"]))
        self.assertEqual((200, MIB, len(data)), self.progress(blob))
        self.assertEqual((404, "not_found"), self.code(self.alice.call("GET", f"/blobs/{blob}")))
        self.assertEqual(204, self.append(blob, MIB, data[MIB:])[0])
        # Whoever knows the id may read.
        eve = Device(self.server, "eve")
        status, got, headers = eve.call("GET", f"/blobs/{blob}")
        self.assertEqual((200, len(data)), (status, int(headers["Content-Length"])))
        self.assertEqual(hashlib.sha256(data).digest(), hashlib.sha256(got).digest())
        for header, first, last in (("bytes=0-0", 0, 0), ("bytes=100-199", 100, 199), (f"bytes={MIB}-", MIB, len(data) - 1),
                                    ("bytes=-5", len(data) - 5, len(data) - 1), ("bytes=5-99999999999", 5, len(data) - 1)):
            status, got, headers = eve.call("GET", f"/blobs/{blob}", headers={"Range": header})
            self.assertEqual((206, f"bytes {first}-{last}/{len(data)}"), (status, headers["Content-Range"]), header)
            self.assertEqual(data[first:last + 1], got)
        status, answer, headers = eve.call("GET", f"/blobs/{blob}", headers={"Range": f"bytes={len(data)}-"})
        self.assertEqual((416, f"bytes */{len(data)}"), (status, headers["Content-Range"]))
        self.assertEqual(len(data), len(eve.call("GET", f"/blobs/{blob}", headers={"Range": "bytes=7-3"})[1]))

    def test_an_upload_that_breaks_off_goes_on_where_it_got_to(self):
        data = os.urandom(300_000)
        blob = self.create(len(data))
        self.begin_and_break_off(blob, 0, data[:131_072], len(data))
        self.assertEqual((200, 131_072, len(data)), self.progress(blob))
        status, answer, headers = self.append(blob, 0, data)
        self.assertEqual((409, "wrong_offset", "131072"), (status, answer["error"]["code"], headers["Upload-Offset"]))
        self.assertEqual(204, self.append(blob, 131_072, data[131_072:])[0])
        self.assertEqual(data, self.alice.call("GET", f"/blobs/{blob}")[1])

    def test_a_client_that_waits_to_be_told_to_go_on_is_told(self):
        blob = self.create(5)
        with socket.create_connection(("127.0.0.1", self.server.http_port)) as connection:
            connection.settimeout(harness.DEADLINE_S)
            connection.sendall(f"PATCH /api/v1/blobs/{blob} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.alice.token}"
                               "\r\nUpload-Offset: 0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode())
            self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 100 Continue\r\n\r\n"))
            connection.sendall(b"01234")
            self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 204 "))
        self.assertEqual(b"01234", self.alice.call("GET", f"/blobs/{blob}")[1])

    def test_limits_and_owners_are_kept(self):
        with server(blobs={"max_bytes": 5000, "user_bytes": 9000, "user_blobs": 3, "total_bytes": 15000}) as strict:
            alice, eve, zoe = (Device(strict, user) for user in ("alice", "eve", "zoe"))
            self.assertEqual((413, "too_large"), self.code(alice.call("POST", "/blobs", {"size": 5001})))
            blob = self.create(5000, alice)
            self.assertEqual((507, "quota_exceeded"), self.code(alice.call("POST", "/blobs", {"size": 4001})))
            second = self.create(2000, alice)
            self.create(2000, alice)
            self.assertEqual((507, "quota_exceeded"), self.code(alice.call("POST", "/blobs", {"size": 1})))
            self.create(5000, eve)
            self.assertEqual((507, "quota_exceeded"), self.code(zoe.call("POST", "/blobs", {"size": 2000})))
            self.assertEqual((403, "forbidden"), self.code(self.append(blob, 0, b"x", eve)))
            self.assertEqual((403, "forbidden"), self.code(eve.call("DELETE", f"/blobs/{blob}")))
            self.assertEqual((413, "too_large"), self.code(self.append(blob, 0, bytes(5001), alice)))
            self.assertEqual(200, alice.call("DELETE", f"/blobs/{second}")[0])
            self.assertEqual((404, "not_found"), self.code(alice.call("DELETE", f"/blobs/{second}")))
            self.create(2000, alice)

    def test_an_upload_past_the_announced_size_is_refused_whole_and_leaves_the_blob_as_it_was(self):
        data = os.urandom(3 * MIB)
        blob = self.create(len(data))
        self.assertEqual(204, self.append(blob, 0, data[:1000])[0])
        self.assertEqual((413, "too_large"), self.code(self.append(blob, 1000, data[1000:] + b"x")))
        self.assertEqual((200, 1000, len(data)), self.progress(blob))
        # Of a body in chunks nobody knows the length beforehand: more than what is made safe at once comes before it ends.
        chunks = (data[at:at + 100_000] for at in range(1000, len(data), 100_000))
        too_long = (chunk for part in (chunks, [b"x"]) for chunk in part)
        self.assertEqual((413, "too_large"), self.code(self.append(blob, 1000, too_long)))
        self.assertEqual((200, 1000, len(data)), self.progress(blob))
        self.server.kill_and_restart()
        self.alice.refresh_token()
        self.assertEqual((200, 1000, len(data)), self.progress(blob))
        chunks = (data[at:at + 100_000] for at in range(1000, len(data), 100_000))
        self.assertEqual(204, self.append(blob, 1000, chunks)[0])
        self.assertEqual(data, self.alice.call("GET", f"/blobs/{blob}")[1])

    def test_an_upload_that_stands_still_does_not_hold_up_the_servers_end(self):
        blob = self.create(100)
        with socket.create_connection(("127.0.0.1", self.server.http_port)) as connection:
            connection.sendall(f"PATCH /api/v1/blobs/{blob} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.alice.token}"
                               "\r\nUpload-Offset: 0\r\nContent-Length: 100\r\n\r\nhalf".encode())
            self.server.wait_metric("sotto_blob_bytes_received_total", lambda value: value >= 4)
            self.server.process.send_signal(signal.SIGTERM)
            self.assertEqual(0, self.server.process.wait(harness.DEADLINE_S))
        self.server.log.join(harness.DEADLINE_S)
        self.assertNotIn("do not end by themselves", self.server.log.text())

    def test_bad_requests_are_explained(self):
        blob = self.create(10)
        for body in ({}, [], {"size": 0}, {"size": -1}, {"size": 1.5}, {"size": "5"}):
            self.assertEqual((400, "bad_message"), self.code(self.alice.call("POST", "/blobs", body)), body)
        self.assertEqual((400, "bad_message"), self.code(self.alice.call("PATCH", f"/blobs/{blob}", raw=b"x")))
        for offset in ("x", "-1", "1e3", str(2**64)):
            self.assertEqual((400, "bad_message"), self.code(self.append(blob, offset, b"x")), offset)
        for name in ("x", "..", "%2e%2e%2fsotto.db", blob.upper(), blob[:-1], "0" * 64):
            self.assertEqual((404, "not_found"), self.code(self.alice.call("GET", f"/blobs/{name}")), name)
            self.assertEqual(404, self.append(name, 0, b"x")[0], name)
        self.assertEqual(401, self.alice.call("GET", f"/blobs/{blob}", token="")[0])
        self.assertEqual(401, self.alice.call("PATCH", f"/blobs/{blob}", raw=b"x", token="x")[0])

    def test_kill_9_in_the_middle_of_an_upload_keeps_what_was_settled_and_all_that_was_answered(self):
        data = os.urandom(5 * MIB)
        blob, whole = self.create(len(data)), self.create(100)
        self.assertEqual(204, self.append(whole, 0, data[:100])[0])
        self.assertEqual(204, self.append(blob, 0, data[:70_000])[0])
        self.taken = 70_100
        self.begin_and_break_off(blob, 70_000, data[70_000:70_000 + 2 * MIB], len(data) - 70_000)
        self.server.kill_and_restart()
        self.alice.refresh_token()
        status, offset, size = self.progress(blob)
        self.assertEqual((200, len(data)), (status, size))
        self.assertGreaterEqual(offset, MIB + 70_000)
        self.assertLessEqual(offset, 2 * MIB + 70_000)
        self.assertEqual(204, self.append(blob, offset, data[offset:])[0])
        self.assertEqual(data, self.alice.call("GET", f"/blobs/{blob}")[1])
        self.assertEqual(data[:100], self.alice.call("GET", f"/blobs/{whole}")[1])

    def test_files_are_for_the_server_alone_and_leftovers_are_swept_at_the_start(self):
        blob = self.create(10)
        folder = self.server.directory / "data/blobs"
        self.assertEqual({f"{blob}.blob", f"{blob}.info"}, {file.name for file in folder.iterdir()})
        self.assertEqual([0], [file.stat().st_mode & 0o077 for file in folder.iterdir() if file.stat().st_mode & 0o077] or [0])
        (folder / ("ab" * 32 + ".blob")).write_bytes(b"nobody's")
        (folder / ("cd" * 32 + ".info")).write_bytes(b"half an info")
        (folder / ("ef" * 32 + ".new")).write_bytes(b"")
        self.server.kill_and_restart()
        self.assertEqual({f"{blob}.blob", f"{blob}.info"}, {file.name for file in folder.iterdir()})


if __name__ == "__main__":
    unittest.main()
