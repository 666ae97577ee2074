"""A real Apache Kafka for the benchmark, and the events that it holds."""

from __future__ import annotations

import datetime
import random
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from contestants import free_ports

ROOT = Path(__file__).resolve().parent.parent
JARS = ROOT / ".setup" / "kafka" / "lib"
PROPERTIES = ROOT / "tests" / "it" / "world" / "server.properties"
# Any 16 bytes in base64.
CLUSTER_ID = "ZGVtb2dyYXBoLWJlbmNoLQ"
UTC = datetime.timezone.utc


class Broker:
    """One node in a folder of its own; used as `with Broker(folder) as broker`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        port, controller = free_ports(2)
        ports = {"PORT": port, "CONTROLLER": controller, "DATA": folder / "data"}
        text = re.sub("@([A-Z]+)@", lambda found: str(ports[found.group(1)]), PROPERTIES.read_text())
        # As Kafka does by default (for 3 s): both processes of a peer are there when partitions are shared out.
        text = text.replace("rebalance.delay.ms=0", "rebalance.delay.ms=1000")
        self.properties, self.address = folder / "server.properties", f"127.0.0.1:{ports['PORT']}"
        self.log = folder / "log"
        self.properties.write_text(text)

    def __enter__(self) -> Broker:
        tool = ["kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER_ID, "-c", str(self.properties)]
        subprocess.run(_java(*tool), check=True, capture_output=True)
        with self.log.open("w") as log:
            server = _java("kafka.Kafka", str(self.properties))
            self.process = subprocess.Popen(server, stdout=log, stderr=log)
        self.admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        self.admin.list_topics(timeout=60)
        self._be_joined_once()
        return self

    def _be_joined_once(self) -> None:
        """The first group makes the broker create its internal topic: seconds that are nobody's start."""
        self.create_topic("first", 1)
        producer = Producer({"bootstrap.servers": self.address})
        producer.produce("first", b"")
        producer.flush(60)
        consumer = Consumer({
            "bootstrap.servers": self.address, "group.id": "first", "auto.offset.reset": "earliest",
        })
        consumer.subscribe(["first"])
        consumer.poll(60)
        consumer.close()

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def create_topic(self, name: str, partitions: int) -> None:
        self.admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)

    def produce(
        self, topic: str, crops: Path, count: int, sources: list[str], *,
        event_rate: float = 0.0, rate: float = 0.0, crops_each: int = 0,
    ) -> list[tuple[str, int]]:
        """Sends so many events; returns the source and the event time (milliseconds) of each.

        With `rate`, so many a second, seen when they are sent; else at once, as if `event_rate` had been seen a second
        until now. Sources take turns, crops come in an order that a seed fixes. With `crops_each`, ten people at a time
        stand before each source, and the tracker sends so many crops of each.
        """
        images = [path.read_bytes() for path in sorted(crops.iterdir())]
        draw = random.Random(topic)
        producer = Producer({"bootstrap.servers": self.address, "linger.ms": 1 if rate else 20, "acks": "all"})
        sent = []
        for number, now in _times(count, event_rate, rate):
            source = sources[number % len(sources)]
            stamp = datetime.datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
            headers = [
                ("content-type", b"image/jpeg"), ("ce_specversion", b"1.0"),
                ("ce_type", b"org.demograph.face-crop.v1"), ("ce_source", source.encode()),
                ("ce_time", stamp.replace("+00:00", "Z").encode()),
            ]
            if crops_each:
                turn = number // len(sources)
                person = turn // (10 * crops_each) * 10 + turn % 10
                headers.append(("ce_trackid", str(person).encode()))
            while True:
                try:
                    producer.produce(topic, draw.choice(images), source.encode(), headers=headers)
                    break
                except BufferError:  # the queue is full: let it drain
                    producer.poll(0.1)
            producer.poll(0)
            sent.append((source, int(round(now * 1000))))
        if left := producer.flush(60):
            raise RuntimeError(f"{left} of {count} events were not taken by the broker")
        return sent


def _times(count: int, event_rate: float, rate: float) -> Iterator[tuple[int, float]]:
    """The number and the event time of each event, when it is due."""
    began = time.time()
    for number in range(count):
        if rate:
            due = began + number / rate
            if (wait := due - time.time()) > 0:
                time.sleep(wait)
            yield number, time.time()
        else:
            yield number, began - (count - number) / event_rate


def _java(*arguments: str) -> list[str]:
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    java = shutil.which("java") or "java"
    return [java, "-Xmx512m", quiet, "-cp", f"{JARS}/*", *arguments]
