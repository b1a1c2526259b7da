"""sotto-client on a real terminal: the table of its progress is drawn in place, fits, and leaves a clean screen behind."""

import errno
import fcntl
import json
import os
import pathlib
import pty
import re
import struct
import subprocess
import tempfile
import termios
import unittest

import harness


class Screen:
    """What a terminal would show: enough of ECMA-48 for what sotto-client writes, and an error for anything else."""

    def __init__(self, columns):
        self.columns = columns
        self.lines, self.row, self.column = [""], 0, 0
        self.erasures = 0

    def write(self, text):
        for token in re.findall(r"\x1b\[\d*[A-Za-z]|\r|\n|[^\x00-\x1f\x7f]+|.", text, re.S):
            if token == "\r":
                self.column = 0
            elif token == "\n":
                self.row += 1
                if self.row == len(self.lines):
                    self.lines.append("")
            elif token.endswith("A") and token[0] == "\x1b":
                self.row -= int(token[2:-1] or 1)
                if self.row < 0:
                    raise AssertionError("the cursor left the screen upwards")
            elif token == "\x1b[J":
                self.lines[self.row] = self.lines[self.row][:self.column]
                del self.lines[self.row + 1:]
                self.erasures += 1
            elif token[0] >= " ":
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[:self.column] + token + line[self.column + len(token):]
                self.column += len(token)
                if self.column > self.columns:
                    raise AssertionError(f"a line wraps: {self.lines[self.row]!r}")
            else:
                raise AssertionError(f"unexpected control sequence {token!r}")


class Terminal(unittest.TestCase):
    def run_on_terminal(self, server, columns, *options, interrupt_at=None):
        """Runs the client with a terminal for its standard error and as its controlling one. Returns exit code and screen."""
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        attributes = termios.tcgetattr(slave)

        def take_terminal():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        process = subprocess.Popen(
            [harness.BIN / "sotto-client", "join", "--server", server.url, "--room", "demo", "--name", "alice",
             "--key", "5a" * 32, *map(str, options)],
            stdin=slave, stdout=subprocess.DEVNULL, stderr=slave, preexec_fn=take_terminal)
        screen, text = Screen(columns), ""
        try:
            while True:
                try:
                    read = os.read(master, 65536)
                except OSError as error:
                    # Nobody has the terminal open any more.
                    if error.errno != errno.EIO:
                        raise
                    break
                if not read:
                    break
                text += read.decode()
                if slave is not None:
                    # The client has it now; its end is ours to see.
                    self.assertEqual(attributes, termios.tcgetattr(slave), "the terminal's modes stay as they are")
                    os.close(slave)
                    slave = None
                if interrupt_at and interrupt_at in text:
                    os.write(master, b"\x03")
                    interrupt_at = None
            code = process.wait(harness.DEADLINE_S)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        screen.write(text)
        return code, screen

    def assert_clean_end(self, screen):
        self.assertGreater(screen.erasures, 2, "the table was redrawn in place")
        table = [line for line in screen.lines if re.match(r"connected\s+\d+ s", line)]
        self.assertEqual(1, len(table), screen.lines)
        self.assertTrue(any(line.lstrip().startswith("out") for line in screen.lines), screen.lines)
        self.assertIn("left", screen.lines)
        self.assertEqual(("", 0), (screen.lines[screen.row], screen.column), "what comes next begins a line of its own")

    def test_the_table_is_drawn_in_place_within_the_width_and_stays_when_the_call_ends(self):
        with harness.Server() as server:
            for columns in (120, 40):
                with self.subTest(columns=columns):
                    code, screen = self.run_on_terminal(server, columns, "--synthetic", "180p", "--duration", 3)
                    self.assertEqual(0, code, screen.lines)
                    self.assert_clean_end(screen)

    def test_ctrl_c_leaves_the_call_in_order_and_the_report_is_written(self):
        with harness.Server() as server, tempfile.TemporaryDirectory() as directory:
            report = pathlib.Path(directory) / "report.json"
            code, screen = self.run_on_terminal(server, 100, "--synthetic", "180p", "--json", report,
                                                interrupt_at="connected 2 s")
            self.assertEqual(0, code, screen.lines)
            self.assertIn("left", [line.replace("^C", "") for line in screen.lines])
            self.assertEqual(0, json.loads(report.read_text())["exitCode"])
            server.wait_metric("sotto_participants", lambda value: value == 0)


if __name__ == "__main__":
    unittest.main()
