"""One process of P3: a Quix application.

Promises: at least once, as Quix has it: rows are written, then the state's changelog, then the offsets. After SIGTERM
open panes are closed, written and committed.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterator
from typing import Any

from prometheus_client import start_http_server
from quixstreams import Application
from quixstreams.sinks import BaseSink
from quixstreams.state.rocksdb.windowed.serialization import parse_window_key
from quixstreams.state.serialization import encode_integer_pair

from engines import Choice
from model import Model
from stamp import milliseconds
from tables import FACES, LATE, LATENESS_MS, PANE_MS, REJECTED, Closed, Tables

FACE, REJECT, COUNTS = 0, 1, 2  # where a pane's numbers lie in its value


class Fold:
    """A pane's value: faces, rejected records, and the categories of all attributes one after another."""

    def __init__(self, attributes: list[tuple[str, list[str]]]) -> None:
        sizes = [len(labels) for _, labels in attributes]
        self.begins = [COUNTS + sum(sizes[:index]) for index in range(len(sizes))]
        self.length = COUNTS + sum(sizes)

    def first(self, decision: list[int]) -> list[int]:
        """A pane with one record."""
        return self.more([0] * self.length, decision)

    def more(self, pane: list[int], decision: list[int]) -> list[int]:
        """One more; no decision is a rejected record."""
        if not decision:
            REJECTED.inc()
            pane[REJECT] += 1
            return pane
        FACES.inc()
        pane[FACE] += 1
        for begin, category in zip(self.begins, decision):
            pane[begin + category] += 1
        return pane


class ParquetSink(BaseSink):
    """Closed panes, written whenever Quix commits."""

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self.tables = tables
        self.late: dict[str, int] = {}  # by source, since its last pane closed: Quix drops what is late

    def add(self, value: dict, key: str, timestamp: int, headers: Any, topic: str, partition: int, offset: int) -> None:
        """Quix's signature: one closed pane."""
        self.pane(key, value["start"], value["value"])

    def pane(self, source: str, start: int, value: list[int]) -> None:
        """Takes a pane into the rows."""
        late = self.late.pop(source, 0)
        self.tables.add(Closed(source, start, value[FACE], late, value[REJECT], value[COUNTS:]))

    def on_late(self, value: Any, key: str, *_: Any) -> bool:
        """Counts it; False, because Quix need not log it."""
        LATE.inc()
        self.late[key] = self.late.get(key, 0) + 1
        return False

    def flush(self) -> None:
        """Quix's checkpoint begins with this."""
        self.tables.write()


class Closing:
    """Closes open panes at the end. Quix keeps them in its state instead, and has no call for it: hence its insides."""

    def __init__(self, app: Application, sink: ParquetSink, store: tuple[str, str]) -> None:
        self.app, self.sink, self.store = app, sink, store
        self.commit = app._processing_context.commit_checkpoint
        app._processing_context.commit_checkpoint = self._commit

    def _commit(self, force: bool = False, revoking: bool = False) -> None:
        if force and not self.app._run_tracker.running:
            for source, start, value in list(self._open()):
                self.sink.pane(source, start, value)
        self.commit(force=force, revoking=revoking)

    def _open(self) -> Iterator[tuple[str, int, list[int]]]:
        stream, name = self.store
        context = self.app._processing_context
        for partition in context.state_manager.get_store(stream, name).partitions:
            panes = context.checkpoint.get_store_transaction(stream, partition, name)
            for key in list(panes.keys()):
                prefix, start, end = parse_window_key(key)
                value = panes.get(encode_integer_pair(start, end), prefix=prefix)
                panes.delete_window(start, end, prefix=prefix)
                yield panes.key_from_prefix(prefix, ""), start, value


def event_time(_: Any, headers: Any, timestamp: float, __: Any) -> int:
    """`ce_time`, or the record's timestamp."""
    for name, value in headers or ():
        if name == "ce_time":
            try:
                return milliseconds(value)
            except ValueError:
                break
    return int(timestamp)


def work(chosen: argparse.Namespace, number: int) -> None:
    """What a process runs, until SIGTERM."""
    model = Model(chosen.manifest, Choice(chosen.engine, chosen.model, chosen.precision, 1))
    attributes = model.contract.attributes
    sink, fold = ParquetSink(Tables(attributes, chosen.out)), Fold(attributes)
    app = Application(
        broker_address=chosen.brokers, consumer_group=chosen.group, auto_offset_reset="earliest",
        # Quix writes a file at each commit; seldom is less work.
        commit_interval=chosen.publish_interval,
        state_dir=chosen.out / "state" / str(number), loglevel="WARNING",
        consumer_extra_config={"queued.min.messages": 2000, "queued.max.messages.kbytes": 16384},
    )
    topic = app.topic(
        chosen.topic, key_deserializer="str", value_deserializer="bytes", timestamp_extractor=event_time,
    )
    decided = app.dataframe(topic).apply(lambda jpeg: model.decide([jpeg or b""])[0] or ())
    window = decided.tumbling_window(PANE_MS, grace_ms=LATENESS_MS, on_late=sink.on_late)
    panes = window.reduce(reducer=fold.more, initializer=fold.first)
    panes.final().sink(sink)
    Closing(app, sink, (decided.stream_id, panes.name))
    start_http_server(chosen.metrics_port + number, "127.0.0.1")
    gc.collect()
    gc.freeze()  # what was loaded is never garbage
    app.run()
