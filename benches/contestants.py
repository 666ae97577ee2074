"""Who runs in the benchmark, and how each is started. Every one is two workers on two cores."""

from __future__ import annotations

import os
import random
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

from process import Running

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benches" / "peers"
PANE_SECONDS = 10
# The newest ONNX Runtime lies in a folder of its own; setup/bench-tools fetches it.
NEWEST_ONNXRUNTIME = ROOT / ".setup" / "bench-onnxruntime-newest"
# Quix Streams wants an older Kafka client than the others.
QUIX_PYTHON = ROOT / ".setup" / "bench-quix-venv" / "bin" / "python"
WORKERS = 2


@dataclass(frozen=True)
class Job:
    """What to read and where to write."""

    brokers: str
    topic: str
    sources: list[str]
    folder: Path  # empty, the contestant's own
    publish_seconds: int = 900


@dataclass(frozen=True)
class Contestant:
    """One way to do the work."""

    name: str
    model: Path
    engine: str = ""
    file: str = ""
    precision: str = ""
    batch: int = 0
    path: tuple[Path, ...] = field(default=())
    is_quix: bool = False
    crops_per_track: int | None = None  # demograph's own default where it is None
    provider: str = "auto"
    sessions: int = WORKERS
    program: Path | None = None  # of demograph; the one that was built here where it is None

    @property
    def is_demograph(self) -> bool:
        return not self.engine

    @property
    def numbers(self) -> str:
        """The precision that it computes in, as demograph calls it."""
        if "int8" in self.file:
            return "int8"
        return "bf16" if self.precision == "bf16" else "fp32"

    def start(self, job: Job) -> Running:
        """Begins to read the topic from its beginning, in a group of its own."""
        job.folder.mkdir(parents=True)
        ports = free_ports(1 if self.is_demograph else WORKERS)
        argv = self._demograph(job, ports[0]) if self.is_demograph else self._peer(job, ports[0])
        peer = ["peer_faces_total", "peer_late_total", "peer_rejected_total"]
        counters = ["demograph_records_total"] if self.is_demograph else peer
        return Running(argv, ports, job.folder / "log", counters)

    def _peer(self, job: Job, port: int) -> list[str]:
        python_path = ":".join(str(folder) for folder in self.path)
        python, script = (QUIX_PYTHON, "quix.py") if self.is_quix else (sys.executable, "peer.py")
        argv = ["env", f"PYTHONPATH={python_path}", "ORT_DISABLE_TELEMETRY=1", str(python), str(PEERS / script)]
        argv += ["--engine", self.engine, "--model", str(self.model / self.file)]
        argv += ["--manifest", str(self.model / "manifest.toml"), "--brokers", job.brokers]
        argv += ["--topic", job.topic, "--group", f"bench-{job.folder.name}", "--out", str(job.folder / "out")]
        argv += ["--metrics-port", str(port), "--processes", str(WORKERS)]
        argv += ["--publish-interval", str(job.publish_seconds)]
        argv += ["--batch", str(self.batch)] if self.batch else []
        argv += ["--precision", self.precision] if self.precision else []
        return argv

    def _demograph(self, job: Job, port: int) -> list[str]:
        config = job.folder / "demograph.toml"
        config.write_text(self._config(job, port))
        return [str(self.program or binary()), "run", "--config", str(config)]

    def _config(self, job: Job, port: int) -> str:
        lines = [
            "[kafka]", f'brokers = "{job.brokers}"', f'topic = "{job.topic}"', f'group = "bench-{job.folder.name}"',
            "[model]", f'dir = "{self.model}"',
            "[inference]", f"sessions = {self.sessions}", f'provider = "{self.provider}"',
            f'precision = "{self.precision}"' if self.precision else "",
            f"batch_max = {self.batch}" if self.batch else "",
            "" if self.crops_per_track is None else f"crops_per_track = {self.crops_per_track}",
            "[windows]", 'on_stop = "close"', f'pane = "{PANE_SECONDS}s"', "people_min = 0",
            # As the peers, which hide nothing.
            "[policy]", "k_total = 1", "k_cell = 1", 'untracked = "count"', "detections_factor = 1", "minors_detail = true",
            "[http]", f'listen = "127.0.0.1:{port}"',
            # Ten thousand sources close ten thousand windows at the end, each with its estimates.
            "[limits]", f"sources_max = {max(10_000, len(job.sources))}", 'drain_max = "120s"',
            "[output]", f'url = "{job.folder / "out"}"', f'publish_interval = "{job.publish_seconds}s"',
        ]
        for source in job.sources:
            lines += [
                "[[source]]", f'id = "{source}"', 'attributes = ["age", "gender", "ethnicity"]',
                'legal_basis = "pictures of nobody: a benchmark"',
            ]
        return "\n".join(line for line in lines if line) + "\n"


def binary() -> Path:
    return Path(os.environ.get("DEMOGRAPH", ROOT / "target" / "release" / "demograph"))


def free_ports(count: int) -> list[int]:
    """Ports next to one another that nobody listens on. Below those from which Linux calls: a caller there that asks in
    vain for its own port would get itself for an answer."""
    while True:
        port = random.randrange(20_000, 32_000)
        try:
            for offset in range(count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port + offset))
        except OSError:
            continue
        return [port + offset for offset in range(count)]


def field_of(model: Path) -> list[Contestant]:
    """Everybody, on the shipped model."""
    newest = (NEWEST_ONNXRUNTIME,)
    int8, fp32 = "model.int8.onnx", "model.onnx"
    return [
        Contestant("demograph", model, batch=32),
        Contestant("P1", model, "onnxruntime", fp32),
        Contestant("P1-int8", model, "onnxruntime", int8),
        Contestant("P1-int8-newest", model, "onnxruntime", int8, path=newest),
        Contestant("P2", model, "openvino", fp32, "bf16"),
        Contestant("P2-int8", model, "openvino", int8, "f32"),
        Contestant("P3", model, "openvino", int8, "f32", is_quix=True),
    ]


def users_model(model: Path) -> list[Contestant]:
    """A larger fp32 file that somebody brings along."""
    return [
        Contestant("demograph-bf16", model, precision="bf16"),
        Contestant("P1", model, "onnxruntime", "model.onnx"),
    ]
