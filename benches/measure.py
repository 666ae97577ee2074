"""What is measured of a contestant: the cost of a backlog, delays under a steady load, memory over a long one."""

from __future__ import annotations

import bisect
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from contestants import PANE_SECONDS, Contestant, Job
from process import Running

# Threads of demograph's that neither decode nor infer: everything but its workers and what the engine starts.
WORKER_THREADS = ("work-", "demograph")

# Sends events, and returns the source and the time (milliseconds) of each.
Send = Callable[[], list[tuple[str, int]]]


@dataclass
class Backlog:
    """One run over a topic that is already there."""

    cpu_seconds_per_1000: float
    crops_per_second: float
    startup_seconds: float
    startup_cpu_seconds: float
    memory_peak_mb: float
    other_cpu_share: float
    totals: dict[str, int] = field(repr=False)


def backlog(contestant: Contestant, job: Job, events: int, warm: int) -> Backlog:
    """Reads the whole topic. What happens before `warm` records are counted is the start, not the cost."""
    running = contestant.start(job)
    try:
        running.wait_for(1, 120)
        startup, startup_cpu = time.monotonic() - running.began, running.cpu_seconds()
        first = running.wait_for(warm, 300)
        began, cpu, threads = time.monotonic(), running.cpu_seconds(), running.cpu_by_thread()
        peak = 0.0
        while (counted := running.counted()) < events:
            running.must_live()
            if time.monotonic() - began > 600:
                raise TimeoutError(f"{counted} of {events} records: {running.tail()}")
            peak = max(peak, running.memory_mb())
            time.sleep(0.1)
        seconds, used = time.monotonic() - began, running.cpu_seconds() - cpu
        spent = {name: end - threads.get(name, 0.0) for name, end in running.cpu_by_thread().items()}
        running.stop()
    finally:
        running.kill()
    crops = events - first
    other = sum(cost for name, cost in spent.items() if not name.startswith(WORKER_THREADS))
    return Backlog(
        cpu_seconds_per_1000=1000 * used / crops,
        crops_per_second=crops / seconds,
        startup_seconds=startup,
        startup_cpu_seconds=startup_cpu,
        memory_peak_mb=peak,
        other_cpu_share=other / used,
        totals=totals(job.folder / "out"),
    )


def start(contestant: Contestant, job: Job) -> float:
    """Seconds from its start until it has counted a record of a topic that holds some."""
    running = contestant.start(job)
    try:
        running.wait_for(1, 120, every=0.01)
        seconds = time.monotonic() - running.began
        running.stop()
    finally:
        running.kill()
    return seconds


def totals(out: Path) -> dict[str, int]:
    """What the tables say: records of any fate, and for each category its counts."""
    query = duckdb.sql
    windows = query(f"SELECT * FROM read_parquet('{out}/windows/**/*.parquet')")
    outcomes = [name for name in ("faces", "spared", "late", "rejected") if name in windows.columns]
    [(records,)] = windows.aggregate(f"sum({' + '.join(outcomes)})").fetchall()
    rows = query(
        f"SELECT attribute || ':' || category, sum(count) FROM read_parquet('{out}/demographics/**/*.parquet') "
        "WHERE category IS NOT NULL GROUP BY 1"
    ).fetchall()
    return {"records": int(records)} | {name: int(count or 0) for name, count in rows}


def disagreement(one: dict[str, int], other: dict[str, int]) -> float:
    """The largest part of an attribute's votes that two contestants put into different categories."""
    worst = 0.0
    for attribute in ("age", "gender", "ethnicity"):
        names = {name for name in one | other if name.startswith(attribute + ":")}
        moved = sum(abs(one.get(name, 0) - other.get(name, 0)) for name in names) / 2
        worst = max(worst, moved / max(1, sum(one.get(name, 0) for name in names)))
    return worst


