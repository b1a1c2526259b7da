"""Nobody in the middle can read: the memory of server and workers during a call holds neither key nor plaintext."""

import asyncio
import hashlib
import hmac
import os
import pathlib
import random
import subprocess
import sys
import unittest

import harness
import media
import memory_search
from person import Person
from test_directory import server as directory_server

ROOM = "the-room-of-this-test"
SECRET = bytes.fromhex("8f3a1c5e7b9d2f4061738495a6b7c8d9eafb0c1d2e3f405162738495a6b7c8d9")


def hkdf_sha256(ikm, salt, info, length):
    prk = hmac.new(salt or bytes(32), ikm, hashlib.sha256).digest()
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([counter]), hashlib.sha256).digest()
        out += block
        counter += 1
    return out[:length]


def derived_keys(secret, salt, sender):
    """Everything a participant derives from the room's secret in the duo suite (docs/frame-format.md)."""
    sk = hkdf_sha256(secret, salt, b"SottoExternalKey" + sender.to_bytes(2, "big"), 32)
    return {
        "secret": secret,
        "SK": sk,
        "SFrameEncKey": hkdf_sha256(sk, b"", b"SFrameEncryptionKey", 16),
        "SFrameAuthKey": hkdf_sha256(sk, b"", b"SFrameAuthenticationKey", 32),
        "SFrameSaltKey": hkdf_sha256(sk, b"", b"SFrameSaltKey", 16)[:12],
        "ratcheted SK": hkdf_sha256(sk, b"", b"SFrameRatchetKey", 32),
    }


def pieces_of(name, frames, clear):
    """Every piece of 16 bytes of every frame behind the first `clear` bytes, but for what is too regular to tell anything:
    whoever held a run of 31 bytes of a frame would hold one of them."""
    pieces = {}
    for index, frame in enumerate(frames):
        for at in range(clear, len(frame) - 15, 16):
            piece = frame[at:at + 16]
            if len(set(piece)) >= 10:
                pieces[f"{name} frame {index} at {at}"] = piece
    return pieces


class Search(unittest.TestCase):
    def test_every_string_in_the_memory_of_another_process_is_found_wherever_it_lies(self):
        seed = int.from_bytes(os.urandom(4), "big")
        blob = random.Random(seed).randbytes(1 << 20)
        here = {at: blob[at:at + 16] for at in range(0, len(blob), 16)}
        elsewhere = {-1 - at: bytes(byte ^ 1 for byte in piece) for at, piece in here.items()}
        program = f"import random; blob = random.Random({seed}).randbytes({len(blob)}); print('ready', flush=True); input()"
        with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            self.assertEqual(b"ready\n", other.stdout.readline())
            # Small parts: many borders lie across strings.
            found, searched = memory_search.Search({**here, **elsewhere}).in_process(other.pid, part_bytes=20_000)
            other.communicate(b"\n")
        self.assertEqual(set(here), found, f"seed {seed}")
        self.assertGreater(searched, len(blob))


