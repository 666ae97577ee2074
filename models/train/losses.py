"""What the networks are trained for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from data import AGE_CLASSES, Labels
from network import HeadLogits

GENDER_SMOOTHING, RACE_SMOOTHING = 0.04, 0.05
TEACHING = HeadLogits(age=0.7, gender=1.2, race=1.0)  # weight of each head in what a teacher says
LABELLED = 0.4  # weight of the labels beside a teacher


@dataclass
class Truth:
    """Labels on the device that trains."""

    age: torch.Tensor  # years, -1 where only the span is known
    low: torch.Tensor
    high: torch.Tensor
    gender: torch.Tensor
    races: torch.Tensor  # (faces, 7), 1 for every race that the label allows

    @staticmethod
    def of(labels: Labels, device: torch.device | str) -> Truth:
        """All labels of some data."""
        arrays = (labels.age, labels.low, labels.high)
        spans = [torch.tensor(ages, device=device).float() for ages in arrays]
        gender = torch.tensor(labels.gender, device=device)
        return Truth(*spans, gender, torch.tensor(labels.races, device=device).float())

    def take(self, rows: torch.Tensor) -> Truth:
        """The labels of some faces."""
        every = (self.age, self.low, self.high, self.gender, self.races)
        return Truth(*(values[rows] for values in every))


class Objective:
    """Losses on one device."""

    def __init__(self, device: torch.device | str) -> None:
        self.years = torch.arange(AGE_CLASSES, device=device).float()

    def age(self, logits: torch.Tensor, truth: Truth) -> torch.Tensor:
        """Of each face. An exact age is a bell that widens with age, because annotators place a
        child within a year and a pensioner within five, and a wrong mean costs too. A span of
        years is worth the probability of the whole span, whatever lies where in it."""
        log_shares = F.log_softmax(logits, 1)
        inside = (self.years >= truth.low[:, None]) & (self.years <= truth.high[:, None])
        inside |= (self.years == AGE_CLASSES - 1) & (truth.low[:, None] >= AGE_CLASSES)
        span = -torch.logsumexp(log_shares.masked_fill(~inside, -1e4), 1)
        exact = truth.age.clamp(0, AGE_CLASSES - 1)
        width = 1.5 + 0.05 * exact
        bell = torch.exp(-0.5 * ((self.years - exact[:, None]) / width[:, None]) ** 2)
        bell = bell / bell.sum(1, keepdim=True)
        mean = (log_shares.exp() * self.years).sum(1)
        years = -0.5 * (bell * log_shares).sum(1) + 0.12 * (mean - exact).abs()
        return torch.where(truth.age >= 0, years, 0.8 * span)

    def rough(self, logits: torch.Tensor) -> torch.Tensor:
        """Roughness of the age distribution: a span says nothing of the years in it, and
        neighbouring years should not differ without a reason."""
        return 0.05 * ((logits[:, 2:] - 2 * logits[:, 1:-1] + logits[:, :-2]) ** 2).mean()

    def race(self, logits: torch.Tensor, truth: Truth) -> torch.Tensor:
        """Of each face: an ethnicity is worth the probability of all its races together."""
        log_shares = F.log_softmax(logits, 1)
        right = -torch.logsumexp(log_shares + torch.log(truth.races + 1e-6), 1)
        return (1 - RACE_SMOOTHING) * right - RACE_SMOOTHING * log_shares.mean(1)

    def labels(self, logits: HeadLogits, truth: Truth) -> torch.Tensor:
        """How far the answers are from the labels."""
        gender = F.cross_entropy(logits.gender, truth.gender, label_smoothing=GENDER_SMOOTHING)
        each = self.age(logits.age, truth) + self.race(logits.race, truth)
        return each.mean() + gender + self.rough(logits.age)

    def teaching(self, logits: HeadLogits, taught: HeadLogits) -> torch.Tensor:
        """How far the answers are from a teacher's probabilities (cross-entropy)."""
        parts = zip(TEACHING, logits, taught)
        return sum(w * F.cross_entropy(logit, shares) for w, logit, shares in parts)

    def both(
        self, logits: HeadLogits, truth: Truth, taught: HeadLogits, unlabelled: int
    ) -> torch.Tensor:
        """Taught, and labelled but for the first `unlabelled` faces."""
        rest = HeadLogits(*(part[unlabelled:] for part in logits))
        known = Truth(*(v[unlabelled:] for v in vars(truth).values()))
        return self.teaching(logits, taught) + LABELLED * self.labels(rest, known)