def live(contestant: Contestant, job: Job, send: Send) -> float:
    """Crops a second while more than it can do are being sent: beyond this rate lag grows."""
    running = contestant.start(job)
    try:
        running.wait_for(1, 120)
        settled(running)
        sender = threading.Thread(target=send)
        sender.start()
        seen: list[tuple[float, int]] = []
        while sender.is_alive():
            seen.append((time.monotonic(), running.counted()))
            running.must_live()
            time.sleep(1.0)
        running.stop()
    finally:
        running.kill()
    (began, before), (ended, after) = seen[len(seen) // 3], seen[-1]
    return (after - before) / (ended - began)


@dataclass
class Delays:
    """From an event's time (when it was sent) until it shows; seconds."""

    rate: float
    estimate_p50: float
    estimate_p99: float
    durable_p50: float
    durable_p99: float


def delays(contestant: Contestant, job: Job, rate: float, send: Send) -> Delays:
    """Sends at a steady rate and watches when the counters and the tables follow. The contestant has been warmed by
    what the topic held before."""
    running = contestant.start(job)
    try:
        running.wait_for(1, 120)
        before = settled(running)
        sent: list[tuple[str, int]] = []
        sender = threading.Thread(target=lambda: sent.extend(send()))
        sender.start()
        seen: list[tuple[int, float]] = []  # how many were counted, when
        while sender.is_alive() or seen[-1][0] < len(sent):
            seen.append((running.counted() - before, time.time()))
            running.must_live()
            time.sleep(0.02)
        sender.join()
        running.stop()
    finally:
        running.kill()
    counts = [count for count, _ in seen]
    order = sorted(stamp for _, stamp in sent)
    estimate = [
        seen[bisect.bisect_left(counts, index + 1)][1] - stamp / 1000 for index, stamp in enumerate(order)
    ]
    durable = durable_delays(job.folder / "out", sent)
    return Delays(
        rate=rate,
        estimate_p50=quantile(estimate, 0.50),
        estimate_p99=quantile(estimate, 0.99),
        durable_p50=quantile(durable, 0.50),
        durable_p99=quantile(durable, 0.99),
    )


def settled(running: Running) -> int:
    """Waits until the counters stand still: what was in the topic is read."""
    counted, since = running.counted(), time.monotonic()
    while time.monotonic() - since < 2.0:
        time.sleep(0.1)
        if (now := running.counted()) != counted:
            counted, since = now, time.monotonic()
    return counted


def durable_delays(out: Path, sent: list[tuple[str, int]]) -> list[float]:
    """For every event whose pane was published while the load went on: until the file with its pane was there."""
    published: dict[tuple[str, int], float] = {}
    files = sorted((out / "windows").rglob("*.parquet"), key=lambda file: file.stat().st_mtime)
    for file in files[:-1]:  # the last is the end's
        panes = duckdb.sql(f"SELECT source, epoch_ms(window_start) FROM read_parquet('{file}')").fetchall()
        for pane in panes:
            published.setdefault(pane, file.stat().st_mtime)
    pane_ms = PANE_SECONDS * 1000
    found = ((published.get((source, stamp - stamp % pane_ms)), stamp) for source, stamp in sent)
    return [at - stamp / 1000 for at, stamp in found if at is not None]


def quantile(values: list[float], q: float) -> float:
    return sorted(values)[min(len(values) - 1, int(q * len(values)))] if values else float("nan")


@dataclass
class Soak:
    """Memory over a long steady load, in MB: medians of its second minute and of its last."""

    seconds: float
    early_mb: float
    late_mb: float
    peak_mb: float


def soak(contestant: Contestant, job: Job, seconds: float, send: Send) -> Soak:
    """Runs under a steady load and reads the memory every second."""
    running = contestant.start(job)
    try:
        running.wait_for(1, 120)
        sender = threading.Thread(target=send)
        sender.start()
        began, samples = time.monotonic(), []
        while sender.is_alive():
            samples.append((time.monotonic() - began, running.memory_mb()))
            running.must_live()
            time.sleep(1.0)
        running.stop()
    finally:
        running.kill()
    minute = min(60.0, seconds / 4)
    early = [size for at, size in samples if minute <= at < 2 * minute]
    late = [size for at, size in samples if at >= samples[-1][0] - minute]
    return Soak(seconds, statistics.median(early), statistics.median(late), max(size for _, size in samples))
