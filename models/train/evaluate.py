"""Measure a model folder on labelled faces and write the figures its card quotes.

    python evaluate.py faces --model DIR --data ZIP --labels CSV --part val|test
    python evaluate.py composites --model DIR --composites DIR

During development only `--part val` is looked at; the test part is measured once,
at the end. Figures are printed and, with --write, merged into DIR/metrics.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from data import AGE_BANDS, ETHNICITIES, GENDERS, age_band, load_face, read_labels
from runtime import Answers, predict

BAND_NAMES = [band[0] for band in AGE_BANDS]


def parse_arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("faces", "composites"), help="what to measure on")
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--data", type=Path, help="zip archive of face crops (faces)")
    parser.add_argument("--labels", type=Path, help="label file (faces)")
    parser.add_argument("--part", choices=("val", "test"), default="val", help="part of the data")
    parser.add_argument("--composites", type=Path, help="folder of composites (composites)")
    parser.add_argument("--write", action="store_true", help="merge the figures into metrics.json")
    return parser.parse_args()


def share(hits: np.ndarray) -> float:
    """Share of True, rounded as cards quote it."""
    return round(float(np.mean(hits)), 4)


def by_class(
    hits: np.ndarray, truth: np.ndarray, names: list[str] | tuple[str, ...]
) -> dict[str, float]:
    """Share of hits among the faces of each true class."""
    return {name: share(hits[truth == name]) for name in names if np.any(truth == name)}


def calibration_error(probabilities: np.ndarray, hits: np.ndarray, bins: int = 15) -> float:
    """Mean distance between confidence and accuracy over equally filled bins."""
    confidence = probabilities.max(1)
    groups = np.array_split(np.argsort(confidence), bins)
    weighted = [len(g) * abs(confidence[g].mean() - hits[g].mean()) for g in groups if len(g)]
    return round(float(sum(weighted) / len(hits)), 4)


def class_figures(
    answers: Answers, attribute: str, truth: np.ndarray, names: tuple[str, ...]
) -> dict[str, object]:
    """Figures of a softmax head against true class names."""
    hits = answers.chosen(attribute) == truth
    probabilities = answers.probabilities[attribute]
    means = dict(zip(answers.classes[attribute], probabilities.mean(0)))
    return {
        "accuracy": share(hits),
        "recall": by_class(hits, truth, names),
        "calibration_error": calibration_error(probabilities, hits),
        "true_share": {name: share(truth == name) for name in names},
        "estimated_share": {name: round(float(means[name]), 4) for name in names},
    }


def face_figures(
    answers: Answers, ages: np.ndarray, gender: np.ndarray, ethnicity: np.ndarray
) -> dict[str, object]:
    """All figures on one set of faces."""
    bands = np.array(BAND_NAMES)[age_band(ages)]
    figures: dict[str, object] = {"faces": len(ages)}
    if "gender" in answers.classes:
        figures["gender"] = class_figures(answers, "gender", gender, GENDERS)
        hits = answers.chosen("gender") == gender
        figures["gender"]["accuracy_by_age_band"] = by_class(hits, bands, BAND_NAMES)
        figures["gender"]["accuracy_by_ethnicity"] = by_class(hits, ethnicity, ETHNICITIES)
    if "ethnicity" in answers.classes:
        figures["ethnicity"] = class_figures(answers, "ethnicity", ethnicity, ETHNICITIES)
    if "age" in answers.classes:
        years = answers.years()
        error = np.abs(years - ages)
        of_band = {
            name: round(float(error[bands == name].mean()), 2)
            for name in BAND_NAMES
            if np.any(bands == name)
        }
        figures["age"] = {
            "mean_absolute_error": round(float(error.mean()), 3),
            "mean_absolute_error_by_band": of_band,
            "bias": round(float((years - ages).mean()), 3),
            "band_accuracy": share(np.array(BAND_NAMES)[age_band(years)] == bands),
        }
    return figures


def measure_faces(options: argparse.Namespace) -> dict[str, object]:
    """Figures on a part of the labelled faces, with and without disputed labels."""
    labels = read_labels(options.labels)
    rows = labels.rows(options.part)
    with zipfile.ZipFile(options.data) as archive:
        answers = predict(options.model, (load_face(archive, labels.files[row]) for row in rows))
    gender = np.array(GENDERS)[labels.gender[rows]]
    ethnicity = np.array(ETHNICITIES)[labels.ethnicity[rows]]
    calm = ~labels.conflict[rows]
    calm_answers = Answers(
        {name: part[calm] for name, part in answers.probabilities.items()}, answers.classes
    )
    ages = labels.age[rows]
    return {
        "all": face_figures(answers, ages, gender, ethnicity),
        "without_disputed_labels": face_figures(
            calm_answers, ages[calm], gender[calm], ethnicity[calm]
        ),
    }


def measure_composites(options: argparse.Namespace) -> dict[str, object]:
    """How often the model agrees with the labels of the composites, and where it does not."""
    with (options.composites / "labels.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    faces = [Image.open(options.composites / row["file"]).convert("RGB") for row in rows]
    answers = predict(options.model, faces)
    figures: dict[str, object] = {"composites": len(rows)}
    columns = {"gender": "gender", "ethnicity": "ethnicity", "age": "age_band"}
    for attribute, column in columns.items():
        if attribute not in answers.classes:
            continue
        truth = np.array([row[column] for row in rows])
        if attribute == "age":
            chosen = np.array(BAND_NAMES)[age_band(answers.years())]
        else:
            chosen = answers.chosen(attribute)
        hits = chosen == truth
        figures[column] = {
            "agreement": share(hits),
            "by_class": by_class(hits, truth, sorted(set(truth))),
        }
        for row, answer in zip(np.array(rows)[~hits], chosen[~hits]):
            print(f"{row['file']}: {column} read as {answer}")
    return figures


def main() -> None:
    """Measure, print, and keep the figures if asked to."""
    options = parse_arguments()
    composites = options.what == "composites"
    figures = measure_composites(options) if composites else measure_faces(options)
    print(json.dumps(figures, indent=2))
    if options.write:
        path = options.model / "metrics.json"
        kept = json.loads(path.read_text()) if path.exists() else {}
        kept["composites" if composites else options.part] = figures
        path.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
