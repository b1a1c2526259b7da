"""Somebody with a sotto-client and a device store of their own, and a proxy that cuts one direction of a connection."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading

import harness


class Person:
    """Runs sotto-client commands as one user. Use as a context manager. `secrets`: whether they write down their keys
    (secrets_path)."""

    def __init__(self, server, user, device="phone", secrets=False):
        self.server, self.user, self.device = server, user, device
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"sotto-{user}-"))
        self.store = self.directory / "device"
        self.secrets_path = self.directory / "secrets"
        self._globals = ["--log-secrets", self.secrets_path] if secrets else []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory, ignore_errors=True)

    def arguments(self, command, *options, url=None):
        return [str(part) for part in (harness.BIN / "sotto-client", *self._globals, *command, "--server", url or self.server.url,
                                       "--user", self.user, "--store", self.store, *options)]

    def run(self, *command, expect=0):
        """(standard output, standard error); `command` begins with the subcommand."""
        words = 2 if command[0] == "device" else 1
        done = subprocess.run(self.arguments(command[:words], *command[words:]), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=harness.DEADLINE_S)
        if expect is not None and done.returncode != expect:
            raise AssertionError(f"{command} ended with {done.returncode}, not {expect}:\n{done.stdout}{done.stderr}")
        return done.stdout, done.stderr

    def init(self, *options):
        self.run("device", "init", "--device", self.device, *options)
        return self

    def wipe(self):
        """The store is gone, as if the disk were."""
        for path in self.directory.glob("device*"):
            path.unlink()

    def send(self, to, *options, wait=0, expect=0):
        out, err = self.run("send", to, "--json", "--wait", wait, *options, expect=expect)
        return json.loads(out)["to"] if out else err

    def receive(self, *options, expect=0):
        out, _ = self.run("receive", "--json", "--directory", self.directory, *options, expect=expect)
        return [json.loads(line) for line in out.splitlines()]

    def follow(self, url=None):
        """A running `receive --follow`: its process, and its lines."""
        process = subprocess.Popen(
            self.arguments(["receive"], "--json", "--follow", "--directory", self.directory, url=url),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return process, harness.LogReader(process.stdout)


class OneWayProxy:
    """Passes TCP connections on to a port; from hold() on nothing goes from client to server any more."""

    def __init__(self, port):
        self._target = port
        self._held = threading.Event()
        self._sockets = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self):
        self._held.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in [self._listener, *self._sockets]:
            each.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            upstream = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [client, upstream]
            threading.Thread(target=self._pass, args=(client, upstream, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(upstream, client, False), daemon=True).start()

    def _pass(self, source, sink, up):
        try:
            while data := source.recv(65536):
                if not (up and self._held.is_set()):
                    sink.sendall(data)
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
