"""Event-time panes of each source: records come in, closed panes go out. As src/window/source.rs does it.

Promises: each record is counted in one pane; `positions` never passes a record whose pane is still open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tables import LATENESS_MS, PANE_MS, Closed


class Record(NamedTuple):
    """Where a record lies in the log, and what it says of itself."""

    partition: int
    offset: int
    source: str
    time: int


class Pane:
    """What was counted. Slots, since there may be tens of thousands."""

    __slots__ = ("first_offset", "faces", "late", "rejected", "counts")

    def __init__(self, first_offset: int, categories: int) -> None:
        self.first_offset = first_offset
        self.faces = self.late = self.rejected = 0
        self.counts = [0] * categories


class Source:
    """One source in one partition."""

    __slots__ = ("closed_until", "open", "seen")

    def __init__(self) -> None:
        self.closed_until = 0
        self.seen = 0  # the round of its latest record
        self.open: dict[int, Pane] = {}


class Panes:
    """All sources of one process."""

    def __init__(self, attributes: list[tuple[str, list[str]]], emit: Callable[[Closed], None]) -> None:
        sizes = [len(labels) for _, labels in attributes]
        # Where each attribute's categories begin in the counts of a pane.
        self.begins = [sum(sizes[:index]) for index in range(len(sizes))]
        self.categories = sum(sizes)
        self.emit = emit
        self.partitions: dict[int, dict[str, Source]] = {}
        self.next: dict[int, int] = {}
        self.round = 0

    def add(self, record: Record, decision: tuple[int, ...] | None) -> bool:
        """Counts one record; closes what the source's watermark has passed. False if it was late."""
        partition, offset, name, time = record
        self.next[partition] = offset + 1
        sources = self.partitions.setdefault(partition, {})
        source = sources.get(name)
        if source is None:
            source = sources[name] = Source()
        source.seen = self.round
        own = time - time % PANE_MS
        start = own if own >= source.closed_until else source.closed_until
        pane = source.open.get(start)
        if pane is None:
            pane = source.open[start] = Pane(offset, self.categories)
        if decision is None:
            pane.rejected += 1
            return True
        if own < start:
            pane.late += 1
            return False
        pane.faces += 1
        for begin, category in zip(self.begins, decision):
            pane.counts[begin + category] += 1
        passed = own - LATENESS_MS  # panes and lateness are whole multiples: no finer boundary exists
        if passed > source.closed_until:
            source.closed_until = passed
            self._close(name, source)
        return True

    def _close(self, name: str, source: Source) -> None:
        for start in sorted(source.open):
            if start >= source.closed_until:
                break
            pane = source.open.pop(start)
            self.emit(Closed(name, start, pane.faces, pane.late, pane.rejected, pane.counts))

    def close_silent(self) -> None:
        """Closes what is open of sources that sent nothing since the last call: they would hold the position back."""
        for sources in self.partitions.values():
            for name, source in sources.items():
                if source.open and source.seen < self.round:
                    source.closed_until = max(source.open) + PANE_MS
                    self._close(name, source)
        self.round += 1

    def give_up(self, partitions: list[int]) -> None:
        """Closes whatever is open there: another process, or a later run, begins with the next record."""
        for partition in partitions:
            for name, source in self.partitions.pop(partition, {}).items():
                source.closed_until = 1 << 62
                self._close(name, source)

    def forget(self, partitions: list[int]) -> None:
        """Drops what is open there: somebody else reads it again."""
        for partition in partitions:
            self.partitions.pop(partition, None)
            self.next.pop(partition, None)

    def positions(self) -> dict[int, int]:
        """For each partition where to read on, so that every record that is in no closed pane is read again."""
        return {
            partition: min(
                (pane.first_offset for source in self.partitions.get(partition, {}).values() for pane in source.open.values()),
                default=following,
            )
            for partition, following in self.next.items()
        }
