"""The teacher: a frozen face backbone with small heads trained on its features.

The backbone (ONNX, raw RGB in, an output named `features`) runs once over every
face and its mirror image; the heads then train in a minute on the stored
features. What the student learns from are the teacher's probabilities and the
features themselves.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import nn
from torch.nn import functional as F

from data import AGE_CLASSES, ETHNICITIES, GENDERS, Labels
from losses import HeadLogits, Targets, head_loss, validation_score

FEATURES = 1024


class Heads(nn.Module):
    """Feature vector -> logits of age, gender and ethnicity."""

    def __init__(self, hidden: int = 512) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(FEATURES)
        self.body = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(FEATURES, hidden), nn.ReLU(), nn.Dropout(0.5)
        )
        self.age = nn.Linear(hidden, AGE_CLASSES)
        self.gender = nn.Linear(hidden, len(GENDERS))
        self.ethnicity = nn.Linear(hidden, len(ETHNICITIES))

    def forward(self, features: torch.Tensor) -> HeadLogits:
        hidden = self.body(self.norm(features))
        return HeadLogits(self.age(hidden), self.gender(hidden), self.ethnicity(hidden))


class Probe(nn.Module):
    """The heads of the network itself, linear in the features: where fine-tuning begins, so
    that its first steps do not spoil the backbone (Kumar et al. 2022)."""

    def __init__(self) -> None:
        super().__init__()
        self.age = nn.Linear(FEATURES, AGE_CLASSES)
        self.gender = nn.Linear(FEATURES, len(GENDERS))
        self.ethnicity = nn.Linear(FEATURES, len(ETHNICITIES))

    def forward(self, features: torch.Tensor) -> HeadLogits:
        return HeadLogits(self.age(features), self.gender(features), self.ethnicity(features))


def backbone_features(backbone: Path, faces: np.ndarray, cache: Path) -> np.ndarray:
    """Features (2, faces, 1024) of every face and of its mirror image, computed on first use."""
    path = cache / "features.npy"
    if path.exists():
        return np.load(path, mmap_mode="r")
    session = ort.InferenceSession(str(backbone), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    out = np.empty((2, len(faces), FEATURES), np.float32)
    began = time.monotonic()
    for start in range(0, len(faces), 32):
        batch = faces[start : start + 32].transpose(0, 3, 1, 2).astype(np.float32)
        for view, pixels in enumerate((batch, batch[..., ::-1])):
            inputs = {name: np.ascontiguousarray(pixels)}
            out[view, start : start + 32] = session.run(["features"], inputs)[0]
        if start % 3200 == 0:
            print(f"features: {start}/{len(faces)}, {time.monotonic() - began:.0f} s", flush=True)
    np.save(path, out)
    return out


def train_heads(
    heads: nn.Module, features: np.ndarray, labels: Labels, seed: int, epochs: int = 40
) -> nn.Module:
    """Fit the heads on the training part; the epoch with the best validation score wins."""
    train, val = labels.rows("train"), labels.rows("val")
    stored = torch.from_numpy(np.array(features))
    targets = Targets.from_labels(labels)
    optimiser = torch.optim.AdamW(heads.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    best, best_state = -np.inf, heads.state_dict()
    for epoch in range(epochs):
        heads.train()
        order = np.random.default_rng(seed + epoch).permutation(train)
        for rows in torch.from_numpy(order).split(256):
            view = torch.randint(2, (len(rows),))
            loss = head_loss(heads(stored[view, rows]), targets.take(rows))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
        score, text = validation_score(teacher_logits(heads, stored[:, val]), labels, val)
        if score > best:
            best = score
            best_state = {key: value.clone() for key, value in heads.state_dict().items()}
        if epoch % 5 == 4:
            print(f"heads {epoch + 1}/{epochs}: val {text}", flush=True)
    heads.load_state_dict(best_state)
    return heads.eval()


@torch.no_grad()
def teacher_logits(heads: nn.Module, features: torch.Tensor) -> HeadLogits:
    """Logits averaged over a face and its mirror image; features are (2, faces, 1024)."""
    heads.eval()
    both = [heads(view) for view in features]
    return HeadLogits(*(torch.stack(parts).mean(0) for parts in zip(*both)))


def soft_targets(heads: Heads, features: np.ndarray) -> HeadLogits:
    """The teacher's probabilities for every face, for the student to learn from."""
    logits = teacher_logits(heads, torch.from_numpy(np.array(features)))
    return HeadLogits(*(F.softmax(part, dim=1) for part in logits))
