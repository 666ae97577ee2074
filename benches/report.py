"""The table of targets: what was asked, what was measured, whether it holds. For the terminal, results.json, README."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "benches" / "README.md"


@dataclass(frozen=True)
class Target:
    """A row of the table. `at_least` and `aim` are without and with AMX."""

    key: str
    what: str
    at_least: tuple[float, float]
    aim: tuple[float, float]
    is_limit: bool = False  # smaller is better
    unit: str = "x"


def ratio(key: str, what: str, at_least: tuple[float, float], aim: tuple[float, float]) -> Target:
    return Target(key, what, at_least, aim)


def limit(key: str, what: str, at_most: float, aim: float, unit: str = "x") -> Target:
    return Target(key, what, (at_most, at_most), (aim, aim), True, unit)


TARGETS = [
    ratio("cpu_p1", "CPU per crop, 112 px: P1 (fp32) against ours", (2.5, 4.0), (4.0, 8.0)),
    ratio("cpu_p1_int8", "the same: P1-int8, the faster ONNX Runtime", (1.4, 1.5), (1.8, 3.0)),
    ratio("cpu_p2", "the same: P2 (OpenVINO bf16)", (1.5, 1.3), (2.2, 2.0)),
    ratio("cpu_p2_int8", "the same: P2-int8 (OpenVINO)", (1.25, 1.25), (1.6, 1.6)),
    ratio("resnet34_bf16_p1", "a ResNet-34@224 fp32 in bf16, 224 px: P1 against ours", (1.8, 4.0), (2.1, 6.0)),
    ratio("decode_160", "decode 160 px JPEG to tensor: best Python against ours", (1.8, 1.8), (2.5, 2.5)),
    ratio("decode_224", "decode 224 px JPEG to tensor: best Python against ours", (1.4, 1.4), (2.2, 2.2)),
    ratio("people_all_crops", "CPU per person, 30 crops in 10 s: all crops against ours", (8, 8), (9.5, 9.5)),
    ratio("people_p1_int8", "the same: P1-int8 against ours", (9, 9), (11, 11)),
    limit("other_cpu_share", "CPU that is neither decode nor inference", 10, 4, "%"),
    limit("sources_10_to_10000", "CPU per crop with 10,000 sources against 10", 1.2, 1.05),
    limit("slowest_batch", "slowest batch against the median of its size", 3, 2),
    limit("memory_growth", "memory at the end of the long run against its second minute", 1.05, 1.02),
    limit("memory_peak_mb", "peak memory in the long run", 300, 300, "MB"),
    limit("estimate_p99_ms", "event to estimate, p99, at 70 % load", 150, 100, "ms"),
    limit("start_s", "start to first counted record", 3, 2.5, "s"),
]


@dataclass
class Row:
    """What was measured of a target: the median of the rounds, the smallest and the largest."""

    value: float
    minimum: float
    maximum: float
    rounds: int
    commit: str = field(default_factory=lambda: commit())

    @classmethod
    def of(cls, values: list[float]) -> Row:
        return cls(statistics.median(values), min(values), max(values), len(values))


def machine() -> dict[str, object]:
    cpu = Path("/proc/cpuinfo").read_text()
    line = lambda name: next(part.partition(":")[2].strip() for part in cpu.splitlines() if part.startswith(name))
    flags = line("flags").split()
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16")
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": line("model name"),
        "features": [flag for flag in wanted if flag in flags],
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(pages / 2**30),
        "kernel": platform.release(),
    }


def has_amx() -> bool:
    return "amx_tile" in machine()["features"]


def commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benches")
    return git("rev-parse", "--short=12", "HEAD") + ("+changes" if changed else "")


def verdict(target: Target, row: Row | None, has_amx: bool) -> str:
    """Whether it holds; "not measured" is not yes."""
    if row is None:
        return "not measured"
    asked, aim = target.at_least[has_amx], target.aim[has_amx]
    reaches = (lambda bound: row.value <= bound) if target.is_limit else (lambda bound: row.value >= bound)
    return "aim" if reaches(aim) else "yes" if reaches(asked) else "NO"


def table(rows: dict[str, Row], has_amx: bool) -> list[list[str]]:
    lines = [["figure", "at least", "aim", "measured", "smallest to largest", "holds"]]
    for target in TARGETS:
        row, sign = rows.get(target.key), "<=" if target.is_limit else ">="
        shown = lambda value: f"{value:.4g} {target.unit}" if target.unit != "x" else f"{value:.2f}x"
        lines.append([
            target.what,
            f"{sign} {target.at_least[has_amx]:g} {target.unit}",
            f"{target.aim[has_amx]:g} {target.unit}",
            shown(row.value) if row else "-",
            f"{shown(row.minimum)} to {shown(row.maximum)}" if row else "-",
            verdict(target, row, has_amx),
        ])
    return lines


def markdown(lines: list[list[str]]) -> str:
    first, *others = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([first, "|" + "---|" * len(lines[0]), *others])


def text(lines: list[list[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)) for line in lines)


def contestants_table(details: dict[str, dict[str, float]]) -> list[list[str]]:
    """Medians of everything else that was measured of each contestant."""
    columns = sorted({column for figures in details.values() for column in figures})
    lines = [["contestant", *(column.replace("_", " ") for column in columns)]]
    for name, figures in details.items():
        lines.append([name, *(f"{figures[column]:.4g}" if column in figures else "-" for column in columns)])
    return lines


Details = tuple[dict[str, dict[str, float]], dict[str, float]]


class Place:
    """Where results are kept: those of another processor beside the usual ones."""

    def __init__(self, name: str) -> None:
        self.is_beside = bool(name)
        of, file = (f" {name}", f"-{name}") if name else ("", "")
        self.begin, self.end = f"<!-- results{of} -->", f"<!-- end of results{of} -->"
        self.json = ROOT / "benches" / f"results{file}.json"
        self.plot = ROOT / "benches" / f"cpu{file}.svg"
        if self.begin not in README.read_text():
            raise SystemExit(f"{README} has no place {self.begin} {self.end} for these results")


def read(place: Place) -> tuple[dict[str, Row], Details]:
    """What a file of results holds, to measure only a part anew."""
    held = json.loads(place.json.read_text())
    if held["machine"] != machine():
        raise SystemExit(f"--add: {place.json} is of another machine")
    names = [one.name for one in fields(Row)]
    rows = {key: Row(**{name: row[name] for name in names}) for key, row in held["rows"].items()}
    return rows, (held["contestants"], held["stages_us"])


def write(place: Place, rows: dict[str, Row], details: Details, settings: dict[str, object]) -> None:
    """The file of results and the part of README.md between its marks."""
    about = machine()
    contestants, stages = details
    amx = has_amx()
    found = {
        target.key: asdict(rows[target.key]) | {
            "at_least": target.at_least[amx], "aim": target.aim[amx],
            "smaller_is_better": target.is_limit, "unit": target.unit,
            "holds": verdict(target, rows[target.key], amx) != "NO",
        }
        for target in TARGETS if target.key in rows
    }
    result = {"machine": about, "commit": commit(), "settings": settings, "rows": found}
    result |= {"contestants": contestants, "stages_us": stages}
    place.json.write_text(json.dumps(result, indent=2) + "\n")
    before, _, rest = README.read_text().partition(place.begin)
    after = rest.partition(place.end)[2]
    features = ", ".join(about["features"])
    intro = (
        f"{about['processor']} ({features}), {about['cores']} cores, {about['memory_gb']} GB, "
        f"Linux {about['kernel']}, commit {', '.join(sorted({row.commit for row in rows.values()}))}, "
        f"{settings['rounds']} rounds. "
        "A ratio is taken within a round; the median of the rounds is shown."
    )
    lines = table(rows, amx)
    if place.is_beside:
        lines = [line for line in lines if "not measured" not in line]
    tables = [lines, contestants_table(contestants)] if contestants else [lines]
    parts = [place.begin, intro, *map(markdown, tables), place.end]
    README.write_text(before + "\n\n".join(parts) + after)
