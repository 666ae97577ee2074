"""The smallest usable face: how few pixels a crop may have.

Pictures of the validation part are shrunk to fewer and fewer pixels. The smallest usable side is
the one down to which gender and the five ethnicities each lose no more than `LOSS` of accuracy
against the pictures as they are.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from data import Labels, resize_antialias
from figures import of

SIDES = (16, 20, 24, 32, 40, 48, 64, 80, 96, 112)
LOSS = 0.03  # of gender's and of ethnicity's accuracy
Answer = Callable[[np.ndarray], dict[str, np.ndarray]]


def shrunk(face: np.ndarray, side: int) -> np.ndarray:
    """So many pixels a side, as a distant face has."""
    return cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)


def smallest(curve: dict[str, dict[str, float]], whole: dict[str, float]) -> int | None:
    """The fewest pixels from which on gender and ethnicity lose no more than `LOSS`."""
    usable = None
    for side, point in sorted(curve.items(), key=lambda item: -int(item[0])):
        if any(whole[name] - point[name] > LOSS for name in ("gender", "ethnicity")):
            break
        usable = int(side)
    return usable


def probabilities(logits: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Of age, gender and race; the temperature changes no winner."""
    powers = [np.exp(logits[k] - logits[k].max(1, keepdims=True)) for k in ("age", "gender", "race")]
    return [each / each.sum(1, keepdims=True) for each in powers]


def smallest_face(
    answer: Answer, faces: list[np.ndarray], labels: Labels, side: int
) -> tuple[dict[str, dict[str, float]], int | None]:
    """Accuracies by pixels (`whole`: as they are), and the smallest usable side."""

    def point(change: Callable[[np.ndarray], np.ndarray]) -> dict[str, float]:
        changed = (Image.fromarray(change(face)) for face in faces)
        pictures = np.stack([resize_antialias(face, side) for face in changed])
        return of(probabilities(answer(pictures)), labels)

    whole = point(lambda face: face)
    curve = {str(n): point(lambda face, n=n: shrunk(face, n)) for n in SIDES}
    return {"whole": whole, **curve}, smallest(curve, whole)
