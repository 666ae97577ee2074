"""Measure how far changes of a picture, and nothing else, change what a model folder says.

    python robustness.py --model DIR --data ZIP --labels CSV --part val|test --write

For every change: the share of faces of each labelled class whose class flips against the
unchanged picture, the share that lands in each class, and how far the estimated age moves.
The random part of a change is drawn anew for every face from a fixed seed.
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

from data import ETHNICITIES, GENDERS, Labels, load_face, read_labels
from runtime import Answers, chosen_precision, model_id, predict

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
    """Gaussian blur of 3 pixels of 200."""
    return cv2.GaussianBlur(face, (0, 0), 3)


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


def parse_arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--data", type=Path, required=True, help="zip archive of face crops")
    parser.add_argument("--labels", type=Path, required=True, help="label file (CSV)")
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
            "mae": round(float(np.abs(after.years() - labels.age).mean()), 3),
        },
    }


def main() -> None:
    """Measure every change and write the figures."""
    options = parse_arguments()
    labels = read_labels(options.labels)
    labels = labels.subset(labels.rows(options.part))
    with zipfile.ZipFile(options.data) as archive:
        faces = [np.asarray(load_face(archive, name)) for name in labels.files]
    precision = chosen_precision(options.model, options.precision)
    before = predict(options.model, map(Image.fromarray, faces), precision)
    result = {
        "model": model_id(options.model, precision),
        "part": options.part,
        "precision": precision,
        "n": len(labels),
        "changes": {},
    }
    for name, change in CHANGES.items():
        seeds = np.random.SeedSequence(1).spawn(len(faces))
        changed = (
            Image.fromarray(change(face, np.random.default_rng(seed)))
            for face, seed in zip(faces, seeds)
        )
        after = predict(options.model, changed, precision)
        result["changes"][name] = figures(before, after, labels)
        worst = result["changes"][name]["ethnicity"]["worst_flip_rate"]
        print(f"{name}: worst ethnicity flip rate {worst}", flush=True)
    if options.write:
        (options.model / "robustness.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
