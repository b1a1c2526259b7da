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
