"""Nobody in the middle can read: the memory of server and workers during a call holds neither key nor plaintext."""

import asyncio
import hashlib
import hmac
import pathlib
import re
import subprocess
import unittest

import harness
import media

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


def memory_of(pid):
    """Yields the readable private memory of a process, region by region."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (r\S+) \S+ \S+ \S+\s*(.*)", line)
            if not match or match[4] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            start, end = int(match[1], 16), int(match[2], 16)
            memory.seek(start)
            parts = []
            while start < end:
                part = memory.read(min(end - start, 1 << 24))
                if not part:
                    break
                parts.append(part)
                start += len(part)
            yield b"".join(parts)


def found(pid, patterns):
    """Names of the patterns that occur anywhere in the memory of the process."""
    names = set()
    for region in memory_of(pid):
        for name, pattern in patterns.items():
            if name not in names and pattern in region:
                names.add(name)
    return names


class Memory(unittest.TestCase):
    def test_server_and_worker_hold_neither_key_nor_plaintext_while_the_client_holds_both(self):
        layers = media.video_layers()
        options = ["--key", SECRET.hex(), "--duration", 60, "--audio", media.audio(),
                   "--video", ",".join(map(str, layers))]
        with harness.Server(workers=1) as server, \
                harness.Client(server, "secret-room", "alice", *options) as alice, \
                harness.Client(server, "secret-room", "bob", *options):
            # Frames in both directions, well past warm-up.
            server.wait_metric("sotto_frames_forwarded_total", lambda value: value > 1500)
            roster = asyncio.run(self.roster(server))
            self.assertEqual({"alice", "bob"}, {p["name"] for p in roster})

            keys, plain = {}, {}
            for participant in roster:
                for name, key in derived_keys(SECRET, bytes.fromhex(participant["e2ee"]["salt"]),
                                              participant["sender"]).items():
                    keys[f"{participant['name']} {name}"] = key
                    keys[f"{participant['name']} {name} (hex text)"] = key.hex().encode()
            for path in layers:
                for index, frame in enumerate(media.ivf_frames(path)):
                    for offset in (16, len(frame) // 2, len(frame) - 40):
                        if offset >= 16 and len(frame) >= offset + 32:
                            plain[f"{path.name} frame {index} at {offset}"] = frame[offset:offset + 32]
            self.assertGreater(len(plain), 300)

            workers = server.worker_pids()
            self.assertEqual(1, len(workers))
            for pid in [server.process.pid, *workers]:
                self.assertEqual(set(), found(pid, keys), f"key material in process {pid}")
                self.assertEqual(set(), found(pid, plain), f"plaintext in process {pid}")

            # The same search over the client's memory: it must find them, else it would find them nowhere.
            self.assertGreaterEqual(len(found(alice.process.pid, keys)), 2)
            self.assertGreater(len(found(alice.process.pid, plain)), 100)

    @staticmethod
    async def roster(server):
        async with harness.Signaling(server) as watcher:
            reply = await watcher.join("secret-room", "watcher")
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
