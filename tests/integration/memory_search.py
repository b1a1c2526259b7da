"""Searches the memory of a running process for many byte strings at once.

One pass over all pages that the process has, whatever the number of strings: every four bytes in a row are looked up
in a table of anchors (four telling bytes of each string), and only where one stands the whole string is compared.
"""

import base64
import pathlib
import re

import numpy

PAGE = 4096
PART = 1 << 22
TABLE_BITS = 20
# A sanitizer keeps a state for every eight bytes of memory in mappings of its own at these addresses (x86-64), terabytes
# of them: states, no content.
SHADOW = range(0x7FFF7000, 0x10007FFF8000)
# Bits of an entry in /proc/PID/pagemap: the page is in memory, or swapped out.
HELD = numpy.uint64(1 << 63 | 1 << 62)


def _held_runs(pagemap, start, end):
    """(start, end) of the pages that the process has between two addresses; what it has not holds nothing of it."""
    pagemap.seek(start // PAGE * 8)
    entries = numpy.frombuffer(pagemap.read((end - start) // PAGE * 8), dtype="<u8")
    held = numpy.concatenate(([False], (entries & HELD) != 0, [False]))
    edges = numpy.flatnonzero(held[1:] != held[:-1])
    return [(start + int(first) * PAGE, start + int(last) * PAGE) for first, last in zip(edges[::2], edges[1::2])]


def memory_of(pid, part_bytes=PART):
    """Yields (address, bytes) of all memory that the process can read, in parts, in the order of their addresses."""
    process = pathlib.Path(f"/proc/{pid}")
    with open(process / "maps") as maps, open(process / "mem", "rb", buffering=0) as memory, \
            open(process / "pagemap", "rb", buffering=0) as pagemap:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)", line)
            start, end = int(match[1], 16), int(match[2], 16)
            if match[3][0] != "r" or match[4] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            if start in SHADOW and end - 1 in SHADOW:
                continue
            for first, last in _held_runs(pagemap, start, end):
                memory.seek(first)
                while first < last:
                    part = memory.read(min(last - first, part_bytes))
                    if not part:
                        break
                    yield first, part
                    first += len(part)


def files_of(directory):
    """Yields (path, bytes) of every file below a directory that is being written to by others."""
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            try:
                yield path, path.read_bytes()
            except FileNotFoundError:  # a journal, an upload that is complete: gone by now
                continue


def forms_of(name, secret):
    """{name: bytes} of a secret as it is and as the texts that it may be hidden in: hexadecimal digits, and Base64 however
    many bytes stand before it."""
    forms = {name: secret, f"{name} (hex)": secret.hex().encode(), f"{name} (HEX)": secret.hex().upper().encode()}
    for before in range(3):
        text = base64.b64encode(bytes(before) + secret)
        forms[f"{name} (Base64 after {before})"] = text[-(-before * 8 // 6):(before + len(secret)) * 8 // 6]
    return forms


def _slot(values):
    """Place of four bytes (as a number) in the table: multiplicative hashing spreads them evenly."""
    return (values * numpy.uint32(0x9E3779B1)) >> numpy.uint32(32 - TABLE_BITS)


class Search:
    """Looks for all of `patterns` ({name: bytes, 8 or more}) in one pass."""

    def __init__(self, patterns):
        self._anchors = {}  # four bytes: [(where in the pattern, pattern, name)]
        self._longest = max(map(len, patterns.values()))
        for name, pattern in patterns.items():
            if len(pattern) < 8:
                raise ValueError(f"{name} is too short to be told from chance")
            at = max(range(len(pattern) - 3), key=lambda i: len(set(pattern[i:i + 4]) - {0, 255}))
            self._anchors.setdefault(pattern[at:at + 4], []).append((at, pattern, name))
        values = numpy.frombuffer(b"".join(self._anchors), dtype="<u4")
        self._values = numpy.sort(values)
        self._table = numpy.zeros(1 << TABLE_BITS, dtype=bool)
        self._table[_slot(values)] = True

    def in_bytes(self, data, names):
        """Adds the names of what occurs in `data` to `names`."""
        for shift in range(4):
            count = (len(data) - shift) // 4
            if count <= 0:
                continue
            values = numpy.frombuffer(data, dtype="<u4", offset=shift, count=count)
            candidates = numpy.flatnonzero(self._table[_slot(values)])
            exact = candidates[numpy.isin(values[candidates], self._values)]
            for index in exact.tolist():
                where = index * 4 + shift
                for at, pattern, name in self._anchors[data[where:where + 4]]:
                    if name not in names and where >= at and data.startswith(pattern, where - at):
                        names.add(name)

    def in_files(self, directory):
        """Names of what occurs in the files below the directory, and the names of those files."""
        names, files = set(), set()
        for path, data in files_of(directory):
            self.in_bytes(data, names)
            files.add(path.name)
        return names, files

    def in_process(self, pid, part_bytes=PART):
        """Names of what occurs in the memory of the process, and how many bytes were searched."""
        names, searched, tail, expected = set(), 0, b"", None
        for address, part in memory_of(pid, part_bytes):
            # What lies across the border of two parts is found in the second.
            data = tail + part if address == expected else part
            self.in_bytes(data, names)
            searched += len(part)
            tail, expected = data[-(self._longest - 1):], address + len(part)
        return names, searched
