"""`make bench-gpu`: what of a GPU's speed reaches the tables. On a machine with a GPU and CUDA 13 with cuDNN 9.

For each precision, in turns: inference alone (full batches that lie ready), ours from memory without Kafka, ours from
Kafka; the same file, library, sessions and batches. It prints the ratios and writes benches/results-gpu.json.

    make bench-gpu
    make bench-gpu BENCH_OPTIONS="--sessions 4 --precisions fp32"
    make bench-gpu BENCH_OPTIONS="--provider cpu --rounds 1 --events 600 --seconds 1"    # whether it runs; writes no results
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import tomllib
from pathlib import Path

import measure
import report
from contestants import ROOT, Contestant, Job
from crops import make
from kafka import Broker

SIDE = 112
PARTITIONS = 8
RESULTS = ROOT / "benches" / "results-gpu.json"
ALONE, MEMORY, KAFKA = "inference alone", "from memory", "from Kafka"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provider", default="cuda", help="cuda or tensorrt; cpu tries the benchmark itself")
    parser.add_argument("--precisions", default="", help="fp32 and, where the model has the file, fp16 by default")
    parser.add_argument("--sessions", type=int, default=0, help="0: as many as the service takes")
    parser.add_argument("--batch", type=int, default=0, help="0: as large as the service takes")
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "fairface-small")
    parser.add_argument("--crops", type=Path, default=ROOT / "tests" / "data" / "composites",
                        help="a folder of pictures of faces; they are resized")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=300_000, help="from Kafka; a fifth of them from memory")
    parser.add_argument("--seconds", type=float, default=5, help="of inference alone")
    return parser.parse_args()


def precisions(asked: argparse.Namespace) -> list[str]:
    if asked.precisions:
        return asked.precisions.split(",")
    nets = tomllib.loads((asked.model / "manifest.toml").read_text())["net"]
    has_half = all(any(one["precision"] == "fp16" for one in net.get("variant", [])) for net in nets)
    return ["fp32", "fp16"] if has_half else ["fp32"]


def gpu() -> str:
    """The card's name and driver, as nvidia-smi says."""
    ask = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


class Bench:
    def __init__(self, asked: argparse.Namespace, folder: Path, broker: Broker) -> None:
        self.asked, self.folder, self.broker = asked, folder, broker
        self.crops = make(asked.crops, SIDE, folder / "crops")
        self.sources = [f"camera-{number}" for number in range(16)]
        broker.create_topic("gpu", PARTITIONS)
        broker.produce("gpu", self.crops, asked.events, self.sources, event_rate=10_000)
        self.runs = 0

    def loops(self, precision: str) -> list[dict]:
        """Inference alone and from memory, by the Rust benchmark."""
        asked = self.asked
        settings = {
            "PROVIDER": asked.provider, "PRECISION": precision, "SESSIONS": asked.sessions, "BATCH": asked.batch,
            "EVENTS": max(1, asked.events // 5), "SECONDS": asked.seconds, "CROPS": self.crops, "MODEL": asked.model,
        }
        argv = ["cargo", "bench", "--quiet", "--locked", "--bench", "stages", "--", "loops"]
        environment = os.environ | {name: str(value) for name, value in settings.items()}
        said = subprocess.run(argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        return [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]

    def kafka(self, precision: str) -> measure.Backlog:
        asked = self.asked
        ours = Contestant(
            "demograph", asked.model, precision=precision, batch=asked.batch, crops_per_track=0,
            provider=asked.provider, sessions=asked.sessions,
        )
        self.runs += 1
        job = Job(self.broker.address, "gpu", self.sources, self.folder / f"{self.runs}-demograph")
        sample = measure.backlog(ours, job, asked.events, asked.events // 5)
        if sample.totals["records"] != asked.events:
            raise SystemExit(f"void: {sample.totals['records']} of {asked.events} records are accounted for")
        return sample

    def round(self, precision: str) -> dict[str, object]:
        lines = {line["row"]: line for line in self.loops(precision)}
        kafka = self.kafka(precision)
        about = {key: lines[ALONE][key] for key in ("model", "provider", "library", "sessions", "batch")}
        return about | {
            ALONE: lines[ALONE]["crops_per_second"], MEMORY: lines[MEMORY]["crops_per_second"],
            KAFKA: kafka.crops_per_second, "first record after, s": kafka.startup_seconds,
            "peak memory, MB": kafka.memory_peak_mb,
        }


def summary(rounds: list[dict]) -> dict[str, object]:
    """Medians; a ratio is taken within a round."""
    median = lambda figure: round(statistics.median(map(figure, rounds)), 4)
    numbers = (ALONE, MEMORY, KAFKA, "first record after, s", "peak memory, MB")
    ratios = {f"{name} : {ALONE}": median(lambda one, name=name: one[name] / one[ALONE]) for name in (MEMORY, KAFKA)}
    return rounds[0] | {name: median(lambda one, name=name: one[name]) for name in numbers} | ratios | {"rounds": len(rounds)}


def main() -> None:
    asked = options()
    if asked.provider != "cpu":
        subprocess.run([ROOT / "setup" / "onnxruntime-gpu"], check=True)
    found: dict[str, list[dict]] = {precision: [] for precision in precisions(asked)}
    with tempfile.TemporaryDirectory() as place, Broker(Path(place) / "broker") as broker:
        bench = Bench(asked, Path(place), broker)
        for _ in range(asked.rounds):
            for precision, rounds in found.items():
                rounds.append(bench.round(precision))
                print(f"bench: {precision}: {rounds[-1]}", flush=True)
    rows = {precision: summary(rounds) for precision, rounds in found.items()}
    for precision, row in rows.items():
        shown = ", ".join(f"{name} {row[f'{name} : {ALONE}']:.0%}" for name in (MEMORY, KAFKA))
        print(f"{precision}: {row[ALONE]:.0f} crops/s in inference alone; of that {shown}")
    if asked.provider == "cpu":
        print("no results were written: this was no GPU")
        return
    result = {"gpu": gpu(), "machine": report.machine(), "commit": report.commit(), "crops_px": SIDE, "precisions": rows}
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written: {RESULTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