class Memory(unittest.TestCase):
    def test_server_and_worker_hold_neither_key_nor_plaintext_while_the_client_holds_both(self):
        layers = media.video_layers()
        options = ["--key", SECRET.hex(), "--duration", 60, "--audio", media.audio(),
                   "--video", ",".join(map(str, layers))]
        with harness.Server(workers=1) as server, \
                harness.Client(server, ROOM, "alice", *options) as alice, \
                harness.Client(server, ROOM, "bob", *options):
            # Frames in both directions, well past warm-up.
            server.wait_metric("sotto_frames_forwarded_total", lambda value: value > 1500)
            roster = asyncio.run(self.roster(server))
            self.assertEqual({"alice", "bob"}, {p["name"] for p in roster})

            keys = {}
            for participant in roster:
                for name, key in derived_keys(SECRET, bytes.fromhex(participant["e2ee"]["salt"]),
                                              participant["sender"]).items():
                    keys[f"{participant['name']} {name}"] = key
                    keys[f"{participant['name']} {name} (hex text)"] = key.hex().encode()
            plain = {}
            for path in layers:
                # What codecs read, and what is therefore in clear, is at most 10 bytes.
                plain.update(pieces_of(path.name, media.ivf_frames(path), 16))
            plain.update(pieces_of("audio", media.opus_packets(media.audio()), 0))
            self.assertGreater(len(plain), 10_000)

            # What everybody may know is found, so the search works in each of these processes.
            known = {"room": ROOM.encode()}
            search = memory_search.Search({**keys, **plain, **known})
            workers = server.worker_pids()
            self.assertEqual(1, len(workers))
            for pid in [server.process.pid, *workers]:
                found, searched = search.in_process(pid)
                self.assertEqual(set(known), found, f"key material or plaintext in process {pid}")
                self.assertGreater(searched, 4_000_000)

            # The same search over the client's memory: it must find them, else it would find them nowhere.
            found, _ = search.in_process(alice.process.pid)
            self.assertGreaterEqual(len(found & set(keys)), 2)
            self.assertGreater(len(found & set(plain)), 1000)

    @staticmethod
    async def roster(server):
        async with harness.Signaling(server) as watcher:
            reply = await watcher.join(ROOM, "watcher")
            return reply["roster"]


def secrets_in(*paths):
    """{name: bytes} of what clients have written down (--log-secrets), each once; without a last line that is not whole."""
    secrets = {}
    for path in paths:
        for line in path.read_text().split("\n")[:-1]:
            kind, digits = line.split("\t")
            secret = bytes.fromhex(digits)
            if len(secret) >= 8:
                secrets.setdefault(secret, f"{path.stem}: {kind} #{len(secrets)}")
    return {name: secret for secret, name in secrets.items()}


