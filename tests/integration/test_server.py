"""The server process itself: configuration, start and stop, workers that die, limits on connections, TLS."""

import asyncio
import contextlib
import json
import os
import pathlib
import select
import signal
import socket
import ssl
import subprocess
import tempfile
import unittest
import urllib.request

import harness


def server_output(*arguments, environment=None):
    """Runs sotto-server to its end; (exit code, stdout, stderr)."""
    done = subprocess.run([harness.BIN / "sotto-server", *arguments], capture_output=True, text=True,
                          timeout=harness.DEADLINE_S, env={**os.environ, **(environment or {})})
    return done.returncode, done.stdout, done.stderr


def private_authority(directory):
    """Files of a certificate authority of one's own, of a certificate for 127.0.0.1 that it has signed, and of its key."""
    authority, authority_key = f"{directory}/authority.pem", f"{directory}/authority.key"
    certificate, key, request = (f"{directory}/server.{ending}" for ending in ("pem", "key", "csr"))
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    subprocess.run(["openssl", "req", "-x509", *new_key, "-days", "1", "-subj", "/CN=A private authority",
                    "-keyout", authority_key, "-out", authority], check=True, capture_output=True)
    subprocess.run(["openssl", "req", *new_key, "-subj", "/CN=server", "-keyout", key, "-out", request],
                   check=True, capture_output=True)
    names = pathlib.Path(directory) / "names"
    names.write_text("subjectAltName=IP:127.0.0.1\n")
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key,
                    "-CAcreateserial", "-days", "1", "-extfile", names, "-out", certificate],
                   check=True, capture_output=True)
    return authority, certificate, key


def wait_for_end(pids):
    """Waits until all processes are gone, through descriptors of them taken while they lived."""
    for descriptor in pids:
        readable, _, _ = select.select([descriptor], [], [], harness.DEADLINE_S)
        if not readable:
            raise AssertionError("a process outlived its time")
        os.close(descriptor)


class Configuration(unittest.TestCase):
    def file(self, text):
        handle = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        self.addCleanup(handle.close)
        handle.write(text)
        handle.flush()
        return handle.name

    def test_the_default_configuration_is_valid_and_prints_as_one_that_is(self):
        self.assertEqual((0, "the built-in configuration is valid\n", ""), server_output("--check-config"))
        code, printed, errors = server_output("--print-config")
        self.assertEqual((0, ""), (code, errors))
        again = self.file(printed)
        self.assertEqual((0, printed, ""), server_output("--print-config", "--config", again))
        shipped = str(harness.ROOT / "config/sotto.yaml")
        self.assertEqual((0, printed, ""), server_output("--print-config", "--config", shipped))

    def test_a_wrong_file_is_explained_with_its_lines_and_nothing_is_started(self):
        path = self.file("http:\n  port: eighty\nmedai: {}\nlog:\n  level: info\n  level: debug\n")
        for option in ([], ["--check-config"], ["--print-config"]):
            code, out, errors = server_output("--config", path, *option)
            self.assertEqual(2, code)
            self.assertEqual("", out)
            self.assertEqual([
                f'{path}:2:9: http.port is "eighty", expected a whole number from 0 to 65535',
                f'{path}:3:1: unknown key "medai", did you mean media?',
                f"{path}:6:3: duplicate key log.level, expected each key once (the first is in line 5)",
            ], errors.splitlines())

    def test_a_file_that_is_not_there_or_a_certificate_that_is_none_ends_with_code_2(self):
        code, _, errors = server_output("--config", "/no/such/file.yaml")
        self.assertEqual(2, code)
        self.assertIn("/no/such/file.yaml: cannot be read (No such file or directory)", errors)
        path = self.file("http:\n  tls: {certificate: /dev/null, key: /dev/null}\n")
        code, _, errors = server_output("--config", path)
        self.assertEqual(2, code)
        self.assertIn("http.tls.certificate: /dev/null cannot be used", errors)

    def test_secrets_come_from_the_environment_and_are_never_printed(self):
        path = self.file("auth: {secret: '${SOTTO_TEST_SECRET}'}\n")
        code, _, errors = server_output("--check-config", "--config", path)
        self.assertEqual(2, code)
        self.assertIn("the environment variable SOTTO_TEST_SECRET is not set", errors)
        secret = "a secret that is long enough to sign with"
        code, printed, _ = server_output("--print-config", "--config", path,
                                         environment={"SOTTO_TEST_SECRET": secret})
        self.assertEqual(0, code)
        self.assertNotIn(secret, printed)
        self.assertIn('secret: "***"', printed)

    def test_unknown_options_end_with_code_2(self):
        code, _, errors = server_output("--chek-config")
        self.assertEqual(2, code)
        self.assertIn("--chek-config", errors)


