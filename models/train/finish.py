"""Make a model folder of a trained network: files, self-tests' pictures, manifest (describe.py).

    python finish.py --stage NAME --cache DIR --out DIR --fairface ZIP CSV [--utkface ZIP CSV]

The test parts are not touched here (`demograph evaluate` measures them, see make-model).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from composites import composite
from data import read_labels
from describe import Faces, describe
from equalise import equalised
from export import export_float, export_int8
from half import export_half
from manifest import Shape
from network import FaceNet
from recipe import FREE, STAGES
from start import begin, normalisation

CALIBRATION_FACES = 512
# Cells whose composites are the self-tests: band of ages, gender, race.
SELF_TESTS = ((20, 1, 0), (30, 0, 1), (20, 0, 2), (50, 1, 4))
SELF_TEST_FACES = 14  # in one composite


def parse_arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stage", required=True, choices=STAGES, help="whose result it is")
    parser.add_argument("--cache", type=Path, required=True, help="folder of the results")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    for name in ("fairface", "utkface"):
        parser.add_argument(f"--{name}", type=Path, nargs=2, metavar=("ZIP", "CSV"))
    parser.add_argument("--seed", type=int, default=1, help="seed of what is drawn")
    return parser.parse_args()


def write_int8(net: FaceNet, side: int, seen: np.ndarray, path: Path) -> None:
    """The 8-bit twin: equalised, then quantised on faces that were trained on."""
    with tempfile.TemporaryDirectory() as place:
        between = Path(place) / "equalised.onnx"
        export_float(equalised(net, torch.from_numpy(seen)), side, between)
        export_int8(between, path, seen)


def write_self_tests(out: Path, faces: Faces, seed: int) -> None:
    """Means of training faces that show nobody."""
    folder, labels = out / "self-test", faces.labels
    folder.mkdir(exist_ok=True)
    for number, (low, gender, race) in enumerate(SELF_TESTS, start=1):
        cell = (labels.low == low) & (labels.gender == gender) & labels.races[:, race]
        rows = np.flatnonzero(cell & (labels.split == "train"))
        chosen = np.random.default_rng(seed).permutation(rows)[:SELF_TEST_FACES]
        pixels = composite(list(faces.pictures(chosen).astype(np.float32)))
        Image.fromarray(pixels).save(folder / f"{number}.png", optimize=True)


def main() -> None:
    """From the stage's result to the folder."""
    options = parse_arguments()
    stage = STAGES[options.stage]
    options.out.mkdir(parents=True, exist_ok=True)
    plan = stage.plan
    shape = Shape(plan.side, *normalisation(plan.kind), stage.data == FREE)
    sources = [
        Faces(archive, read_labels(csv), shape)
        for archive, csv in (getattr(options, name) for name in stage.data)
    ]
    net, result = FaceNet(plan.kind), options.cache / f"{options.stage}.pt"
    begin(net, result)
    export_float(net, plan.side, options.out / "model.onnx")
    export_half(options.out / "model.onnx", options.out / "model.fp16.onnx")
    draw = np.random.default_rng(options.seed)
    part = CALIBRATION_FACES // len(sources)
    seen = [s.inputs(draw.permutation(s.labels.rows("train"))[:part]) for s in sources]
    write_int8(net, plan.side, np.concatenate(seen), options.out / "model.int8.onnx")
    write_self_tests(options.out, sources[0], options.seed)
    facts = torch.load(result, map_location="cpu", weights_only=True)
    training = {key: value for key, value in facts.items() if key != "net"}
    describe(options.out, shape, sources, training)


if __name__ == "__main__":
    main()
