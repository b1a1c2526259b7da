"""Starts real Sotto processes for tests and talks to them as a client would.

Everything runs on loopback with ports of its own; every wait is for an event, bounded by a deadline.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

import websockets

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SOTTO_BIN_DIR", ROOT / "build/release/bin"))
# Sanitizer builds run several times slower; deadlines are there to end a hung test, not to time it.
DEADLINE_S = 60


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_udp_ports(count: int) -> int:
    """First port of `count` neighbouring UDP ports that are free right now."""
    for first in range(42000 + os.getpid() % 8000, 60000, count):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    probe = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
                    probe.bind(("::", port))
                return first
            except OSError:
                continue
    raise RuntimeError("no free UDP ports")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
            return True
    except OSError:
        return False


def wait_until(condition, timeout=DEADLINE_S):
    """Asks again and again, each time with a request and its answer, until the condition holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("what was waited for did not come")


class LogReader(threading.Thread):
    """Collects a process's output lines and lets a test wait for one."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        self.lines = []
        self._stream = stream
        self._changed = threading.Condition()
        self._ended = False
        self.start()

    def run(self):
        with self._stream:
            for line in self._stream:
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, pattern: str, after: int = 0, timeout: float = DEADLINE_S) -> re.Match:
        deadline = time.monotonic() + timeout
        seen = after
        with self._changed:
            while True:
                while seen < len(self.lines):
                    match = re.search(pattern, self.lines[seen])
                    if match:
                        return match
                    seen += 1
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    raise AssertionError(f"no line matched {pattern!r}; output was:\n" + "\n".join(self.lines))
                self._changed.wait(left)

    def text(self) -> str:
        with self._changed:
            return "\n".join(self.lines)


class Server:
    """A sotto-server of its own with a configuration of its own. Use as a context manager."""

    def __init__(self, e2ee="required", workers=1, extra=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sotto-test-"))
        self.http_port = free_port()
        self.udp_port = free_udp_ports(workers)
        config = {
            "http": {"address": "127.0.0.1", "port": self.http_port},
            "media": {"announced_addresses": ["127.0.0.1"], "first_port": self.udp_port, "workers": workers},
            "rooms": {"e2ee": e2ee},
            "storage": {"directory": str(self.directory / "data")},
        }
        for section, values in (extra or {}).items():
            config.setdefault(section, {}).update(values)
        self.config_path = self.directory / "sotto.yaml"
        self.config_path.write_text(json.dumps(config))  # JSON is YAML
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.trust = None  # for a server of https: an ssl.SSLContext
        self.process = None
        self.log = None

    def __enter__(self):
        self.start()
        return self

    def start(self):
        self.process = subprocess.Popen(
            [BIN / "sotto-server", "--config", self.config_path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.log = LogReader(self.process.stdout)
        try:
            self.log.wait_for("Call page")
        except AssertionError:
            self.process.kill()
            self.process.wait(DEADLINE_S)
            raise

    def kill_and_restart(self):
        """As a crash: nothing is told, nothing is written any more. What the next one has is what lay on disk."""
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self.log.join(DEADLINE_S)
        self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the server did not stop on SIGTERM; log:\n" + self.log.text())
        self.log.join(DEADLINE_S)
        shutil.rmtree(self.directory, ignore_errors=True)

    def worker_pids(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children
                if pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("sotto-worker")]

    def get(self, path, timeout=DEADLINE_S):
        with urllib.request.urlopen(self.url + path, timeout=timeout, context=self.trust) as answer:
            return answer.read().decode()

    def metrics(self):
        """{name with labels: value}; counters of several workers are summed over the worker label."""
        values = {}
        for line in self.get("/metrics").splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                name = re.sub(r'worker="[^"]*",?', "", name).replace("{}", "").replace(",}", "}")
                values[name] = values.get(name, 0) + float(value)
        return values

    def wait_metric(self, name, predicate, timeout=DEADLINE_S):
        """Polls /metrics (each poll is a request and its answer) until the metric satisfies the predicate."""
        deadline = time.monotonic() + timeout
        while True:
            value = self.metrics().get(name, 0)
            if predicate(value):
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} stayed at {value}; log:\n{self.log.text()}")

    def token(self, room=None, name="someone", user=None, device=None):
        wish = {"room": room, "name": name, "user": user, "device": device}
        wish = {key: value for key, value in wish.items() if value is not None}
        request = urllib.request.Request(self.url + "/api/token", method="POST", data=json.dumps(wish).encode(),
                                         headers={"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return json.loads(answer.read())["token"]


class Client:
    """A running sotto-client. `secrets`: whether it writes down its keys (secrets_path)."""

    def __init__(self, server, room, name, *options, directory=None, secrets=False):
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="sotto-client-"))
        self.report_path = self.directory / f"{name}.json"
        self.secrets_path = self.directory / f"{name}.secrets"
        self.process = subprocess.Popen(
            [BIN / "sotto-client", *(["--log-secrets", self.secrets_path] if secrets else []), "join", "--server", server.url, "--room", room, "--name", name,
             "--json", self.report_path, *map(str, options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "XDG_DATA_HOME": str(self.directory)})  # its device is nobody else's
        self.log = LogReader(self.process.stdout)

    def finish(self, timeout=DEADLINE_S):
        """Waits for the client to end by itself; returns (exit code, report or None)."""
        code = self.process.wait(timeout)
        self.log.join(DEADLINE_S)  # the last lines may still lie in the pipe
        report = json.loads(self.report_path.read_text()) if self.report_path.exists() else None
        return code, report

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Signaling:
    """A WebSocket client that speaks docs/signaling.md by hand."""

    def __init__(self, server):
        self._server = server
        self._next_id = 1
        self.events = []

    async def __aenter__(self):
        self.socket = await websockets.connect(
            self._server.url.replace("http", "ws") + "/ws", max_size=None, open_timeout=DEADLINE_S)
        return self

    async def __aexit__(self, *_):
        await self.socket.close()

    async def raw(self, text):
        await self.socket.send(text)

    async def receive(self):
        return json.loads(await asyncio.wait_for(self.socket.recv(), DEADLINE_S))

    async def request(self, type_, **fields):
        request_id = self._next_id
        self._next_id += 1
        await self.socket.send(json.dumps({"id": request_id, "type": type_, **fields}))
        while True:
            message = await self.receive()
            if message.get("reply") == request_id:
                return message
            self.events.append(message)

    async def join(self, room, name, token=None, suites=("duo",)):
        return await self.request(
            "join", version=1, token=token or self._server.token(room, name),
            client={"name": "test", "version": "0"}, e2ee={"suites": list(suites)})

    async def event(self, name):
        for index, message in enumerate(self.events):
            if message.get("event") == name:
                return self.events.pop(index)
        while True:
            message = await self.receive()
            if message.get("event") == name:
                return message
            self.events.append(message)
