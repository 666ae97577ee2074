"""What the validation part decides after training: the bias of a rare class, the temperature
of each head, and how far age intervals must be widened to keep their promise.

Works on logits in numpy; nothing here knows the network.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from data import AGE_CLASSES, DECADE_STARTS, ETHNICITIES, GENDERS, Labels, decade
from losses import age_distribution

LOW, HIGH, LEVEL = 0.05, 0.95, 0.9
OLDEST = 120.0
# The least part of the faces labelled "other" that must be found as such.
RECALL_MIN = 0.35


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities at a temperature, over the last axis."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def rare_class_bias(logits: np.ndarray, labels: Labels, rows: np.ndarray) -> float:
    """What to add to the logit of "other", which weighs more in training than its faces do, for the
    best accuracy that still finds enough of them."""
    truth, rare = labels.ethnicity[rows], ETHNICITIES.index("other")
    best, best_worth = 0.0, -math.inf
    for bias in np.linspace(-1, 1.5, 51):
        chosen = (logits + bias * (np.arange(len(ETHNICITIES)) == rare)).argmax(1)
        hits = chosen == truth
        recall = hits[truth == rare].mean() if (truth == rare).any() else 0.0
        worth = hits.mean() + min(0.0, recall - RECALL_MIN)
        if worth > best_worth + 1e-9:
            best, best_worth = round(float(bias), 2), worth
    return best


def fit_temperatures(
    logits: dict[str, np.ndarray], labels: Labels, rows: np.ndarray
) -> dict[str, float]:
    """The temperature of every head that makes the labels most likely. An age counts as in
    training: spread a little over the neighbouring years."""
    years = torch.from_numpy(labels.age[rows]).clamp(max=AGE_CLASSES - 1).float()
    wanted = {
        "age": age_distribution(years).numpy(),
        "gender": np.eye(len(GENDERS))[labels.gender[rows]],
        "ethnicity": np.eye(len(ETHNICITIES))[labels.ethnicity[rows]],
    }
    fitted = {}
    for name, target in wanted.items():
        grid = np.geomspace(0.4, 2.5, 184)
        losses = [-(target * np.log(softmax(logits[name], t) + 1e-12)).sum() for t in grid]
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
    return first - 0.5 + (level - before) / posterior[face, first]


def age_interval(posterior: np.ndarray, margin: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval of each face: quantiles of the posterior, widened by the margin of
    the decade in which the expected age lies."""
    wider = np.array(margin)[decade(posterior @ np.arange(posterior.shape[1]))]
    low, high = quantile(posterior, LOW) - wider, quantile(posterior, HIGH) + wider
    return np.clip(low, 0, OLDEST), np.clip(high, 0, OLDEST)


def fit_margins(posterior: np.ndarray, ages: np.ndarray) -> list[float]:
    """Conformalised quantile regression (Romano, Patterson, Candes 2019) apart for each decade
    of the expected age: the margin that `LEVEL` of the validation faces need."""
    needed = np.maximum(quantile(posterior, LOW) - ages, ages - quantile(posterior, HIGH))
    expected = decade(posterior @ np.arange(posterior.shape[1]))
    margins = []
    for band in range(len(DECADE_STARTS)):
        scores = np.sort(needed[expected == band])
        if len(scores) == 0:  # a run on a few faces only
            scores = np.sort(needed)
        rank = min(len(scores), math.ceil((len(scores) + 1) * LEVEL)) - 1
        margins.append(round(float(scores[rank]), 2))
    return margins


def calibration_error(probabilities: np.ndarray, hits: np.ndarray, bins: int = 15) -> float:
    """Mean distance between confidence and accuracy over equally filled bins."""
    confidence = probabilities.max(1)
    groups = np.array_split(np.argsort(confidence), bins)
    weighted = [len(g) * abs(confidence[g].mean() - hits[g].mean()) for g in groups if len(g)]
    return float(sum(weighted) / len(hits))