class Life(unittest.TestCase):
    def folder(self):
        folder = tempfile.TemporaryDirectory(prefix="sotto-test-")
        self.addCleanup(folder.cleanup)
        return folder.name

    def test_a_port_that_is_taken_is_named_and_the_server_ends(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with tempfile.NamedTemporaryFile("w") as config:
                config.write(json.dumps({"http": {"address": "127.0.0.1", "port": port},
                                         "storage": {"directory": self.folder()},
                                         "media": {"first_port": 0, "workers": 1, "address": "127.0.0.1"}}))
                config.flush()
                code, _, errors = server_output("--config", config.name)
        self.assertEqual(1, code)
        self.assertIn(f"cannot listen on 127.0.0.1 port {port}: Address already in use", errors)

    def test_a_media_port_that_is_taken_is_named_and_the_server_ends(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            with tempfile.NamedTemporaryFile("w") as config:
                config.write(json.dumps({"http": {"address": "127.0.0.1", "port": 0},
                                         "storage": {"directory": self.folder()},
                                         "media": {"first_port": port, "workers": 1, "address": "127.0.0.1"}}))
                config.flush()
                code, _, errors = server_output("--config", config.name)
        self.assertEqual(1, code)
        self.assertIn("Address already in use", errors)
        self.assertIn(str(port), errors)

    def test_on_sigterm_clients_are_told_sockets_closed_and_workers_ended(self):
        with harness.Server(workers=2) as server:
            workers = [os.pidfd_open(pid) for pid in server.worker_pids()]

            async def scenario():
                async with harness.Signaling(server) as client:
                    self.assertTrue((await client.join("demo", "Alice"))["ok"])
                    server.process.send_signal(signal.SIGTERM)
                    self.assertTrue((await client.event("stopping"))["reason"])
                    with self.assertRaises(harness.websockets.ConnectionClosed) as closed:
                        await client.receive()
                    self.assertEqual(1001, closed.exception.rcvd.code)
            asyncio.run(scenario())
            self.assertEqual(0, server.process.wait(10))
            wait_for_end(workers)
            server.log.wait_for("stopped$")

    def test_a_client_that_does_not_read_cannot_hold_the_server_up(self):
        with harness.Server() as server:
            with socket.create_connection(("127.0.0.1", server.http_port)) as idle:
                idle.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
                idle.settimeout(harness.DEADLINE_S)
                self.assertIn(b"101 Switching Protocols", idle.recv(4096))
                server.process.send_signal(signal.SIGTERM)
                self.assertEqual(0, server.process.wait(10))

    def test_workers_do_not_outlive_a_killed_server(self):
        with harness.Server(workers=2) as server:
            workers = [os.pidfd_open(pid) for pid in server.worker_pids()]
            self.assertEqual(2, len(workers))
            server.process.kill()
            server.process.wait(harness.DEADLINE_S)
            wait_for_end(workers)

    def test_a_killed_worker_is_reported_and_replaced(self):
        with harness.Server(workers=2) as server:
            victim = server.worker_pids()[0]
            os.kill(victim, signal.SIGKILL)
            server.wait_metric("sotto_worker_restarts_total", lambda value: value == 1)
            server.wait_metric("sotto_workers_ready", lambda value: value == 2)
            server.log.wait_for(r"worker \d was killed by signal 9 \(Killed\); 0 rooms are placed again")
            self.assertNotIn(victim, server.worker_pids())

    @unittest.skipUnless(os.geteuid() == 0, "needs root to see a worker's descriptors")
    def test_workers_hold_no_socket_of_the_server_or_its_clients(self):
        def sockets(pid):
            folder = pathlib.Path(f"/proc/{pid}/fd")
            links = {os.readlink(entry) for entry in folder.iterdir() if entry.is_symlink()}
            return {link for link in links if link.startswith("socket:")}

        with harness.Server(workers=2) as server, \
                socket.create_connection(("127.0.0.1", server.http_port)) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            client.settimeout(harness.DEADLINE_S)
            self.assertIn(b" 200 OK", client.recv(4096))
            os.kill(server.worker_pids()[0], signal.SIGKILL)
            server.wait_metric("sotto_worker_restarts_total", lambda value: value == 1)
            server.wait_metric("sotto_workers_ready", lambda value: value == 2)
            held = [sockets(pid) for pid in (server.process.pid, *server.worker_pids())]
            self.assertEqual(3, len(held))
            for index, mine in enumerate(held):
                self.assertTrue(mine)
                for other in held[index + 1:]:
                    self.assertEqual(set(), mine & other)

    def test_workers_run_without_rights(self):
        with harness.Server() as server:
            status = pathlib.Path(f"/proc/{server.worker_pids()[0]}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        self.assertEqual("2", fields["Seccomp"], "a filter is in force")
        self.assertEqual("1", fields["NoNewPrivs"])
        if os.geteuid() == 0 and "SANITIZE" not in harness.BIN.parent.name.upper() and \
                harness.BIN.parent.name != "asan":
            self.assertEqual("0" * 16, fields["CapEff"])
            self.assertNotIn("0", fields["Uid"].split())

    def test_development_tokens_are_announced_loudly_and_end_with_development_mode(self):
        with harness.Server() as server:
            self.assertIn("DEVELOPMENT MODE", server.log.text())
            self.assertTrue(server.token("demo", "Alice"))
        secret = "0123456789abcdef0123456789abcdef"
        with harness.Server(extra={"auth": {"development": False, "secret": secret}}) as server:
            self.assertNotIn("DEVELOPMENT MODE", server.log.text())
            with self.assertRaises(urllib.error.HTTPError) as refused:
                server.token("demo", "Alice")
            self.assertEqual(403, refused.exception.code)


class Connections(unittest.TestCase):
    def test_past_the_limit_a_connection_is_closed_at_once_and_counted(self):
        with harness.Server(extra={"http": {"max_connections": 3}}) as server:
            held = [socket.create_connection(("127.0.0.1", server.http_port)) for _ in range(3)]
            try:
                for connection in held:  # an answer proves that the server has taken it
                    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                    connection.settimeout(harness.DEADLINE_S)
                    self.assertIn(b" 200 OK", connection.recv(4096))
                with socket.create_connection(("127.0.0.1", server.http_port)) as extra:
                    extra.settimeout(harness.DEADLINE_S)
                    self.assertEqual(b"", extra.recv(4096))
                held[0].sendall(b"GET /metrics HTTP/1.0\r\nHost: x\r\n\r\n")
                answer = b""
                while block := held[0].recv(65536):
                    answer += block
                self.assertIn(b"sotto_http_connections_refused_total 1\n", answer)
            finally:
                for connection in held:
                    connection.close()

    def test_a_request_that_takes_too_long_is_cut_off(self):
        with harness.Server(extra={"http": {"request_timeout": 1}}) as server:
            with socket.create_connection(("127.0.0.1", server.http_port)) as slow:
                slow.settimeout(harness.DEADLINE_S)
                slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                self.assertEqual(b"", slow.recv(4096))

    def test_pings_come_and_a_silent_client_is_dropped(self):
        with harness.Server(extra={"clients": {"ping_interval": 1, "idle_timeout": 2}}) as server:
            with socket.create_connection(("127.0.0.1", server.http_port)) as silent:
                silent.settimeout(harness.DEADLINE_S)
                silent.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
                received = b""
                while block := silent.recv(4096):
                    received += block
            server.wait_metric('sotto_websockets_closed_total{reason="idle"}', lambda value: value == 1)
            self.assertIn(b"\x89\x00", received.split(b"\r\n\r\n", 1)[1], "a ping frame")

    def test_one_who_joins_and_never_reads_is_closed_and_disturbs_nobody(self):
        limits = {"max_queue_bytes": 65536, "messages_per_second": 10000, "message_burst": 100000}
        with harness.Server(extra={"clients": limits}) as server, \
                socket.socket(socket.AF_INET, socket.SOCK_STREAM) as slow:
            async def scenario():
                async with harness.Signaling(server) as alice, harness.Signaling(server) as bob:
                    await alice.join("demo", "Alice")
                    sdp = (harness.ROOT / "tests/vectors/sdp/chromium-simulcast.sdp").read_bytes().decode()
                    # What she says of her keys is passed on with each change: a long text makes for long events.
                    offered = await alice.request("offer", sdp=sdp, e2ee={"suite": "duo", "salt": "00" * 1900})
                    self.assertTrue(offered["ok"], offered)
                    self.join_without_reading(slow, server)
                    others = {person["name"] for person in (await bob.join("demo", "Bob"))["roster"]}
                    self.assertEqual({"Alice", "Slow"}, others)
                    muted, closed = False, 'sotto_websockets_closed_total{reason="slow_reader"}'
                    sent = 0
                    while server.metrics()[closed] == 0:
                        self.assertLess(sent, 10_000)
                        for _ in range(100):
                            muted = not muted
                            sent += 1
                            reply = await alice.request("mute", source="microphone", muted=muted)
                            self.assertTrue(reply["ok"], reply)
                            update = (await bob.event("participant-updated"))["participant"]
                            self.assertEqual(("Alice", muted), (update["name"], update["tracks"][0]["muted"]))
                        self.assertLessEqual(server.metrics()["sotto_websocket_queued_bytes"], 3 * 65536)
                    gone = (await bob.event("participant-updated"))["participant"]
                    self.assertEqual(("Slow", False), (gone["name"], gone["connected"]))
                    server.wait_metric("sotto_connections", lambda value: value == 2)
                    self.assertEqual(1, server.metrics()[closed])
            asyncio.run(scenario())

    @staticmethod
    def join_without_reading(connection, server):
        """Joins over a socket that takes in next to nothing. What the server sends is never read but for its first answer."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.http_port))
        connection.settimeout(harness.DEADLINE_S)
        connection.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        answer = connection.recv(64)
        assert b" 101 " in answer, answer
        text = json.dumps({"id": 1, "type": "join", "version": 1, "token": server.token("demo", "Slow"),
                           "e2ee": {"suites": ["duo"]}}).encode()
        # A masked text frame (RFC 6455 section 5.2).
        connection.sendall(b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text)
        server.wait_metric("sotto_participants", lambda value: value == 2)

    def test_a_client_that_answers_pings_stays(self):
        with harness.Server(extra={"clients": {"ping_interval": 1, "idle_timeout": 2}}) as server:
            async def scenario():
                async with harness.websockets.connect(server.url.replace("http", "ws") + "/ws",
                                                      ping_interval=None) as client:
                    token = server.token("demo", "Alice")
                    await client.send(json.dumps({"id": 1, "type": "join", "version": 1, "token": token,
                                                  "client": {"name": "t", "version": "0"},
                                                  "e2ee": {"suites": ["duo"]}}))
                    self.assertTrue(json.loads(await client.recv())["ok"])
                    # Nothing but pings and pongs for longer than the idle timeout.
                    with self.assertRaises(asyncio.TimeoutError):
                        await asyncio.wait_for(client.recv(), 4)
                    await client.send(json.dumps({"id": 2, "type": "ping"}))
                    self.assertTrue(json.loads(await client.recv())["ok"])
            asyncio.run(scenario())

    def test_binary_messages_close_the_socket(self):
        with harness.Server() as server:
            async def scenario():
                async with harness.websockets.connect(server.url.replace("http", "ws") + "/ws") as client:
                    await client.send(b"\x00\x01")
                    with self.assertRaises(harness.websockets.ConnectionClosed) as closed:
                        await client.recv()
                    self.assertEqual(1003, closed.exception.rcvd.code)
            asyncio.run(scenario())

    def test_the_page_may_load_nothing_from_elsewhere(self):
        with harness.Server() as server:
            with urllib.request.urlopen(server.url + "/healthz", timeout=harness.DEADLINE_S) as answer:
                self.assertTrue(answer.headers["Content-Security-Policy"].startswith("default-src 'none'"))
                self.assertEqual("nosniff", answer.headers["X-Content-Type-Options"])

    def test_clients_join_over_tls_that_a_private_authority_vouches_for_and_refuse_any_other(self):
        with tempfile.TemporaryDirectory() as directory:
            authority, certificate, key = private_authority(directory)
            stranger = private_authority(tempfile.mkdtemp(dir=directory))[0]
            key_option = ["--key", "5a" * 32]
            with harness.Server(extra={"http": {"tls": {"certificate": certificate, "key": key}}}) as server:
                server.url = server.url.replace("http:", "https:")
                # The token is asked for over https, the call signaled over wss.
                with harness.Client(server, "demo", "alice", *key_option, "--synthetic", "180p", "--ca-file", authority):
                    server.log.wait_for("Call page: https://")
                    bob = harness.Client(server, "demo", "bob", *key_option, "--duration", 3, "--ca-file", authority)
                    code, report = bob.finish()
                    self.assertEqual(0, code, bob.log.text())
                    self.assertGreater(report["streams"][0]["opened"], 0)
                for options in ([], ["--ca-file", stranger], ["--token", "a.b.c"],
                                ["--token", "a.b.c", "--ca-file", stranger]):
                    with self.subTest(options):
                        mallory = harness.Client(server, "demo", "mallory", *key_option, "--duration", 3, *options)
                        code, _ = mallory.finish()
                        self.assertEqual(1, code, mallory.log.text())
                        self.assertRegex(mallory.log.text(), "certificate verify failed")
                trusting = harness.Client(server, "demo", "carol", *key_option, "--duration", 1, "--insecure")
                self.assertEqual(0, trusting.finish()[0], trusting.log.text())
                server.url = server.url.replace("127.0.0.1", "localhost")
                misnamed = harness.Client(server, "demo", "dave", *key_option, "--ca-file", authority)
                self.assertEqual(1, misnamed.finish()[0], misnamed.log.text())

    def test_a_tls_handshake_that_takes_too_long_is_cut_off_and_keeps_nobody_waiting(self):
        with tempfile.TemporaryDirectory() as directory:
            authority, certificate, key = private_authority(directory)
            tls = {"tls": {"certificate": certificate, "key": key}, "request_timeout": 1}
            with harness.Server(extra={"http": tls}) as server, contextlib.ExitStack() as stack:
                # A ClientHello that never ends, one byte of it, and nothing at all.
                slow = [stack.enter_context(socket.create_connection(("127.0.0.1", server.http_port)))
                        for _ in range(30)]
                for index, connection in enumerate(slow):
                    connection.settimeout(harness.DEADLINE_S)
                    connection.sendall((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x16", b"")[index % 3])
                # And one that speaks HTTP to it.
                rude = stack.enter_context(socket.create_connection(("127.0.0.1", server.http_port)))
                rude.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                server.url = server.url.replace("http:", "https:")
                server.trust = ssl.create_default_context(cafile=authority)
                self.assertEqual("ok", json.loads(server.get("/healthz", timeout=5))["status"])
                for connection in slow:
                    try:
                        self.assertEqual(b"", connection.recv(4096))
                    except ConnectionResetError:
                        pass
                server.wait_metric('sotto_tls_handshakes_failed_total{reason="timeout"}', lambda value: value == 30)
                server.wait_metric('sotto_tls_handshakes_failed_total{reason="error"}', lambda value: value == 1)
                server.wait_metric("sotto_http_connections", lambda value: value <= 2)

    def test_everything_works_over_tls(self):
        with tempfile.TemporaryDirectory() as directory:
            certificate, _, key = private_authority(directory)
            # The chain is the server's certificate and its authority's: here one that signed itself.
            subprocess.run(["openssl", "req", "-x509", "-new", "-key", key, "-days", "1", "-subj", "/CN=localhost",
                            "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate],
                           check=True, capture_output=True)
            trust = ssl.create_default_context(cafile=certificate)
            with harness.Server(extra={"http": {"tls": {"certificate": certificate, "key": key}}}) as server:
                server.log.wait_for("Call page: https://")
                url = server.url.replace("http:", "https:")
                with urllib.request.urlopen(url + "/healthz", context=trust, timeout=harness.DEADLINE_S) as answer:
                    self.assertEqual("ok", json.loads(answer.read())["status"])

                async def scenario():
                    async with harness.websockets.connect(url.replace("https", "wss") + "/ws", ssl=trust) as client:
                        await client.send(json.dumps({"id": 1, "type": "dance"}))
                        self.assertFalse(json.loads(await client.recv())["ok"])
                asyncio.run(scenario())


if __name__ == "__main__":
    unittest.main()
