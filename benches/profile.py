"""`make profile`: a flame graph of the whole path over a backlog, and which thread used how much.

Needs `perf` and `inferno` (`cargo install inferno`). A start-up is left out.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from contestants import ROOT, Contestant, Job
from crops import make
from kafka import Broker

FREQUENCY = 199  # samples a second, a prime, so that nothing periodic hides
EVENTS = 30_000
SIDE = 112


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "research-small")
    parser.add_argument("--crops", type=Path, default=ROOT / "tests" / "data" / "composites")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--title", default="demograph, a backlog of 112 px crops")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "profile.svg")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="demograph-profile-") as name, Broker(Path(name) / "kafka") as broker:
        folder = Path(name)
        sources = [f"camera-{n}" for n in range(10)]
        broker.create_topic("profile", 2)
        broker.produce("profile", make(options.crops, SIDE, folder / "crops"), EVENTS, sources, event_rate=500)
        running = Contestant("demograph", options.model).start(Job(broker.address, "profile", sources, folder / "run"))
        try:
            running.wait_for(2_000, 120)
            samples = folder / "perf.data"
            before = running.cpu_by_thread()
            record(running.process.pid, samples, options.seconds)
            spent = {name: end - before.get(name, 0.0) for name, end in running.cpu_by_thread().items()}
        finally:
            running.kill()
        draw(samples, options)
    total = sum(spent.values())
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        if seconds > 0:
            print(f"{name:20} {seconds:6.2f} CPU-s  {seconds / total:6.1%}")


def record(pid: int, samples: Path, seconds: int) -> None:
    """Stacks by DWARF: the engines come without frame pointers."""
    how = ["perf", "record", "--quiet", "--freq", str(FREQUENCY), "--call-graph", "dwarf,16384"]
    subprocess.run([*how, "--pid", str(pid), "--output", str(samples), "--", "sleep", str(seconds)], check=True)


def draw(samples: Path, options: argparse.Namespace) -> None:
    script = subprocess.run(["perf", "script", "--input", str(samples)], capture_output=True, check=True)
    stacks = subprocess.run(["inferno-collapse-perf"], input=script.stdout, capture_output=True, check=True)
    how = ["inferno-flamegraph", "--title", options.title, "--minwidth", "0.2"]
    picture = subprocess.run(how, input=stacks.stdout, capture_output=True, check=True)
    options.out.write_bytes(picture.stdout)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
