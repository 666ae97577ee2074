"""A contestant's process, watched from outside: what it has counted, what it has used.

All figures come from /proc and /metrics, in the same way for every contestant; children count too.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Running:
    """A process that serves Prometheus metrics."""

    def __init__(self, argv: list[str], ports: list[int], log: Path, counters: list[str]) -> None:
        self.ports, self.log = ports, log
        # A page of these alone: asking often must cost little.
        self.query = urllib.parse.urlencode([("name[]", name) for name in counters])
        self.counters = re.compile(rf"^(?:{'|'.join(counters)})(?:{{[^}}]*}})? (\S+)$", re.M)
        self.began = time.monotonic()
        with log.open("w") as out:
            self.process = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT)

    def tree(self) -> list[int]:
        """The process and its descendants."""
        found, left = [], [self.process.pid]
        while left:
            pid = left.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                left += [int(child) for child in _read(children).split()]
        return found

    def cpu_seconds(self) -> float:
        """User and system time of the tree, threads that have ended included."""
        return sum(_ticks(f"/proc/{pid}/stat") for pid in self.tree()) / TICKS

    def cpu_by_thread(self) -> dict[str, float]:
        """CPU-seconds of the threads that run, by name."""
        used: dict[str, float] = {}
        for pid in self.tree():
            for task in Path(f"/proc/{pid}/task").iterdir():
                name = _read(task / "comm").strip()
                used[name] = used.get(name, 0.0) + _ticks(task / "stat") / TICKS
        return used

    def memory_mb(self) -> float:
        """What the tree holds now: resident pages, those that several share divided among them."""
        sizes = [_read(Path(f"/proc/{pid}/smaps_rollup")) for pid in self.tree()]
        kilobytes = [re.search(r"^Pss:\s+(\d+)", text, re.M) for text in sizes]
        return sum(int(size.group(1)) for size in kilobytes if size) / 1024

    def counted(self) -> int:
        """Records that its metrics account for."""
        return int(sum(self._counted(port) for port in self.ports))

    def _counted(self, port: int) -> float:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics?{self.query}", timeout=10) as answer:
                text = answer.read().decode()
        except OSError:
            return 0.0  # not up yet; a process that has died is noticed by wait_for
        return sum(float(value) for value in self.counters.findall(text))

    def wait_for(self, count: int, seconds: float, every: float = 0.05) -> int:
        """Waits until so many records are counted; returns how many are."""
        deadline = time.monotonic() + seconds
        while (counted := self.counted()) < count:
            self.must_live()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{counted} of {count} records after {seconds} s: {self.tail()}")
            time.sleep(every)
        return counted

    def must_live(self) -> None:
        if self.process.poll() is not None:
            raise RuntimeError(f"ended with {self.process.returncode}: {self.tail()}")

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def stop(self) -> None:
        """SIGTERM, and a clean end."""
        self.process.terminate()
        if self.process.wait(120) != 0:
            raise RuntimeError(f"ended with {self.process.returncode}: {self.tail()}")

    def kill(self) -> None:
        """For the harness's own end, whatever happened."""
        for pid in reversed(self.tree()):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        self.process.wait()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has just ended
        return ""


def _ticks(stat: Path | str) -> int:
    text = _read(Path(stat))
    fields = text.rpartition(")")[2].split()  # the name before may hold spaces
    return int(fields[11]) + int(fields[12]) if fields else 0
