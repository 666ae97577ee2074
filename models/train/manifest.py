"""The model folder's manifest: files with their hashes, heads, calibration, self-tests."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibrate import HIGH, LEVEL, LOW
from data import AGE_CLASSES, DECADE_STARTS, ETHNICITIES, GENDERS, GROUP_OF, RACES
from half import variant

# Largest difference of a probability from the expected one that a runtime may show.
TOLERANCE = {"fp32": 0.001, "bf16": 0.05, "fp16": 0.02, "int8": 0.08}
LICENCES = {
    True: "CC BY 4.0 (fitted to FairFace, Kärkkäinen and Joo 2021, aligned and scaled; begun from"
    " EfficientNet-Lite, Apache-2.0)",
    False: "Research and non-commercial use only (trained on UTKFace)",
}


@dataclass(frozen=True)
class Shape:
    """What the networks read, and who may use them."""

    side: int
    mean: list[float]  # of the pixels, 0 to 255
    deviation: list[float]
    commercial_use: bool

    def input(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures (n, side, side, 3), uint8 -> floats (n, 3, side, side)."""
        scaled = (pictures - np.float32(self.mean)) / np.float32(self.deviation)
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


@dataclass(frozen=True)
class Facts:
    """What the manifest says beyond the files that lie in the folder."""

    shape: Shape
    temperatures: dict[str, float]
    margins: list[float]
    self_tests: dict[str, dict[str, np.ndarray]]  # image file -> raw outputs of the fp32 net
    smallest_face: int | None  # pixels a side


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def numbers(values: object, digits: int, columns: int = 10) -> str:
    """A TOML array of floats over several lines."""
    words = [f"{float(value):.{digits}f}" for value in values]
    rows = [", ".join(words[at : at + columns]) for at in range(0, len(words), columns)]
    return "[" + rows[0] + "]" if len(rows) == 1 else "[\n    " + ",\n    ".join(rows) + ",\n]"


def head(name: str, kind: str, classes: str, temperature: float) -> str:
    """One head."""
    return (
        f'\n[[net.head]]\nattribute = "{name}"\nkind = "{kind}"\noutput = "{name}"\n'
        f'activation = "logits"\n{classes}\ntemperature = {temperature}\n'
    )


def ethnicity(facts: Facts) -> str:
    """The head of ethnicity: the net's seven races, with the five ethnicities as groups."""
    races = head(
        "ethnicity", "softmax", f"labels = {json.dumps(RACES)}", facts.temperatures["race"]
    )
    of = json.dumps([ETHNICITIES[group] for group in GROUP_OF])
    return (
        races.replace('output = "ethnicity"', 'output = "race"')
        + "\n# For model.ethnicity = \"five\": both Asian ones are one, and the last two are \"other\".\n"
        f'[[net.head.groups]]\nname = "five"\nlabels = {json.dumps(ETHNICITIES)}\nof = {of}\n'
    )


def interval(margins: list[float]) -> str:
    """The age intervals."""
    return (
        "\n# Quantiles of the posterior, widened by the margin of the expected age's band.\n"
        f"[net.head.interval]\nlevel = {LEVEL}\nlow = {LOW}\nhigh = {HIGH}\n"
        f"band_starts = {numbers(DECADE_STARTS, 1)}\nmargin = {numbers(margins, 2)}\n"
    )


def self_tests(facts: Facts) -> str:
    """Images with the answers that the fp32 net gave."""
    text = ""
    for image, outputs in facts.self_tests.items():
        arrays = "".join(
            f"{name} = {numbers(v, 4)}\n" for name, v in outputs.items() if name != "ethnicity"
        )
        text += f'\n[[self_test]]\nimage = "{image}"\n[self_test.expected]\n{arrays}'
    limits = "".join(f"{precision} = {limit}\n" for precision, limit in TOLERANCE.items())
    return (
        text + "\n# Of probabilities, after the temperature, by precision of the runtime.\n"
        f"[self_test_tolerance]\n{limits}"
    )


def write_manifest(folder: Path, facts: Facts) -> None:
    """Write manifest.toml for `model.onnx` and its twins, `model.int8.onnx` and `model.fp16.onnx`, in `folder`."""
    heat, shape = facts.temperatures, facts.shape
    half = folder / "model.fp16.onnx"
    free = str(shape.commercial_use).lower()
    least = "" if facts.smallest_face is None else f"min_face = {facts.smallest_face}\n"
    text = (
        "# Model manifest, format v1, written by models/train/describe.py.\n"
        "# The card beside it says what the figures are worth and what the licence asks.\n"
        f'version = 1\nname = "{folder.name}"\n'
        f'licence = "{LICENCES[shape.commercial_use]}"\n'
        f'commercial_use = {free}\ncard = "CARD.md"\n'
        f"{least}\n"
        f'[[net]]\nfile = "model.onnx"\nsha256 = "{digest(folder / "model.onnx")}"\n\n'
        '[[net.variant]]\nprecision = "int8"\nfile = "model.int8.onnx"\n'
        f'sha256 = "{digest(folder / "model.int8.onnx")}"\n\n'
        f"{variant(half) if half.exists() else ''}"
        f'[net.input]\nname = "image"\nlayout = "nchw"\nwidth = {shape.side}\n'
        f'height = {shape.side}\ncolour = "rgb"\nresize = "antialias"\n'
        f"mean = {numbers(shape.mean, 3)}\nstd = {numbers(shape.deviation, 1)}\n"
        + head("age", "age_distribution", f"ages = {numbers(range(AGE_CLASSES), 1)}", heat["age"])
        + interval(facts.margins)
        + head("gender", "softmax", f"labels = {json.dumps(GENDERS)}", heat["gender"])
        + ethnicity(facts)
        + self_tests(facts)
    )
    (folder / "manifest.toml").write_text(text)
