"""What the validation part decides after training: the temperature of each head, and how far age
intervals must be widened to keep their promise.

Works on logits in numpy; nothing here knows the network. Where a label is a span of years, a
temperature makes the span likely, and an interval is fitted to ages spread evenly over the span:
the model's own guess of the year within a band cannot be checked there, so it is not believed.
"""

from __future__ import annotations

import math

import numpy as np

from data import DECADE_STARTS, ETHNICITIES, GENDERS, Labels

LOW, HIGH, LEVEL = 0.05, 0.95, 0.9
OLDEST = 120.0
OLDEST_DRAWN = 89  # of the last span, which has no end
DRAWS = 9  # ages drawn for a face whose label is a span


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities at a temperature, over the last axis."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def spans(labels: Labels, classes: int) -> np.ndarray:
    """The age classes (faces, classes) that each label allows. An exact age allows its
    neighbours too, more of them the older it is: annotators do not know it better."""
    years = np.arange(classes)
    loose = np.where(labels.age >= 0, np.rint(0.05 * np.maximum(labels.age, 0)), 0)
    low = np.minimum(labels.low - loose, classes - 1)
    return (years >= low[:, None]) & (years <= (labels.high + loose)[:, None])


def fit_temperatures(logits: dict[str, np.ndarray], labels: Labels) -> dict[str, float]:
    """The temperature of every head that makes the labels most likely."""
    wanted = {
        "age": spans(labels, logits["age"].shape[1]),
        "gender": np.eye(len(GENDERS), dtype=bool)[labels.gender],
        "race": labels.races,
        "ethnicity": np.eye(len(ETHNICITIES), dtype=bool)[labels.ethnicity],
    }
    grid, fitted = np.geomspace(0.4, 2.5, 184), {}
    for name, allowed in wanted.items():
        shares = [(softmax(logits[name], t) * allowed).sum(1) for t in grid]
        losses = [-np.log(each + 1e-12).mean() for each in shares]
        fitted[name] = round(float(grid[int(np.argmin(losses))]), 3)
    return fitted


def quantile(posterior: np.ndarray, level: float) -> np.ndarray:
    """Q(level) of age posteriors (faces, 101): the mass of age k lies evenly over k - 0.5 to
    k + 0.5, so with C(k) = p(0) + ... + p(k) and k the first age where C(k) >= level,
    Q = k - 0.5 + (level - C(k - 1)) / p(k)."""
    upto = posterior.cumsum(axis=1)
    first = np.minimum((upto < level).sum(axis=1), posterior.shape[1] - 1)
    face = np.arange(len(posterior))
    before = upto[face, first] - posterior[face, first]
    return first - 0.5 + (level - before) / np.maximum(posterior[face, first], 1e-12)


def decade(years: np.ndarray) -> np.ndarray:
    """Index into DECADE_STARTS for ages in years."""
    return np.digitize(years, DECADE_STARTS[1:])


def drawn_ages(labels: Labels) -> np.ndarray:
    """Ages (DRAWS, faces): the labelled one, or ages spread evenly over the labelled span."""
    parts = ((np.arange(DRAWS) + 0.5) / DRAWS)[:, None]
    years = np.minimum(labels.high, OLDEST_DRAWN) + 1 - labels.low
    return np.where(labels.age >= 0, labels.age, labels.low - 0.5 + parts * years)


def age_interval(posterior: np.ndarray, margin: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval of each face: quantiles of the posterior, widened by the margin of
    the decade in which the expected age lies."""
    wider = np.array(margin)[decade(posterior @ np.arange(posterior.shape[1]))]
    low, high = quantile(posterior, LOW) - wider, quantile(posterior, HIGH) + wider
    return np.clip(low, 0, OLDEST), np.clip(high, 0, OLDEST)


def fit_margins(posterior: np.ndarray, labels: Labels) -> list[float]:
    """Conformalised quantile regression (Romano, Patterson, Candes 2019) apart for each decade
    of the expected age: the margin that `LEVEL` of the validation faces need."""
    ages = drawn_ages(labels)
    needed = np.maximum(quantile(posterior, LOW) - ages, ages - quantile(posterior, HIGH))
    expected, margins = decade(posterior @ np.arange(posterior.shape[1])), []
    for band in range(len(DECADE_STARTS)):
        of_band = needed[:, expected == band]
        if not of_band.size:  # a run on a few faces only
            of_band = needed
        count = of_band.shape[1]
        part = min(1.0, math.ceil((count + 1) * LEVEL) / count)
        scores = np.sort(of_band.ravel())
        rank = min(len(scores), math.ceil(len(scores) * part)) - 1
        margins.append(round(float(scores[rank]), 2))
    return margins


def coverage(posterior: np.ndarray, margin: list[float], ages: np.ndarray) -> float:
    """How many of these ages the intervals hold."""
    low, high = age_interval(posterior, margin)
    return round(float(((low <= ages) & (ages <= high)).mean()), 4)
