"""Measure a model folder on labelled faces and write the figures its card quotes.

    python evaluate.py faces --model DIR --data ZIP --labels CSV --part val|test
    python evaluate.py composites --model DIR --composites DIR

During development only `--part val` is looked at; the test part is measured once,
at the end. Figures are printed; --write puts those of the test part into
DIR/evaluation.json (those of the 8-bit file under `int8`), others into DIR/metrics.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import tomllib
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from calibrate import age_interval, calibration_error
from data import (
    AGE_BANDS, DECADES, ETHNICITIES, GENDERS, Labels, age_band, decade, load_face, read_labels,
)
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
    parser.add_argument("--precision", choices=("fp32", "int8"), default="fp32", help="which file")
    parser.add_argument("--write", action="store_true", help="keep the figures in the folder")
    return parser.parse_args()


def share(hits: np.ndarray) -> float:
    """Share of True, rounded as cards quote it."""
    return round(float(np.mean(hits)), 4)


def by_class(
    hits: np.ndarray, truth: np.ndarray, names: list[str] | tuple[str, ...]
) -> dict[str, float]:
    """Share of hits among the faces of each true class."""
    return {name: share(hits[truth == name]) for name in names if np.any(truth == name)}


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
        "calibration_error": round(calibration_error(probabilities, hits), 4),
        "true_share": {name: share(truth == name) for name in names},
        "estimated_share": {name: round(float(means[name]), 4) for name in names},
    }


def age_figures(answers: Answers, ages: np.ndarray, margin: list[float] | None) -> dict:
    """Figures of the age head; those of intervals where the manifest has margins."""
    years, bands = answers.years(), np.array(DECADES)[decade(ages)]
    error = np.abs(years - ages)
    figures = {
        "mae": round(float(error.mean()), 3),
        "mae_by_band": {b: round(float(error[bands == b].mean()), 2) for b in sorted(set(bands))},
        "bias": round(float((years - ages).mean()), 3),
    }
    if margin is not None:
        low, high = age_interval(answers.probabilities["age"], margin)
        inside = (low <= ages) & (ages <= high)
        expected = np.array(DECADES)[decade(years)]
        figures["interval_coverage"] = share(inside)
        figures["interval_coverage_by_band"] = by_class(inside, bands, DECADES)
        figures["interval_coverage_by_estimated_band"] = by_class(inside, expected, DECADES)
        figures["interval_width_median"] = round(float(np.median(high - low)), 2)
    return figures


def face_figures(
    answers: Answers, truth: dict[str, np.ndarray], margin: list[float] | None
) -> dict[str, object]:
    """All figures on one set of faces."""
    ages = truth["age"]
    figures: dict[str, object] = {"n": len(ages)}
    for attribute, names in (("gender", GENDERS), ("ethnicity", ETHNICITIES)):
        if attribute in answers.classes:
            figures[attribute] = class_figures(answers, attribute, truth[attribute], names)
    if "age" in answers.classes:
        figures["age"] = age_figures(answers, ages, margin)
        bands = np.array(DECADES)[decade(ages)]
        hits = np.array(DECADES)[decade(answers.years())] == bands
        recall = by_class(hits, bands, DECADES)
        figures["age_band"] = {"accuracy": share(hits), "recall": recall}
    return figures


def interval_margin(folder: Path) -> list[float] | None:
    """The margins of the age intervals, if the manifest has any."""
    manifest = tomllib.loads((folder / "manifest.toml").read_text())
    heads = [head for net in manifest["net"] for head in net["head"]]
    found = [head["interval"]["margin"] for head in heads if "interval" in head]
    return found[0] if found else None


def truth_of(labels: Labels) -> dict[str, np.ndarray]:
    """Labelled age and names of classes."""
    return {
        "age": labels.age,
        "gender": np.array(GENDERS)[labels.gender],
        "ethnicity": np.array(ETHNICITIES)[labels.ethnicity],
    }


def measure_faces(options: argparse.Namespace) -> dict[str, object]:
    """Figures on a part of the labelled faces, with and without disputed labels."""
    labels = read_labels(options.labels)
    labels = labels.subset(labels.rows(options.part))
    with zipfile.ZipFile(options.data) as archive:
        faces = (load_face(archive, name) for name in labels.files)
        answers = predict(options.model, faces, options.precision)
    truth = truth_of(labels)
    margin = interval_margin(options.model)
    calm = ~labels.conflict
    calm_answers = Answers(
        {name: part[calm] for name, part in answers.probabilities.items()}, answers.classes
    )
    calm_truth = {name: values[calm] for name, values in truth.items()}
    return {
        **face_figures(answers, truth, margin),
        "without_label_conflict": face_figures(calm_answers, calm_truth, margin),
    }


def measure_composites(options: argparse.Namespace) -> dict[str, object]:
    """How often the model agrees with the labels of the composites, and where it does not."""
    with (options.composites / "labels.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    faces = [Image.open(options.composites / row["file"]).convert("RGB") for row in rows]
    answers = predict(options.model, faces, options.precision)
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


def keep(options: argparse.Namespace, figures: dict[str, object]) -> None:
    """Write the figures into the model folder, beside those that are there."""
    measured_on_test = options.what == "faces" and options.part == "test"
    path = options.model / ("evaluation.json" if measured_on_test else "metrics.json")
    kept = json.loads(path.read_text()) if path.exists() else {}
    if not measured_on_test:
        kept["composites" if options.what == "composites" else options.part] = figures
    elif options.precision == "fp32":
        kept = {**figures, **{key: kept[key] for key in ("int8",) if key in kept}}
    else:
        kept[options.precision] = figures
    path.write_text(json.dumps(kept, indent=2) + "\n")


def main() -> None:
    """Measure, print, and keep the figures if asked to."""
    options = parse_arguments()
    measure = measure_composites if options.what == "composites" else measure_faces
    figures = measure(options)
    print(json.dumps(figures, indent=2))
    if options.write:
        keep(options, figures)


if __name__ == "__main__":
    main()
