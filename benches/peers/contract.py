"""The manifest of a model, as far as a peer needs it: the input, and what the outputs mean.

Promises: the same category as demograph's from the same numbers (src/infer/heads.rs, src/window/categories.rs), for any
model of the contract that has one net (models/README.md), whatever its heads are.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# demograph's defaults (`windows.age_bands`).
AGE_STARTS = np.array([0, 20, 30, 40, 50, 60, 70])
AGE_BANDS = [*(f"{low}-{high - 1}" for low, high in zip(AGE_STARTS, AGE_STARTS[1:])), f"{AGE_STARTS[-1]}+"]


@dataclass(frozen=True)
class Input:
    """What the net wants of a picture."""

    name: str
    width: int
    height: int
    is_rgb: bool
    is_channels_first: bool
    is_antialias: bool
    mean: list[float]
    std: list[float]


class Head:
    """One output: which category each row of it means."""

    def __init__(self, head: dict) -> None:
        self.attribute, self.output, self.kind = head["attribute"], head["output"], head["kind"]
        self.temperature = np.float32(head.get("temperature", 1.0))
        self.is_logits = head.get("activation", "logits") == "logits"
        self.is_age = self.attribute == "age"
        self.labels = AGE_BANDS if self.is_age else head["labels"]
        if self.is_age and self.kind != "regression":
            # One product sums the ages of each band.
            self.bands = np.eye(len(AGE_BANDS), dtype=np.float32)[band_of(np.asarray(head["ages"]))]

    def categories(self, rows: np.ndarray) -> np.ndarray:
        """The number of the most likely category of each row."""
        if not self.is_age:
            return rows.argmax(axis=1)  # neither a softmax nor a temperature changes the order
        if self.kind == "regression":
            return band_of(rows.reshape(-1))
        return (self._weights(rows) @ self.bands).argmax(axis=1)

    def _weights(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities but for a factor, which no comparison within a row sees."""
        if not self.is_logits and self.temperature == 1.0:
            return np.maximum(rows, 0.0)
        logits = rows if self.is_logits else np.log(np.maximum(rows, np.finfo(np.float32).tiny))
        logits = logits / self.temperature
        logits -= logits.max(axis=1, keepdims=True)
        return np.exp(logits, out=logits)


@dataclass(frozen=True)
class Contract:
    """One net: its input and its heads."""

    input: Input
    heads: list[Head]

    @property
    def attributes(self) -> list[tuple[str, list[str]]]:
        """What is counted: each attribute with its categories."""
        return [(head.attribute, head.labels) for head in self.heads]

    def decisions(self, outputs: list[np.ndarray]) -> list[tuple[int, ...]]:
        """The outputs of a batch, in the order of the heads -> for each picture the category of each attribute."""
        return list(zip(*(head.categories(rows).tolist() for head, rows in zip(self.heads, outputs))))


def band_of(ages: np.ndarray) -> np.ndarray:
    """The band of each age; 19.6 years lie in the one that ends with 19."""
    return np.maximum(np.searchsorted(AGE_STARTS, ages, side="right") - 1, 0)


def read(manifest: Path) -> Contract:
    """Reads a manifest.toml."""
    nets = tomllib.loads(manifest.read_text())["net"]
    if len(nets) != 1:
        raise SystemExit(f"{manifest} has {len(nets)} nets; the peers run models that have one")
    given = nets[0]["input"]
    wanted = Input(
        name=given["name"], width=given["width"], height=given["height"],
        is_rgb=given.get("colour", "rgb") == "rgb", is_channels_first=given.get("layout", "nchw") == "nchw",
        is_antialias=given.get("resize", "antialias") == "antialias", mean=given["mean"], std=given["std"],
    )
    return Contract(wanted, [Head(head) for head in nets[0]["head"]])
