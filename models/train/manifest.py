"""The model folder's manifest: files with their hashes, heads, calibration, self-tests."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibrate import HIGH, LEVEL, LOW
from data import AGE_CLASSES, DECADE_STARTS, ETHNICITIES, GENDERS, GROUP_OF, RACES

# Largest difference of a probability from the expected one that a runtime may show.
TOLERANCE = {"fp32": 0.001, "bf16": 0.05, "int8": 0.08}
LICENCES = {
    True: "CC BY 4.0 (fitted to FairFace, Kärkkäinen and Joo 2021, aligned and scaled; begun from"
    " EfficientNet-Lite, Apache-2.0)",
    False: "Research and non-commercial use only (trained on UTKFace)",
}


@dataclass(frozen=True)
class Facts:
    """What the manifest says beyond the files that lie in the folder."""

    side: int
    normalisation: tuple[list[float], list[float]]  # mean and std of the pixels
    commercial_use: bool
    temperatures: dict[str, float]
    margins: list[float]
    self_tests: dict[str, dict[str, np.ndarray]]  # image file -> raw outputs of the fp32 net
    seven: bool = False  # races instead of ethnicities, with groups for those who want five


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
    """The head of ethnicity: the net's sum of five, or its seven races with the five as groups."""
    heat, labels = facts.temperatures, json.dumps(ETHNICITIES)
    if not facts.seven:
        return (
            "\n# The graph adds up the seven races of its output `race` (logits, in the order white,\n"
            "# black, east_asian, southeast_asian, indian, middle_eastern, latino_hispanic;\n"
            f"# temperature {heat['race']}) to five: both Asian ones, and the last two as other."
            + head("ethnicity", "softmax", f"labels = {labels}", heat["ethnicity"])
        )
    races = head("ethnicity", "softmax", f"labels = {json.dumps(RACES)}", heat["race"])
    races = races.replace('output = "ethnicity"', 'output = "race"')
    of = json.dumps([ETHNICITIES[group] for group in GROUP_OF])
    return races + f'\n[[net.head.groups]]\nname = "five"\nlabels = {labels}\nof = {of}\n'


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
        left_out = "ethnicity" if facts.seven else "race"
        arrays = "".join(
            f"{name} = {numbers(v, 4)}\n" for name, v in outputs.items() if name != left_out
        )
        text += f'\n[[self_test]]\nimage = "{image}"\n[self_test.expected]\n{arrays}'
    limits = "".join(f"{precision} = {limit}\n" for precision, limit in TOLERANCE.items())
    return (
        text + "\n# Of probabilities, after the temperature, by precision of the runtime.\n"
        f"[self_test_tolerance]\n{limits}"
    )


def write_manifest(folder: Path, facts: Facts) -> None:
    """Write manifest.toml for `model.onnx` and `model.int8.onnx` in `folder`."""
    heat, (mean, deviation) = facts.temperatures, facts.normalisation
    free = str(facts.commercial_use).lower()
    text = (
        "# Model manifest, format v1, written by models/train/finish.py.\n"
        "# The card beside it says what the figures are worth and what the licence asks.\n"
        f'version = 1\nname = "{folder.name}"\n'
        f'licence = "{LICENCES[facts.commercial_use]}"\n'
        f'commercial_use = {free}\ncard = "CARD.md"\n\n'
        f'[[net]]\nfile = "model.onnx"\nsha256 = "{digest(folder / "model.onnx")}"\n\n'
        '[[net.variant]]\nprecision = "int8"\nfile = "model.int8.onnx"\n'
        f'sha256 = "{digest(folder / "model.int8.onnx")}"\n\n'
        f'[net.input]\nname = "image"\nlayout = "nchw"\nwidth = {facts.side}\n'
        f'height = {facts.side}\ncolour = "rgb"\nresize = "antialias"\n'
        f"mean = {numbers(mean, 3)}\nstd = {numbers(deviation, 1)}\n"
        + head("age", "age_distribution", f"ages = {numbers(range(AGE_CLASSES), 1)}", heat["age"])
        + interval(facts.margins)
        + head("gender", "softmax", f"labels = {json.dumps(GENDERS)}", heat["gender"])
        + ethnicity(facts)
        + self_tests(facts)
    )
    (folder / "manifest.toml").write_text(text)
