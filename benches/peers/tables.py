"""Closed panes -> metrics and Parquet. A reader sees whole files only."""

from __future__ import annotations

import datetime
import uuid
from pathlib import Path
from typing import NamedTuple

import prometheus_client
import pyarrow as pa
from pyarrow import parquet

PANE_MS = 10_000
LATENESS_MS = 10_000
# Sources with series of their own; the rest are one, as demograph's `http.source_series_max` has it.
SOURCE_SERIES_MAX = 200

prometheus_client.disable_created_metrics()
FACES = prometheus_client.Counter("peer_faces", "Faces that were counted.")
LATE = prometheus_client.Counter("peer_late", "Faces that came after their pane had closed.")
REJECTED = prometheus_client.Counter("peer_rejected", "Records that were no countable face.")
AUDIENCE = prometheus_client.Counter(
    "peer_audience", "Faces in closed panes.", ["source", "attribute", "category"]
)

UTC_MS = pa.timestamp("ms", tz="UTC")
_PANE = [("source", pa.string()), ("window_start", UTC_MS), ("window_end", UTC_MS)]
DEMOGRAPHICS = pa.schema(_PANE + [
    ("attribute", pa.string()), ("category", pa.string()),
    ("count", pa.int64()), ("total", pa.int64()), ("share", pa.float64()),
])
WINDOWS = pa.schema(_PANE + [("faces", pa.int64()), ("late", pa.int64()), ("rejected", pa.int64())])


class Closed(NamedTuple):
    """A pane that takes no more faces. `counts` holds the categories of all attributes, one after another."""

    source: str
    start: int
    faces: int
    late: int
    rejected: int
    counts: list[int]


class Tables:
    """The rows that wait to be written."""

    def __init__(self, attributes: list[tuple[str, list[str]]], out: Path) -> None:
        self.attributes, self.out = attributes, out
        self.demographics: list[tuple] = []
        self.windows: list[tuple] = []
        self.series: dict[str, list[prometheus_client.Counter]] = {}

    def add(self, pane: Closed) -> None:
        """Takes a pane's counts into the rows and the metrics."""
        end = pane.start + PANE_MS
        self.windows.append((pane.source, pane.start, end, pane.faces, pane.late, pane.rejected))
        for series, count in zip(self._series(pane.source), pane.counts):
            if count:
                series.inc(count)
        total = pane.faces
        counts = iter(pane.counts)
        for attribute, labels in self.attributes:
            for label, count in zip(labels, counts):
                share = count / total if total else None
                self.demographics.append((pane.source, pane.start, end, attribute, label, count, total, share))

    def _series(self, source: str) -> list[prometheus_client.Counter]:
        """The counters of a source's categories; to look them up each time takes longer than to count."""
        found = self.series.get(source)
        if found is None:
            name = source if len(self.series) < SOURCE_SERIES_MAX else "__other__"
            found = [AUDIENCE.labels(name, attribute, label) for attribute, labels in self.attributes for label in labels]
            self.series[source] = found
        return found

    def write(self) -> None:
        """Writes the rows that wait, if any."""
        _write(self.out / "demographics", self.demographics, DEMOGRAPHICS)
        _write(self.out / "windows", self.windows, WINDOWS)


def _write(folder: Path, rows: list[tuple], schema: pa.Schema) -> None:
    """One file, under its name only when it is complete."""
    if not rows:
        return
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows), schema)]
    folder = folder / f"date={datetime.datetime.now(datetime.timezone.utc).date().isoformat()}"
    folder.mkdir(parents=True, exist_ok=True)
    name = uuid.uuid4().hex
    partial = folder / f".{name}.partial"
    parquet.write_table(pa.table(columns, schema=schema), partial, compression="zstd")
    partial.rename(folder / f"{name}.parquet")
    rows.clear()
