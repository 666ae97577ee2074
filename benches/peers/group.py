"""What the peers' commands share: the options, and processes that live and end together."""

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.connection
import signal
from collections.abc import Callable
from pathlib import Path


def parser(purpose: str) -> argparse.ArgumentParser:
    """The options of every peer."""
    made = argparse.ArgumentParser(description=purpose)
    made.add_argument("--engine", choices=["onnxruntime", "openvino"], default="onnxruntime")
    made.add_argument("--model", type=Path, required=True, help="the ONNX file")
    made.add_argument("--manifest", type=Path, required=True, help="the model's manifest.toml")
    made.add_argument("--precision", choices=["f32", "bf16"], default="f32", help="what OpenVINO computes in")
    made.add_argument("--batch", type=int, help="the most crops in a batch")
    made.add_argument("--processes", type=int, default=2, help="one a core")
    made.add_argument("--brokers", help="host:port, separated by commas")
    made.add_argument("--topic")
    made.add_argument("--group", help="the consumer group")
    made.add_argument("--out", type=Path, help="the folder of the tables")
    made.add_argument("--metrics-port", type=int, help="of the first process; the next has the next")
    made.add_argument("--publish-interval", type=float, default=900, help="seconds between files")
    return made


def needed(made: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Ends with an error where an option that the stream needs is missing."""
    names = ["brokers", "topic", "group", "out", "metrics_port"]
    if missing := ["--" + name.replace("_", "-") for name in names if getattr(chosen, name) is None]:
        made.error(f"also needed: {', '.join(missing)}")


def run(work: Callable[[argparse.Namespace, int], None], chosen: argparse.Namespace) -> int:
    """Runs the processes until SIGTERM, or until one ends; returns the exit code."""
    spawn = multiprocessing.get_context("spawn")  # runtimes with threads do not survive a fork
    workers = [spawn.Process(target=work, args=(chosen, number)) for number in range(chosen.processes)]
    for worker in workers:
        worker.start()

    stopped: list[bool] = []

    def stop(*_: object) -> None:
        if not stopped:  # a second signal would meet an interpreter that is on its way out, and kill it
            stopped.append(True)
            for worker in workers:
                worker.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    multiprocessing.connection.wait([worker.sentinel for worker in workers])
    stop()  # none goes on alone
    for worker in workers:
        worker.join()
    return 0 if all(worker.exitcode == 0 for worker in workers) else 1
