"""Train the networks of the models that ship, stage by stage (see recipe.py).

    python train.py --fairface ZIP CSV --start DIR --cache DIR [--utkface ZIP CSV] STAGE...

Runs the named stages and all that lead to them, on a GPU if there is one. A run that was cut goes
on where it stopped. `finish.py` makes the model folder of what the last stage left.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from data import Labels, decoded_faces, joined, read_labels
from recipe import STAGES, needed, run_stage

SOURCES = ("fairface", "utkface")
STARTS = {"lite0": "*lite0*", "lite2": "*lite2*", "faceres": "faceres*.onnx"}


def parse_arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in SOURCES:
        parser.add_argument(
            f"--{name}", type=Path, nargs=2, metavar=("ZIP", "CSV"), help="faces and their labels"
        )
    parser.add_argument("--start", type=Path, required=True, help="folder of published weights")
    parser.add_argument("--cache", type=Path, required=True, help="folder of arrays and results")
    parser.add_argument("--steps", type=int, help="so many in every stage, to try it out")
    parser.add_argument("--batch", type=int, help="faces a step")
    parser.add_argument("--seconds", type=float, help="the longest that a stage may take")
    parser.add_argument("--seed", type=int, default=1, help="seed of everything random")
    parser.add_argument("--compile", action="store_true", help="compile the networks (GPU)")
    parser.add_argument("--eager", action="store_true", help="no CUDA graph")
    parser.add_argument("stages", nargs="+", choices=STAGES, help="what to train")
    return parser.parse_args()


def load_data(
    options: argparse.Namespace, sources: tuple[str, ...], device: str
) -> tuple[torch.Tensor, Labels]:
    """The faces of some sources behind one another, and their labels."""
    faces, labels = [], []
    for name in sources:
        given = getattr(options, name)
        if given is None:
            raise SystemExit(f"say --{name} ZIP CSV: a stage trains on it")
        labels.append(read_labels(given[1]))
        faces.append(np.array(decoded_faces(given[0], labels[-1], options.cache)))
    return torch.from_numpy(np.concatenate(faces)).to(device), joined(labels)


def published(folder: Path) -> dict[str, Path]:
    """The published weights that lie in a folder."""
    found = {name: sorted(folder.glob(pattern)) for name, pattern in STARTS.items()}
    return {name: files[0] for name, files in found.items() if files}


def main() -> None:
    """Run the stages."""
    options = parse_arguments()
    options.cache.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    asked = {"steps": options.steps, "batch": options.batch, "seconds": options.seconds}
    changes = {key: value for key, value in asked.items() if value is not None}
    changes |= {"seed": options.seed, "compiled": options.compile, "graph": not options.eager}
    starts = published(options.start)
    for name in dict.fromkeys(stage for last in options.stages for stage in needed(last)):
        if (options.cache / f"{name}.pt").exists():
            continue
        data = load_data(options, STAGES[name].data, device)
        run_stage(name, data, starts, options.cache, **changes)


if __name__ == "__main__":
    main()
