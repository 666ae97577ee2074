"""The stages that lead from published weights to the two models that ship.

Each stage trains one network and leaves `NAME.pt` in the cache: the running average of its weights
in 16 bits. A stage that has left its file is not run again, so a file of the same kind that was
made elsewhere can take a stage's place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from data import Labels
from fit import Plan, Prepared, Trainer
from network import FaceNet, fold
from start import begin


@dataclass(frozen=True)
class Stage:
    """One training."""

    plan: Plan
    data: tuple[str, ...]
    start: str  # a file of published weights, or a stage
    teachers: tuple[str, ...] = ()


FREE, BOTH = ("fairface",), ("fairface", "utkface")
STAGES = {
    # Free for every use: Apache-2.0 weights, then FairFace alone.
    "fairface-first": Stage(Plan("lite0", 128, 2900, rate=1.5e-3), FREE, "lite0"),
    "fairface-teacher": Stage(Plan("lite2", 128, 3000, rate=1.5e-3), FREE, "lite2"),
    "fairface-second": Stage(
        Plan("lite0", 120, 4000, rate=8e-4, blended=0.25), FREE, "fairface-first",
        ("fairface-teacher", "fairface-first"),
    ),
    "fairface-small": Stage(
        Plan("lite0", 120, 1420, rate=5e-4, blended=0.4, decay=0.05), FREE, "fairface-second",
        ("fairface-teacher", "fairface-first", "fairface-second"),
    ),
    # Research only: a backbone that knows faces, and UTKFace besides.
    "research-first": Stage(Plan("mobilenet", 120, 6300, rate=6e-4), BOTH, "faceres"),
    "research-teacher": Stage(Plan("lite2", 128, 800, rate=8e-4), BOTH, "fairface-teacher"),
    "research-small": Stage(
        Plan("mobilenet", 120, 4000, rate=3e-4, blended=0.25), BOTH, "research-first",
        ("research-teacher", "research-first"),
    ),
}  # fmt: skip


def needed(name: str) -> list[str]:
    """The stages that lead to a stage, and itself, in order."""
    stage = STAGES[name]
    before = [needed(other) for other in (stage.start, *stage.teachers) if other in STAGES]
    return list(dict.fromkeys([*(each for some in before for each in some), name]))


def load(path: Path, kind: str, side: int) -> Prepared:
    """A trained network from any file that `begin` reads, its normalisation folded."""
    net = FaceNet(kind)
    begin(net, path)
    return Prepared(fold(net), side)


def run_stage(
    name: str, data: tuple[torch.Tensor, Labels], starts: dict[str, Path], cache: Path,
    **changes: object,
) -> Path:
    """Train a stage, unless its result is there; returns the result's file."""
    out, stage = cache / f"{name}.pt", STAGES[name]
    if out.exists():
        return out
    plan = replace(stage.plan, **changes)
    torch.manual_seed(plan.seed)  # of the heads' first weights too
    net = FaceNet(plan.kind)
    begin(net, starts.get(stage.start, cache / f"{stage.start}.pt"))
    plans = {other: STAGES[other].plan for other in stage.teachers}
    teachers = [load(cache / f"{k}.pt", p.kind, p.side) for k, p in plans.items()]
    trainer = Trainer(net, plan, data, teachers)
    trainer.run(name, cache / f"{name}.checkpoint")
    kept = {k: (v.half() if v.ndim > 1 else v).cpu() for k, v in trainer.average.items()}
    device = torch.cuda.get_device_name() if trainer.on_gpu else "CPU"
    facts = {"kind": plan.kind, "steps": trainer.done, "seconds": round(trainer.spent)}
    epochs = trainer.done * plan.batch / len(trainer.train)
    torch.save({"net": kept, "epochs": round(epochs, 1), "device": device, **facts}, out)
    return out
