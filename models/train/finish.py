"""Make a model folder of a trained network: files, calibration, self-tests, manifest.

    python finish.py --stage NAME --cache DIR --out DIR --fairface ZIP CSV [--utkface ZIP CSV]

The validation parts decide temperatures, intervals and which way of rounding to 8 bits is taken;
the test parts are not touched here (`demograph evaluate` measures them, see make-model).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from PIL import Image

from calibrate import coverage, drawn_ages, fit_margins, fit_temperatures, softmax
from composites import composite
from data import Labels, joined, load_face, read_labels, resize_antialias
from equalise import equalised
from export import OUTPUTS, export_float, export_int8
from manifest import Facts, write_manifest
from measure import of
from network import FaceNet
from recipe import FREE, STAGES
from runtime import session_options
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
    parser.add_argument("--seven", action="store_true", help="seven races, five as groups")
    parser.add_argument("--manifest-only", action="store_true", help="leave the networks alone")
    parser.add_argument("--seed", type=int, default=1, help="seed of what is drawn")
    return parser.parse_args()


class Faces:
    """Labelled faces, prepared as the runtime prepares them: from the pictures as they are."""

    def __init__(self, archive: Path, labels: Labels, stage: str) -> None:
        self.archive, self.labels, self.plan = archive, labels, STAGES[stage].plan

    def pictures(self, rows: np.ndarray) -> np.ndarray:
        """Pictures (n, side, side, 3), uint8."""
        with zipfile.ZipFile(self.archive) as archive:
            faces = (load_face(archive, self.labels.files[row]) for row in rows)
            return np.stack([resize_antialias(face, self.plan.side) for face in faces])

    def inputs(self, rows: np.ndarray) -> np.ndarray:
        """What the network reads."""
        return network_input(self.pictures(rows), self.plan.kind)


def network_input(pictures: np.ndarray, kind: str) -> np.ndarray:
    """Pictures (n, side, side, 3), uint8 -> floats (n, 3, side, side)."""
    mean, deviation = (np.float32(values) for values in normalisation(kind))
    return np.ascontiguousarray(((pictures - mean) / deviation).transpose(0, 3, 1, 2))


def raw_outputs(path: Path, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Logits of a written network, by output name."""
    session = ort.InferenceSession(str(path), session_options(), providers=["CPUExecutionProvider"])
    batches = np.array_split(inputs, len(inputs) // 32 + 1)
    parts = [session.run(list(OUTPUTS), {"image": batch}) for batch in batches]
    return {name: np.concatenate(rows) for name, rows in zip(OUTPUTS, zip(*parts))}


def write_int8(net: FaceNet, side: int, seen: np.ndarray, path: Path) -> None:
    """The 8-bit twin: equalised, then quantised on faces that were trained on."""
    with tempfile.TemporaryDirectory() as place:
        between = Path(place) / "equalised.onnx"
        export_float(equalised(net, torch.from_numpy(seen)), side, between)
        export_int8(between, path, seen)


def write_self_tests(
    out: Path, faces: Faces, seed: int
) -> dict[str, dict[str, np.ndarray]]:
    """Means of training faces that show nobody, with the answers of the written network."""
    folder, labels, tests = out / "self-test", faces.labels, {}
    folder.mkdir(exist_ok=True)
    for number, (low, gender, race) in enumerate(SELF_TESTS, start=1):
        cell = (labels.low == low) & (labels.gender == gender) & labels.races[:, race]
        rows = np.flatnonzero(cell & (labels.split == "train"))
        chosen = np.random.default_rng(seed).permutation(rows)[:SELF_TEST_FACES]
        pixels = composite(list(faces.pictures(chosen).astype(np.float32)))
        Image.fromarray(pixels).save(folder / f"{number}.png", optimize=True)
        answers = raw_outputs(out / "model.onnx", network_input(pixels[None], faces.plan.kind))
        tests[f"self-test/{number}.png"] = {key: rows[0] for key, rows in answers.items()}
    return tests


def validation_figures(
    logits: dict[str, np.ndarray], labels: Labels, facts: Facts
) -> dict[str, object]:
    """Figures on the faces with bands and on those with years."""
    heat, found = facts.temperatures, {}
    for name, chosen in (("fairface", labels.age < 0), ("utkface", labels.age >= 0)):
        if not chosen.any():
            continue
        some = labels.subset(np.flatnonzero(chosen))
        said = [softmax(logits[head][chosen], heat[head]) for head in ("age", "gender", "race")]
        held = np.mean([coverage(said[0], facts.margins, each) for each in drawn_ages(some)])
        found[name] = {"n": len(some), **of(said, some), "interval_coverage": round(held, 4)}
    return found


def main() -> None:
    """From the stage's result to the folder."""
    options = parse_arguments()
    stage = STAGES[options.stage]
    options.out.mkdir(parents=True, exist_ok=True)
    sources = [
        Faces(archive, read_labels(csv), options.stage)
        for archive, csv in (getattr(options, name) for name in stage.data)
    ]
    net, result = FaceNet(stage.plan.kind), options.cache / f"{options.stage}.pt"
    begin(net, result)
    model, small = options.out / "model.onnx", options.out / "model.int8.onnx"
    if not options.manifest_only:
        export_float(net, stage.plan.side, model)
    draw = np.random.default_rng(options.seed)
    part = CALIBRATION_FACES // len(sources)
    if not options.manifest_only:
        seen = [s.inputs(draw.permutation(s.labels.rows("train"))[:part]) for s in sources]
        write_int8(net, stage.plan.side, np.concatenate(seen), small)
    val = joined([s.labels.subset(s.labels.rows("val")) for s in sources])
    inputs = np.concatenate([s.inputs(s.labels.rows("val")) for s in sources])
    logits, rounded = raw_outputs(model, inputs), raw_outputs(small, inputs)
    heat = fit_temperatures(logits, val)
    margins = fit_margins(softmax(logits["age"], heat["age"]), val)
    tests = write_self_tests(options.out, sources[0], options.seed)
    facts = Facts(
        stage.plan.side, normalisation(stage.plan.kind), stage.data == FREE, heat, margins, tests,
        options.seven,
    )
    write_manifest(options.out, facts)
    facts_of = torch.load(result, map_location="cpu", weights_only=True)
    training = {key: value for key, value in facts_of.items() if key != "net"}
    figures = {
        "training": training,
        "val": {
            "fp32": validation_figures(logits, val, facts),
            "int8": validation_figures(rounded, val, facts),
        },
    }
    (options.out / "metrics.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures["val"], indent=2), heat, margins, flush=True)


if __name__ == "__main__":
    main()
