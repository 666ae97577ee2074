"""Removes features that the heads can do without, so that the shipped file is smaller.

The heads are linear in the pooled features, and those are correlated. So features whose
removal costs least (with the heads refitted to give the same logits as before, by least squares
over training faces) are taken out of the last convolution, without further training.
"""

from __future__ import annotations

import numpy as np
import torch

from losses import HeadLogits
from network import FaceNet

AT_ONCE = 16  # features between two inversions
# One wrong bit of gender outweighs one of a hundred years of age.
WORTH = {"age": 1.0, "gender": 4.0, "ethnicity": 3.0}


@torch.no_grad()
def pooled_features(net: FaceNet, pixels: np.ndarray) -> np.ndarray:
    """What the heads read for prepared faces."""
    parts = torch.from_numpy(pixels).split(64)
    return torch.cat([net.embed(part) for part in parts]).double().numpy()


def features_to_keep(gram: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Backward elimination: taking feature j out of a least-squares fit costs
    |w_j|^2 / (G^-1)_jj; those of the least cost go, then the rest is fitted anew."""
    kept = np.arange(len(gram))
    fitted = weights
    while len(kept) > count:
        inverse = np.linalg.inv(gram[np.ix_(kept, kept)])
        fitted = inverse @ (gram[kept] @ weights)
        cost = (fitted**2).sum(axis=1) / np.diag(inverse)
        out = np.argsort(cost)[: min(AT_ONCE, len(kept) - count)]
        kept = np.delete(kept, out)
    return kept


@torch.no_grad()
def trim(net: FaceNet, features: np.ndarray, count: int) -> FaceNet:
    """A network with `count` features whose logits on the faces of `features` stay closest."""
    centre = features.mean(axis=0)
    spread = features - centre
    gram = spread.T @ spread / len(features)
    gram += np.eye(len(gram)) * 1e-4 * np.trace(gram) / len(gram)
    heads = {name: getattr(net, name) for name in HeadLogits._fields}
    weights = {name: head.weight.double().numpy().T for name, head in heads.items()}
    stacked = np.hstack([weights[name] * WORTH[name] for name in heads])
    kept = features_to_keep(gram, stacked, count)
    small = FaceNet(count)
    state = net.state_dict()
    last = f"layers.{len(net.layers) - 1}.conv."
    for part in ("weight", "bias"):
        state[last + part] = state[last + part][torch.from_numpy(kept)]
    solve = np.linalg.inv(gram[np.ix_(kept, kept)]) @ gram[kept]
    for name, head in heads.items():
        fitted = solve @ weights[name]
        bias = head.bias.double().numpy() + centre @ weights[name] - centre[kept] @ fitted
        state[f"{name}.weight"] = torch.from_numpy(fitted.T).float()
        state[f"{name}.bias"] = torch.from_numpy(bias).float()
    small.load_state_dict(state)
    return small.eval()
