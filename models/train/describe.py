"""Describe the networks of a model folder: its manifest, and their figures on the validation parts.

    python describe.py --model DIR --fairface ZIP CSV [--utkface ZIP CSV]

The folder holds the networks, the self-tests' pictures and a manifest (finish.py makes them); what
the manifest says of the networks' inputs stays. The validation parts decide temperatures, age
intervals and the smallest usable face. The test parts are not touched: `demograph evaluate`
measures them. Nothing here needs PyTorch.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image

from calibrate import coverage, drawn_ages, fit_margins, fit_temperatures, softmax
from data import OUTPUTS, Labels, joined, load_face, read_labels, resize_antialias
from figures import of
from manifest import Facts, Shape, write_manifest
from runtime import read_manifest, session_options
from smallest import smallest_face

SOURCES = ("fairface", "utkface")


class Faces:
    """Labelled faces, prepared as the runtime prepares them: from the pictures as they are."""

    def __init__(self, archive: Path, labels: Labels, shape: Shape) -> None:
        self.archive, self.labels, self.shape = archive, labels, shape

    def originals(self, rows: np.ndarray) -> list[np.ndarray]:
        """Pictures as they are in the archive."""
        with zipfile.ZipFile(self.archive) as archive:
            return [np.asarray(load_face(archive, self.labels.files[row])) for row in rows]

    def pictures(self, rows: np.ndarray) -> np.ndarray:
        """Pictures (n, side, side, 3), uint8."""
        faces = map(Image.fromarray, self.originals(rows))
        return np.stack([resize_antialias(face, self.shape.side) for face in faces])

    def inputs(self, rows: np.ndarray) -> np.ndarray:
        """What the network reads."""
        return self.shape.input(self.pictures(rows))


def raw_outputs(path: Path, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Logits of a written network, by output name."""
    session = ort.InferenceSession(str(path), session_options(), providers=["CPUExecutionProvider"])
    batches = np.array_split(inputs, len(inputs) // 32 + 1)
    parts = [session.run(list(OUTPUTS), {"image": batch}) for batch in batches]
    return {name: np.concatenate(rows) for name, rows in zip(OUTPUTS, zip(*parts))}


def self_tests(folder: Path, shape: Shape) -> dict[str, dict[str, np.ndarray]]:
    """The self-tests' pictures, with the answers of the network in 32-bit floats."""
    tests = {}
    for picture in sorted((folder / "self-test").glob("*.png")):
        pixels = np.asarray(Image.open(picture).convert("RGB"))[None]
        answers = raw_outputs(folder / "model.onnx", shape.input(pixels))
        tests[f"self-test/{picture.name}"] = {key: rows[0] for key, rows in answers.items()}
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


def describe(folder: Path, shape: Shape, sources: list[Faces], training: dict) -> None:
    """Write manifest.toml and metrics.json. The first source decides the smallest usable face."""
    vals = [source.labels.rows("val") for source in sources]
    val = joined([s.labels.subset(rows) for s, rows in zip(sources, vals)])
    inputs = np.concatenate([s.inputs(rows) for s, rows in zip(sources, vals)])
    small = folder / "model.int8.onnx"
    logits, rounded = raw_outputs(folder / "model.onnx", inputs), raw_outputs(small, inputs)
    heat = fit_temperatures(logits, val)
    margins = fit_margins(softmax(logits["age"], heat["age"]), val)
    wild, rows = sources[0], vals[0]
    curve, least = smallest_face(
        lambda pictures: raw_outputs(small, shape.input(pictures)),
        wild.originals(rows), wild.labels.subset(rows), shape.side,
    )  # fmt: skip
    facts = Facts(shape, heat, margins, self_tests(folder, shape), least)
    write_manifest(folder, facts)
    figures = {
        "training": training,
        "val": {
            "fp32": validation_figures(logits, val, facts),
            "int8": validation_figures(rounded, val, facts),
        },
        "smallest_face": {"least": least, "val": curve},
    }
    (folder / "metrics.json").write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures["val"], indent=2), heat, margins, least, flush=True)


def shape_of(manifest: dict) -> Shape:
    """What a manifest says of the networks' inputs and of their use."""
    read = manifest["net"][0]["input"]
    return Shape(read["width"], read["mean"], read["std"], manifest["commercial_use"])


def main() -> None:
    """Describe a folder again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    for name in SOURCES:
        parser.add_argument(f"--{name}", type=Path, nargs=2, metavar=("ZIP", "CSV"))
    options = parser.parse_args()
    shape = shape_of(read_manifest(options.model))
    given = [getattr(options, name) for name in SOURCES]
    sources = [Faces(archive, read_labels(csv), shape) for archive, csv in filter(None, given)]
    training = json.loads((options.model / "metrics.json").read_text())["training"]
    describe(options.model, shape, sources, training)


if __name__ == "__main__":
    main()
