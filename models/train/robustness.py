"""Measure how far changes of a picture, and nothing else, change what a model folder says.

    python robustness.py --model DIR --fairface ZIP CSV --utkface ZIP CSV --part val|test --write

For every change: the share of faces of each labelled class whose class flips against the
unchanged picture, the share that lands in each class, and how far the estimated age moves. For
every curve: what stays right as faces lose pixels, turn aside, lose light, are compressed or
covered; and the smallest usable face. The random part of a change is drawn anew for every face
from a fixed seed.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from data import (
    AGE_CLASSES, BAND_STARTS, ETHNICITIES, GENDERS, Labels, load_face, read_labels,
)
from runtime import Answers, chosen_precision, model_id, predict
from smallest import SIDES, shrunk, smallest

SETS = ("fairface", "utkface")
# (ages, bands), 1 where the age lies in the band
BAND_OF = np.eye(len(BAND_STARTS))[np.digitize(np.arange(AGE_CLASSES), BAND_STARTS[1:])]
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def shear(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Shear by up to 45 degrees around the centre; the border repeats."""
    angle = np.deg2rad(draw.uniform(-45, 45))
    linear = np.array([[1, -np.sin(angle)], [0, np.cos(angle)]])
    centre = (face.shape[0] - 1) / 2
    matrix = np.column_stack([linear, centre - linear @ [centre, centre]])
    return cv2.warpAffine(face, matrix, face.shape[:2], borderMode=cv2.BORDER_REPLICATE)


