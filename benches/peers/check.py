"""Runs peers over a real Kafka, adds up what they wrote, and measures their CPU time over a backlog.

    setup/test-tools && setup/bench-tools
    .setup/bench-venv/bin/python benches/peers/check.py --pictures tests/data/composites --events 2000

Fails where a record is counted twice or not at all. Prints a row a run: CPU-seconds per 1,000 crops, of all processes,
from the 5th hundredth of the events on, so that starting up is not in it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import cv2
import duckdb

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from kafka import Broker  # noqa: E402

ROOT = HERE.parent.parent
QUIX_PYTHON = ROOT / ".setup" / "bench-quix-venv" / "bin" / "python"
TICK = os.sysconf("SC_CLK_TCK")
SOURCES = [f"camera-{number:02}" for number in range(20)]
PARTITIONS = 4
EVENTS_A_SECOND = 50  # of event time: a pane holds 25 of each source

PEERS = {
    "P1": ("peer.py", "onnxruntime", "model.onnx", "f32"),
    "P1-int8": ("peer.py", "onnxruntime", "model.int8.onnx", "f32"),
    "P2": ("peer.py", "openvino", "model.onnx", "bf16"),
    "P2-int8": ("peer.py", "openvino", "model.int8.onnx", "f32"),
    "P3": ("quix.py", "onnxruntime", "model.int8.onnx", "f32"),
    "P3-openvino": ("quix.py", "openvino", "model.int8.onnx", "f32"),
}


@dataclass
class Run:
    """One peer on one topic, with one size of batch."""

    peer: str
    batch: int
    side: int
    model: Path

    def argv(self, brokers: str, out: Path, port: int) -> list[str]:
        script, engine, file, precision = PEERS[self.peer]
        python = QUIX_PYTHON if script == "quix.py" else Path(sys.executable)
        argv = [str(python), str(HERE / script), "--engine", engine, "--model", str(self.model / file)]
        argv += ["--manifest", str(self.model / "manifest.toml"), "--precision", precision]
        argv += ["--brokers", brokers, "--topic", f"crops-{self.side}", "--group", f"group-{out.name}"]
        argv += ["--out", str(out), "--metrics-port", str(port), "--processes", "2"]
        return argv + (["--batch", str(self.batch)] if self.batch else [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=Path, required=True, help="a folder of pictures of faces")
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "research-small")
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--sides", type=int, nargs="+", default=[112, 224], help="of the crops, in pixels")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=["P1", "P1-int8", "P2", "P2-int8", "P3"])
    parser.add_argument("--batches", type=int, nargs="+", default=[0], help="0: the peer's own choice")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Broker(Path(folder) / "kafka") as broker:
        for side in chosen.sides:
            crops = make_crops(chosen.pictures, side, Path(folder) / f"crops-{side}")
            broker.create_topic(f"crops-{side}", PARTITIONS)
            broker.produce(f"crops-{side}", crops, chosen.events, SOURCES, event_rate=EVENTS_A_SECOND)
        print("| peer | batch | crop | CPU s / 1,000 | crops / s | peak MB | rows |\n|---|---|---|---|---|---|---|")
        runs = [Run(p, b, s, chosen.model) for s in chosen.sides for p in chosen.peers for b in chosen.batches]
        for number, run in enumerate(runs):
            measure(run, broker.address, Path(folder) / f"out-{number}", chosen.events)


def make_crops(pictures: Path, side: int, folder: Path) -> Path:
    """JPEGs of this side, quality 90."""
    folder.mkdir()
    for path in sorted(pictures.glob("*.jpg")):
        resized = cv2.resize(cv2.imread(str(path)), (side, side), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / path.name), resized, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return folder


def measure(run: Run, brokers: str, out: Path, events: int) -> None:
    """Starts the peer, waits for the backlog's end, stops it, adds up its rows."""
    out.mkdir()
    port = 21000 + os.getpid() % 1000 * 10
    with (out / "log").open("w") as log:
        process = subprocess.Popen(run.argv(brokers, out, port), stdout=log, stderr=log)
    marks = [wait_for(events // 20, process, port), wait_for(events, process, port)]
    (seen, cpu, began), (all_seen, all_cpu, ended) = marks
    memory = sum(peak_mb(pid) for pid in tree(process.pid))
    process.terminate()
    code = process.wait(60)
    if code != 0:
        raise SystemExit(f"{run.peer} ended with {code}:\n{(out / 'log').read_text()[-3000:]}")
    if said := (out / "log").read_text():
        print(said, file=sys.stderr)
    rows = add_up(out, events)
    crops = all_seen - seen
    print(f"| {run.peer} | {run.batch or 'own'} | {run.side} | {(all_cpu - cpu) / crops * 1000:.3f} "
          f"| {crops / (ended - began):.0f} | {memory:.0f} | {rows} |", flush=True)


def wait_for(events: int, process: subprocess.Popen, port: int) -> tuple[int, float, float]:
    """When so many events are counted: how many are, the CPU-seconds used, the time."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"ended too early with {process.returncode}: {' '.join(process.args)}")
        count = sum(counted(number) for number in (port, port + 1))
        if count >= events:
            return count, sum(cpu_seconds(pid) for pid in tree(process.pid)), time.monotonic()
        time.sleep(0.2)  # the interval of a poll, not a wait for something
    raise SystemExit(f"{count} of {events} events after 300 s")


def counted(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except OSError:  # not up yet
        return 0
    return int(sum(float(n) for n in re.findall(r"^peer_(?:faces|late|rejected)_total (\S+)$", text, re.M)))


def tree(pid: int) -> list[int]:
    """The process and its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in tree(int(child)))]


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def peak_mb(pid: int) -> float:
    return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def add_up(out: Path, events: int) -> int:
    """The number of rows; ends with an error where a total is not that of the events."""
    windows, demographics = f"{out}/windows/*/*.parquet", f"{out}/demographics/*/*.parquet"
    found = duckdb.sql(f"SELECT sum(faces + late + rejected), sum(faces), count(*) FROM '{windows}'").fetchall()[0]
    votes = duckdb.sql(f"SELECT attribute, sum(count) FROM '{demographics}' GROUP BY 1").fetchall()
    shares = duckdb.sql(f"SELECT count(*) FROM '{demographics}' WHERE abs(share - count / total) > 1e-9").fetchall()[0][0]
    if found[0] != events or any(votes_of != found[1] for _, votes_of in votes) or len(votes) != 3 or shares:
        raise SystemExit(f"{events} events, but {found} in windows, votes {votes}, {shares} wrong shares")
    return found[2]


if __name__ == "__main__":
    main()
