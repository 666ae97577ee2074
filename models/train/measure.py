"""How a network does on the validation part while it trains, in a few numbers."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from data import Labels
from figures import of

CHUNK = 500


@torch.no_grad()
def answers(net: nn.Module, faces: torch.Tensor, rows: np.ndarray) -> list[np.ndarray]:
    """Probabilities of age, gender and race, of the faces as they are."""
    parts = []
    for chunk in np.array_split(rows, max(1, len(rows) // CHUNK)):
        chosen = torch.tensor(chunk, device=faces.device)
        pictures = faces[chosen].permute(0, 3, 1, 2).float()
        with torch.autocast(faces.device.type, torch.bfloat16):
            logits = net(pictures)
        parts.append([F.softmax(part.float(), 1).cpu().numpy() for part in logits])
    return [np.concatenate(part) for part in zip(*parts)]


def figures(net: nn.Module, faces: torch.Tensor, labels: Labels) -> dict[str, dict[str, float]]:
    """Accuracies (and the mean error of ages) on faces with spans and on faces with exact ages."""
    val, found = labels.rows("val"), {}
    for name, rows in (("bands", val[labels.age[val] < 0]), ("years", val[labels.age[val] >= 0])):
        if len(rows):
            found[name] = of(answers(net, faces, rows), labels.subset(rows))
    return found
