"""Runs `demograph top` in a terminal (a pty), and reads its screen as a terminal would show it.

    python top.py PROGRAM URL SOURCE...

Fails with the first thing that is wrong.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

import pyte

LEAVE = b"\x1b[?1049l"
SHOW_CURSOR = b"\x1b[?25h"


class Top:
    """The program in a terminal of 80 columns and 24 rows."""

    def __init__(self, program: str, url: str, is_told: bool = True) -> None:
        """`is_told`: a signal says that the terminal is gone."""
        self.screen = pyte.Screen(80, 24)
        self.stream = pyte.ByteStream(self.screen)
        self.said = b""
        self.master, self.slave = pty.openpty()
        self.resize(80, 24)
        self.before = termios.tcgetattr(self.slave)
        self.child = os.fork()
        if self.child == 0:
            os.setsid()
            if is_told:
                fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for number in (0, 1, 2):
                os.dup2(self.slave, number)
            os.environ["TERM"] = "xterm-256color"
            os.execv(program, [program, "top", "--url", url])

    def resize(self, columns: int, rows: int) -> None:
        # The kernel tells the program.
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def read(self, seconds: float) -> None:
        if select.select([self.master], [], [], seconds)[0]:
            said = os.read(self.master, 65536)
            self.said += said
            self.stream.feed(said)

    def await_text(self, wanted: str, is_there: bool = True) -> str:
        deadline = time.monotonic() + 20
        while True:
            shown = "\n".join(self.screen.display)
            if (wanted in shown) == is_there:
                return shown
            assert time.monotonic() < deadline, f"{wanted!r} should be there: {is_there}\n{shown}"
            self.read(0.1)

    def end(self, code: int = 0) -> None:
        """It has ended, and left the terminal as it was."""
        deadline = time.monotonic() + 10
        while (ended := os.waitpid(self.child, os.WNOHANG)) == (0, 0):
            assert time.monotonic() < deadline, "it does not end"
            self.read(0.05)
        while select.select([self.master], [], [], 0)[0]:
            self.read(0)
        assert os.waitstatus_to_exitcode(ended[1]) == code, ended
        assert termios.tcgetattr(self.slave) == self.before, "the terminal has other settings than before"
        last = self.said[-200:]
        assert LEAVE in last and SHOW_CURSOR in last, last
        os.close(self.master)
        os.close(self.slave)


def uses_every_key(program: str, url: str, sources: list[str]) -> None:
    top = Top(program, url)
    for source in sources:
        top.await_text(source)
    shown = top.await_text("live ")
    assert "ready" in shown and "lag 0" in shown, shown
    assert "female" in shown and "last 1h   gender   by name" in shown, shown
    assert termios.tcgetattr(top.slave) != top.before, "keys are not read one by one"

    top.press("a")
    top.await_text("last 1h   age")
    top.press("v")
    top.await_text("last 30m   age")
    top.press("s")
    top.await_text("by votes")
    top.press("ss")
    top.await_text("by name")
    # A filter leaves one source, and `q` in it is a letter.
    top.press("/" + sources[0] + "q")
    top.await_text("no source has such a name")
    top.press("\x7f\r")
    top.await_text(f"filter \"{sources[0]}\"   1 to 1 of 1 sources")
    top.press("/\x1b")
    top.await_text(f"1 to {len(sources)} of {len(sources)} sources")
    top.press("\x1b[B")
    top.await_text(f"> {sorted(sources)[1]}")
    top.press("h")
    top.await_text("no record was rejected")
    top.press("h")

    top.resize(40, 12)
    shown = top.await_text(sources[-1])
    # A narrow one leaves out votes and intervals, and keeps what is said.
    top.resize(30, 40)
    top.await_text("  source     shares")
    # The last line is drawn last.
    shown = top.await_text("q quit  h health")
    assert "votes" not in shown.split("shares")[0] and "ready" in shown and "q quit" in shown, shown
    assert re.search(rf"^[> ] {re.escape(sources[0][:5])}\S* +\S", shown, re.M), shown
    assert all(len(line) == 30 for line in top.screen.display), shown
    top.press("h")
    top.await_text("no record was rejected")
    top.press("h")
    top.resize(12, 8)
    top.await_text("needs 20")
    top.resize(120, 40)
    top.await_text("95 % interval")
    assert len(top.screen.display) == 40
    top.press("q")
    top.end()


def main() -> None:
    program, url, *sources = sys.argv[1:]
    uses_every_key(program, url, sources)
    for ended_by in ("\x03", "\x1b"):
        top = Top(program, url)
        top.await_text("live ")
        top.press(ended_by)
        top.end()
    top = Top(program, url)
    top.await_text("live ")
    os.kill(top.child, signal.SIGTERM)
    top.end()
    # A terminal that is closed ends it, too.
    for is_told in (True, False):
        top = Top(program, url, is_told)
        top.await_text("live ")
        os.close(top.slave)
        os.close(top.master)
        deadline = time.monotonic() + 20
        while os.waitpid(top.child, os.WNOHANG) == (0, 0):
            assert time.monotonic() < deadline, "its terminal is gone, and it does not end"
            select.select([], [], [], 0.05)
    # An instance that is not there is said, and asked again.
    top = Top(program, "http://127.0.0.1:9")
    top.await_text("NO ANSWER")
    top.press("q")
    top.end()


if __name__ == "__main__":
    main()
