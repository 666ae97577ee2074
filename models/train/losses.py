"""What teacher and student are trained for, and how an epoch is judged on the validation part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from data import AGE_CLASSES, ETHNICITIES, GENDERS, Labels


class HeadLogits(NamedTuple):
    """One tensor a head, each (faces, classes): logits, or probabilities where said so."""

    age: torch.Tensor
    gender: torch.Tensor
    ethnicity: torch.Tensor


@dataclass(frozen=True)
class Targets:
    """Target probabilities of every head and the labelled age in years."""

    probabilities: HeadLogits
    years: torch.Tensor

    @staticmethod
    def from_labels(labels: Labels, smoothing: float = 0.05) -> Targets:
        """Smoothed one-hot classes, and ages spread over the neighbouring years."""
        years = torch.from_numpy(labels.age).clamp(max=AGE_CLASSES - 1).float()
        return Targets(
            HeadLogits(
                age_distribution(years),
                smooth_one_hot(labels.gender, len(GENDERS), smoothing),
                smooth_one_hot(labels.ethnicity, len(ETHNICITIES), smoothing),
            ),
            years,
        )

    def mixed(self, teacher: HeadLogits, share: torch.Tensor) -> Targets:
        """Labels blended with the teacher's probabilities, whose part is `share` (faces, 1)."""
        parts = zip(self.probabilities, teacher)
        return Targets(
            HeadLogits(*(label + share * (soft - label) for label, soft in parts)), self.years
        )

    def take(self, rows: torch.Tensor) -> Targets:
        """The targets of some faces."""
        return Targets(HeadLogits(*(part[rows] for part in self.probabilities)), self.years[rows])

    def to(self, device: torch.device) -> Targets:
        """The same targets on another device."""
        moved = HeadLogits(*(part.to(device) for part in self.probabilities))
        return Targets(moved, self.years.to(device))


def age_distribution(years: torch.Tensor) -> torch.Tensor:
    """Label distribution learning: a Gaussian over the years that widens with age,
    because annotators place a child within a year and a pensioner within five."""
    classes = torch.arange(AGE_CLASSES, dtype=torch.float32)
    sigma = (1.0 + 0.05 * years)[:, None]
    return F.softmax(-((classes - years[:, None]) ** 2) / (2 * sigma**2), dim=1)


def smooth_one_hot(classes: np.ndarray, count: int, smoothing: float) -> torch.Tensor:
    """One-hot rows with `smoothing` of the mass spread over all classes."""
    hot = F.one_hot(torch.from_numpy(classes), count).float()
    return hot * (1 - smoothing) + smoothing / count


def expected_age(logits: torch.Tensor) -> torch.Tensor:
    """Mean of the age distribution, in years."""
    classes = torch.arange(AGE_CLASSES, dtype=torch.float32, device=logits.device)
    return F.softmax(logits.float(), dim=1) @ classes


def head_loss(
    logits: HeadLogits, targets: Targets, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Cross-entropy of the three heads plus the error of the expected age (in decades),
    averaged over the faces, each with its weight."""
    age, gender, ethnicity = (
        F.cross_entropy(logit.float(), target, reduction="none")
        for logit, target in zip(logits, targets.probabilities)
    )
    years = expected_age(logits.age) / 10
    error = F.smooth_l1_loss(years, targets.years / 10, reduction="none")
    losses = age * 0.5 + gender * 1.6 + ethnicity + error
    return losses.mean() if weights is None else (losses * weights).sum() / weights.sum()


def validation_score(logits: HeadLogits, labels: Labels, rows: np.ndarray) -> tuple[float, str]:
    """One number to choose an epoch by (higher is better), and the same in words."""
    gender = np.mean(logits.gender.argmax(1).numpy() == labels.gender[rows])
    ethnicity = np.mean(logits.ethnicity.argmax(1).numpy() == labels.ethnicity[rows])
    years = np.minimum(labels.age[rows], AGE_CLASSES - 1)
    mae = np.mean(np.abs(expected_age(logits.age).numpy() - years))
    text = f"gender {gender:.4f} ethnicity {ethnicity:.4f} age error {mae:.2f}"
    return float(gender + ethnicity - mae / 20), text
