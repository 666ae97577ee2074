"""One process of P1 and P2: poll, decide, fold, now and then write and commit.

Promises: at least once. An offset is committed only when every record before it is in a written row; after SIGTERM all
panes are closed, written and committed.
"""

from __future__ import annotations

import argparse
import gc
import signal
import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from prometheus_client import start_http_server

from engines import Choice
from model import Model
from panes import Panes, Record
from stamp import milliseconds
from tables import FACES, LATE, REJECTED, Tables

REBALANCING = {KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS, KafkaError.UNKNOWN_MEMBER_ID}


class Worker:
    """A consumer of the group, with a model of its own."""

    def __init__(self, chosen: argparse.Namespace, number: int) -> None:
        self.topic, self.interval = chosen.topic, chosen.publish_interval
        self.model = Model(chosen.manifest, Choice(chosen.engine, chosen.model, chosen.precision, chosen.batch))
        attributes = self.model.contract.attributes
        self.tables = Tables(attributes, chosen.out)
        self.panes = Panes(attributes, self.tables.add)
        self.committed: dict[int, int] = {}
        start_http_server(chosen.metrics_port + number, "127.0.0.1")
        self.consumer = Consumer({
            "bootstrap.servers": chosen.brokers, "group.id": chosen.group, "auto.offset.reset": "earliest",
            "enable.auto.commit": False, "enable.auto.offset.store": False,
            # Known by name: a process that stops or starts again moves nothing, and the others can still commit.
            "group.instance.id": f"{chosen.group}-{number}",
            # A process that joins takes only what it gets: the others keep their open panes.
            "partition.assignment.strategy": "cooperative-sticky",
            # Seconds of work at hand, and no more memory than that.
            "queued.min.messages": 2000, "queued.max.messages.kbytes": 16384,
        })

    def run(self) -> None:
        """Until SIGTERM."""
        stopped: list[bool] = []
        signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent passes it on as SIGTERM
        self.consumer.subscribe([self.topic], on_revoke=self._revoked, on_lost=self._lost)
        gc.collect()
        gc.freeze()  # what was loaded is never garbage
        written = time.monotonic()
        while not stopped:
            # What is there, up to a batch; where nothing is, the next that comes.
            messages = self.consumer.consume(self.model.batch, 0) or self.consumer.consume(1, 0.2)
            if messages:
                self._count(messages)
            if time.monotonic() - written >= self.interval:
                written = time.monotonic()
                self.panes.close_silent()
                self._publish()
        self.panes.give_up(list(self.panes.partitions))
        self._publish()
        self.consumer.close()

    def _count(self, messages: list[Message]) -> None:
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
        decisions = self.model.decide([message.value() or b"" for message in messages])
        rejected = late = 0
        for message, decision in zip(messages, decisions):
            record, is_countable = read_record(message)
            if not is_countable:
                decision = None
            if not self.panes.add(record, decision):
                late += 1
            elif decision is None:
                rejected += 1
        FACES.inc(len(messages) - rejected - late)
        LATE.inc(late)
        REJECTED.inc(rejected)

    def _publish(self) -> None:
        """Rows first, offsets then."""
        self.tables.write()
        positions = self.panes.positions()
        moved = [
            TopicPartition(self.topic, partition, offset)
            for partition, offset in positions.items() if self.committed.get(partition) != offset
        ]
        if not moved:
            return
        try:
            self.consumer.commit(offsets=moved, asynchronous=False)
            self.committed = positions
        except KafkaException as error:
            if error.args[0].code() not in REBALANCING:
                raise
            # The group is being divided anew: the next commit holds these too, and until then they are read twice.
            print(f"not committed: {error}", file=sys.stderr, flush=True)

    def _revoked(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = [partition.partition for partition in partitions]
        self.panes.give_up(numbers)
        self._publish()
        self.panes.forget(numbers)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self.panes.forget([partition.partition for partition in partitions])


def read_record(message: Message) -> tuple[Record, bool]:
    """Source and event time; whether both could be read. What is missing is made up for, so that it can be accounted for."""
    headers = dict(message.headers() or ())
    source = headers.get("ce_source") or message.key()
    try:
        moment = milliseconds(headers["ce_time"]) if "ce_time" in headers else message.timestamp()[1]
    except ValueError:
        return Record(message.partition(), message.offset(), "__unknown__", message.timestamp()[1]), False
    name = source.decode(errors="replace") if source else "__unknown__"
    return Record(message.partition(), message.offset(), name, moment), bool(source)


def work(chosen: argparse.Namespace, number: int) -> None:
    """What a process runs."""
    Worker(chosen, number).run()
