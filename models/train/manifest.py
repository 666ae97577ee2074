"""The model folder's manifest: files with their hashes, heads, calibration, self-tests."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibrate import HIGH, LEVEL, LOW
from data import AGE_CLASSES, DECADE_STARTS, ETHNICITIES, GENDERS
from network import INPUT_SIZE

# Largest difference of a probability from the expected one that a runtime may show.
TOLERANCE = {"fp32": 0.001, "bf16": 0.05, "int8": 0.08}


@dataclass(frozen=True)
class Facts:
    """What the manifest says beyond the files that lie in the folder."""

    colour: list[float]
    temperatures: dict[str, float]
    margins: list[float]
    self_tests: dict[str, dict[str, np.ndarray]]  # image file -> raw outputs of the fp32 net


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
        arrays = "".join(f"{name} = {numbers(v, 4)}\n" for name, v in outputs.items())
        text += f'\n[[self_test]]\nimage = "{image}"\n[self_test.expected]\n{arrays}'
    limits = "".join(f"{precision} = {limit}\n" for precision, limit in TOLERANCE.items())
    return (
        text + "\n# Of probabilities, after the temperature, by precision of the runtime.\n"
        f"[self_test_tolerance]\n{limits}"
    )


def write_manifest(folder: Path, facts: Facts) -> None:
    """Write manifest.toml for `model.onnx` and `model.int8.onnx` in `folder`."""
    heat = facts.temperatures
    text = (
        "# Model manifest, format v1, written by models/train/train.py.\n"
        "# The card beside it says what the figures are worth and what the licence forbids.\n"
        f'version = 1\nname = "{folder.name}"\n'
        'licence = "Research and non-commercial use only (trained on UTKFace)"\n'
        'commercial_use = false\ncard = "CARD.md"\n\n'
        f'[[net]]\nfile = "model.onnx"\nsha256 = "{digest(folder / "model.onnx")}"\n\n'
        '[[net.variant]]\nprecision = "int8"\nfile = "model.int8.onnx"\n'
        f'sha256 = "{digest(folder / "model.int8.onnx")}"\n\n'
        f'[net.input]\nname = "image"\nlayout = "nchw"\nwidth = {INPUT_SIZE}\n'
        f'height = {INPUT_SIZE}\ncolour = "rgb"\nresize = "antialias"\n'
        f"mean = {numbers(facts.colour, 3)}\nstd = [1.0, 1.0, 1.0]\n"
        + head("age", "age_distribution", f"ages = {numbers(range(AGE_CLASSES), 1)}", heat["age"])
        + interval(facts.margins)
        + head("gender", "softmax", f"labels = {json.dumps(GENDERS)}", heat["gender"])
        + head("ethnicity", "softmax", f"labels = {json.dumps(ETHNICITIES)}", heat["ethnicity"])
        + self_tests(facts)
    )
    (folder / "manifest.toml").write_text(text)