class Secrets(unittest.TestCase):
    """With keys that devices agree on: what the clients themselves say their secrets are, and what they said and sent, is
    looked for in the memory of server and worker and in every file that they keep, while the call goes on and after it."""

    ALICE, BOB, DAVE, CAROL, ERIN = (f"{name}-of-this-test" for name in ("alice", "bob", "dave", "carol", "erin"))

    def setUp(self):
        self.server = self.enter(directory_server())
        seed = int.from_bytes(os.urandom(4), "big")
        self.where = f"seed {seed}"
        values = random.Random(seed)
        self.text, self.chat = values.randbytes(1_500).hex(), values.randbytes(400).hex()
        self.file = values.randbytes(40_000)
        self.plain = {f"text at {at}": self.text[at:at + 16].encode() for at in range(0, len(self.text) - 15, 16)}
        self.plain |= {f"chat at {at}": self.chat[at:at + 16].encode() for at in range(0, len(self.chat) - 15, 16)}
        self.plain |= {f"file at {at}": self.file[at:at + 16] for at in range(0, len(self.file) - 15, 16)}
        for path in media.video_layers():
            self.plain |= pieces_of(path.name, media.ivf_frames(path), 16)
        self.plain |= pieces_of("audio", media.opus_packets(media.audio()), 0)

    def enter(self, context):
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def join(self, name, *options):
        client = self.enter(harness.Client(
            self.server, ROOM, name, "--duration", 120, "--audio", media.audio(), "--video",
            ",".join(map(str, media.video_layers())), *options, secrets=True))
        self.logs.append(client.secrets_path)
        return client

    def search(self):
        """Nothing secret and nothing in plain is in the server's processes and files; what everybody may know is."""
        secrets = secrets_in(*self.logs)
        forms = {}
        for name, secret in secrets.items():
            forms |= memory_search.forms_of(name, secret)
        known = {"who": self.ALICE.encode()}
        search = memory_search.Search({**forms, **self.plain, **known})
        for pid in [self.server.process.pid, *self.server.worker_pids()]:
            found, searched = search.in_process(pid)
            self.assertEqual(set(), found - set(known), f"{self.where}, process {pid}")
            self.assertGreater(searched, 1 << 20)
            if pid == self.server.process.pid:
                self.assertEqual(set(known), found)
        found, files = search.in_files(self.server.directory)
        self.assertEqual(set(known), found, f"{self.where}, in {sorted(files)}")
        self.assertLessEqual({"sotto.db", "sotto.db-wal", "sotto.yaml"}, files)
        return secrets, search

    def test_no_key_of_devices_sessions_calls_and_files_and_nothing_said_is_in_the_servers_memory_or_on_its_disk(self):
        carol, erin = (self.enter(Person(self.server, name, secrets=True)).init() for name in (self.CAROL, self.ERIN))
        self.logs = [carol.secrets_path, erin.secrets_path]
        alice = self.join(self.ALICE, "--invite", self.ERIN)
        alice.log.wait_for("connected")
        bob = self.join(self.BOB)
        bob.log.wait_for("connected")
        dave = self.join(self.DAVE, "--chat", self.chat)
        dave.log.wait_for("connected")
        bob.log.wait_for(self.chat[:40])
        original = carol.directory / "plan"
        original.write_bytes(self.file)
        for to, wait in ((self.ALICE, harness.DEADLINE_S), (self.ERIN, 0)):  # one of them is there
            carol.send(to, "--text", self.text, wait=wait)
            carol.send(to, "--file", original, wait=wait)

        def media_keys():
            return sum("what SFrameEncryptionKey is of" in name for name in secrets_in(alice.secrets_path))

        before = media_keys()
        dave.stop()  # so that the others draw fresh keys
        harness.wait_until(lambda: media_keys() > before)
        self.server.wait_metric("sotto_frames_forwarded_total", lambda value: value > 1500)
        secrets, search = self.search()
        kinds = {name.split(": ")[1].split(" #")[0] for name in secrets}
        for kind in ("private key", "shared secret", "chain key", "what WhisperText is of", "WhisperRatchet 0",
                     "WhisperRatchet 1", "what WhisperMessageKeys is of", "WhisperMessageKeys 0", "WhisperMessageKeys 1",
                     "OTKEncryptionKey 0", "what OTKEncryptionKey is of", "MediaEncryptionKey 0",
                     "what MediaEncryptionKey is of", "what SFrameEncryptionKey is of", "SFrameEncryptionKey 0",
                     "SFrameRatchetKey 0", "SottoDataKey 0"):
            self.assertIn(kind, kinds, self.where)

        # The same search where the secrets do lie: it must find them, else it would find them nowhere.
        found, _ = search.in_process(alice.process.pid)
        for kind in ("private key", "chain key", "WhisperRatchet 0", "what SFrameEncryptionKey is of", "SottoDataKey 0"):
            self.assertTrue([name for name in found & set(secrets) if f": {kind} #" in name], (kind, self.where))
        self.assertGreater(len(found & set(self.plain)), 1000, self.where)
        names = random.Random(self.where).sample(sorted(secrets), 40)
        for name in names:
            for form, value in memory_search.forms_of(name, secrets[name]).items():
                scratch = self.server.directory / "data" / "blobs" / "scratch"
                scratch.write_bytes(os.urandom(random.Random(form).randrange(9_000)) + value + os.urandom(11))
                found, _ = search.in_files(self.server.directory)
                scratch.unlink()
                self.assertIn(form, found, self.where)

        # After the call, and when what waited was fetched.
        (file,) = [message for message in erin.receive() if message["type"] == "file"]
        self.assertEqual(self.file, pathlib.Path(file["path"]).read_bytes())
        for client in (alice, bob):
            client.stop()
        self.server.wait_metric("sotto_participants", lambda value: value == 0)
        self.assertGreater(len(self.search()[0]), len(secrets))


class Structure(unittest.TestCase):
    def test_no_server_target_is_built_from_anything_under_the_client_folder(self):
        build = pathlib.Path(harness.BIN).parent
        for program in ("sotto-server", "sotto-worker"):
            inputs = subprocess.run(["ninja", "-C", build, "-t", "inputs", f"bin/{program}"], check=True,
                                    capture_output=True, text=True).stdout
            self.assertIn("media", inputs)
            self.assertEqual([], [line for line in inputs.splitlines() if "client/native" in line])


if __name__ == "__main__":
    unittest.main()