def brightness(low: float, high: float) -> Change:
    """Multiply every pixel by one number."""

    def change(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        return np.clip(face * draw.uniform(low, high), 0, 255).astype(np.uint8)

    return change


def channel_shift(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Add one number of up to 150 to all channels, kept within the face's own range."""
    shifted = face.astype(np.float32) + draw.uniform(-150, 150)
    return np.clip(shifted, face.min(), face.max()).astype(np.uint8)


def blur(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Gaussian blur of 3 pixels in 200."""
    return cv2.GaussianBlur(face, (0, 0), 3 * face.shape[0] / 200)


def jpeg(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Through a JPEG of quality 30."""
    _, data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 30])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def few_pixels(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Down to 32 pixels a side."""
    return cv2.resize(face, (32, 32), interpolation=cv2.INTER_AREA)


def crop_jitter(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Shift and scale the crop by up to 15 % of its side; the border repeats."""
    side = face.shape[0]
    scale = draw.uniform(0.85, 1.15)
    shift = draw.uniform(-0.15, 0.15, 2) * side + (1 - scale) * (side - 1) / 2
    matrix = np.column_stack([np.eye(2) * scale, shift])
    return cv2.warpAffine(face, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)


def grey(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """No colour."""
    return cv2.cvtColor(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


CHANGES: dict[str, Change] = {
    "shear_45": shear,
    "brightness_0.1_0.9": brightness(0.1, 0.9),
    "brightness_0.5_1.5": brightness(0.5, 1.5),
    "channel_shift_150": channel_shift,
    "blur_3": blur,
    "jpeg_30": jpeg,
    "downscale_32": few_pixels,
    "crop_jitter_15": crop_jitter,
    "grey": grey,
}


def pixels(side: int) -> Change:
    """So many pixels a side, as a distant face has."""
    return lambda face, draw: shrunk(face, side)


def yaw(degrees: int) -> Change:
    """A flat face turned to one side, seen by a camera three faces away."""

    def change(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        side, turn = face.shape[0], np.deg2rad(degrees) * draw.choice((-1, 1))
        corners = np.float32([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        depth = 6 + corners[:, 0] * np.sin(turn)
        seen = np.stack([corners[:, 0] * np.cos(turn), corners[:, 1]], 1) * (6 / depth)[:, None]
        before, after = ((c + 1) * (side - 1) / 2 for c in (corners, np.float32(seen)))
        matrix = cv2.getPerspectiveTransform(before, np.float32(after))
        return cv2.warpPerspective(face, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)

    return change


def quality(level: int) -> Change:
    """Through a JPEG of this quality."""

    def change(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        _, data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, level])
        return cv2.imdecode(data, cv2.IMREAD_COLOR)

    return change


def covered(percent: int) -> Change:
    """A grey square over so much of the picture, somewhere."""

    def change(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        size = round(face.shape[0] * (percent / 100) ** 0.5)
        top, left = draw.integers(0, face.shape[0] - size + 1, 2)
        out = face.copy()
        out[top : top + size, left : left + size] = 128
        return out

    return change


CURVES: dict[str, tuple[Callable[[int], Change], tuple[int, ...]]] = {
    "pixels": (pixels, SIDES),
    "yaw": (yaw, (15, 30, 45, 60)),
    "brightness": (lambda part: brightness(part / 100, part / 100), (10, 20, 35, 50, 150, 200)),
    "jpeg": (quality, (5, 10, 20, 40, 70)),
    "covered": (covered, (5, 10, 20, 30, 40)),
}


def parse_arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    for name in SETS:
        parser.add_argument(
            f"--{name}", type=Path, nargs=2, metavar=("ZIP", "CSV"), help="faces and their labels"
        )
    parser.add_argument("--part", choices=("val", "test"), default="val", help="part of the data")
    parser.add_argument(
        "--precision", choices=("auto", "fp32", "int8"), default="auto",
        help="which file; auto is what the service takes on a CPU: int8 where there is one",
    )
    parser.add_argument("--write", action="store_true", help="write robustness.json")
    return parser.parse_args()


def flips(
    before: Answers, after: Answers, attribute: str, truth: np.ndarray, names: tuple[str, ...]
) -> dict[str, object]:
    """How many faces of each labelled class changed class, and where they went."""
    old, new = before.chosen(attribute), after.chosen(attribute)
    rates = {name: round(float((old != new)[truth == name].mean()), 4) for name in names}
    landing = {
        name: {to: round(float((new[truth == name] == to).mean()), 4) for to in names}
        for name in names
    }
    return {
        "flip_rate": rates,
        "worst_flip_rate": max(rates.values()),
        "accuracy": round(float((new == truth).mean()), 4),
        "chosen": landing,
    }


def figures(before: Answers, after: Answers, labels: Labels) -> dict[str, object]:
    """All figures of one change."""
    gender = np.array(GENDERS)[labels.gender]
    ethnicity = np.array(ETHNICITIES)[labels.ethnicity]
    moved = after.years() - before.years()
    return {
        "gender": flips(before, after, "gender", gender, GENDERS),
        "ethnicity": flips(before, after, "ethnicity", ethnicity, ETHNICITIES),
        "age": {
            "mean_shift": round(float(moved.mean()), 3),
            "mean_absolute_shift": round(float(np.abs(moved).mean()), 3),
        },
    }


def accuracies(said: Answers, labels: Labels) -> dict[str, float]:
    """One point of a curve."""
    truths = {
        "gender": np.array(GENDERS)[labels.gender],
        "ethnicity": np.array(ETHNICITIES)[labels.ethnicity],
    }
    found = {name: float(np.mean(said.chosen(name) == truth)) for name, truth in truths.items()}
    if (labels.age >= 0).all():
        found["age_error"] = float(np.abs(said.years() - labels.age).mean())
    else:
        bands = said.probabilities["age"] @ BAND_OF
        found["age_band"] = float(np.mean(bands.argmax(1) == labels.band()))
    return {name: round(value, 4) for name, value in found.items()}


class Measured:
    """One data set's part, and what a model says of changed pictures of it."""

    def __init__(self, options: argparse.Namespace, archive: Path, csv: Path) -> None:
        labels = read_labels(csv)
        self.labels = labels.subset(labels.rows(options.part))
        with zipfile.ZipFile(archive) as opened:
            self.faces = [np.asarray(load_face(opened, name)) for name in self.labels.files]
        self.folder = options.model
        self.precision = chosen_precision(options.model, options.precision)

    def said(self, change: Change | None = None) -> Answers:
        """Answers for all faces, changed; the same draws for every change."""
        seeds = np.random.SeedSequence(1).spawn(len(self.faces))
        pairs = zip(self.faces, seeds)
        changed = (f if change is None else change(f, np.random.default_rng(s)) for f, s in pairs)
        return predict(self.folder, map(Image.fromarray, changed), self.precision)

    def changes(self) -> dict[str, object]:
        """Every change."""
        before, labels = self.said(), self.labels
        found = {"n": len(labels), "whole": accuracies(before, labels), "changes": {}}
        for name, change in CHANGES.items():
            found["changes"][name] = figures(before, self.said(change), labels)
            print(name, found["changes"][name]["age"], flush=True)
        return found

    def curves(self) -> dict[str, object]:
        """Every curve, and the smallest usable face."""
        labels, whole = self.labels, accuracies(self.said(), self.labels)
        found: dict[str, object] = {"n": len(labels), "whole": whole}
        for name, (make, levels) in CURVES.items():
            curve = {str(n): accuracies(self.said(make(n)), labels) for n in levels}
            found[name] = curve
            print(name, curve, flush=True)
        found["smallest_usable_face"] = smallest(found["pixels"], whole)
        return found


def main() -> None:
    """Measure every change and write the figures."""
    options = parse_arguments()
    precision = chosen_precision(options.model, options.precision)
    given = {name: getattr(options, name) for name in SETS}
    measured = {k: Measured(options, *paths) for k, paths in given.items() if paths}
    result = {
        "model": model_id(options.model, precision),
        "part": options.part,
        "precision": precision,
        "sets": {name: each.changes() for name, each in measured.items()},
    }
    if "fairface" in measured:  # faces as cameras see them
        result["curves"] = measured["fairface"].curves()
    if options.write:
        (options.model / "robustness.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
