"""The licences of what the native programs contain and load (scripts/native-notices)."""
import os
import pathlib
import re
import subprocess
import unittest

import harness

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(harness.BIN).parent


class NativeNotices(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run([REPOSITORY / "scripts/native-notices", BUILD], check=True, timeout=300, stdout=subprocess.DEVNULL)
        cls.text = (BUILD / "THIRD-PARTY-NOTICES.txt").read_text()
        head = cls.text.partition("-" * 78)[0]
        cls.named = set(re.findall(r"(?:^- |, )(\S+) [^,\n]+", head, re.M))

    def test_every_library_that_a_program_loads_is_named_with_its_copyright(self):
        for program in ("sotto-server", "sotto-worker", "sotto-client"):
            lines = subprocess.run(["ldd", BUILD / "bin" / program], check=True, text=True, capture_output=True).stdout
            for path in re.findall(r"=> (/\S+)", lines):
                real = os.path.realpath(path)
                owner = ""
                for name in (real, real.removeprefix("/usr")):
                    found = subprocess.run(["dpkg-query", "--search", name], text=True, capture_output=True)
                    owner = owner or found.stdout.partition(":")[0]
                self.assertIn(owner, self.named, f"{path} of {program}")
                text = pathlib.Path("/usr/share/doc", owner, "copyright").read_text(errors="replace").strip()
                self.assertIn(text, self.text, owner)

    def test_what_is_compiled_in_is_named_too(self):
        # Headers alone, of which no trace is in the programs' dynamic sections.
        for package in ("nlohmann-json3-dev", "libcli11-dev", "libboost1.81-dev", "libstdc++-12-dev"):
            self.assertIn(package, self.named)


if __name__ == "__main__":
    unittest.main()
