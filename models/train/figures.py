"""Figures of answers on labelled faces: what train.py writes of the validation part.

Works on probabilities in numpy. The test part is measured by `demograph evaluate`, through the
service's own decoding and inference; its figures are the ones that a card quotes.
"""

from __future__ import annotations

import numpy as np

from calibrate import age_interval, calibration_error
from data import DECADES, ETHNICITIES, GENDERS, Labels, decade
from runtime import Answers


def share(hits: np.ndarray) -> float:
    """Share of True, to four places."""
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


def truth_of(labels: Labels) -> dict[str, np.ndarray]:
    """Labelled age and names of classes."""
    return {
        "age": labels.age,
        "gender": np.array(GENDERS)[labels.gender],
        "ethnicity": np.array(ETHNICITIES)[labels.ethnicity],
    }
