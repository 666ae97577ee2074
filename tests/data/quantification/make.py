"""Make oracle.json: what QuaPy 0.2.3 (PyPI) estimates from made-up posteriors.

    pip install quapy==0.2.3 && python tests/data/quantification/make.py

`acc` and `pacc` are QuaPy's adjustment with
solver "exact-raise" where the solution lies inside the simplex; `acc_edge` is its default solver where it does not.
"""

import json
from pathlib import Path

import numpy as np
from quapy.method.aggregative import ACC, EMQ, PACC

SEED = 20260
APART = 1.6  # of the classes, in standard deviations


def posteriors(rng: np.random.Generator, truths: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Calibrated posteriors at the shares `prior`, by Bayes' rule from Gaussian features."""
    features = rng.normal(0, 1, (len(truths), len(prior)))
    features[np.arange(len(truths)), truths] += APART
    powers = prior * np.exp(APART * features)
    rows = np.round(powers / powers.sum(1, keepdims=True), 4)
    rows[np.arange(len(rows)), rows.argmax(1)] += 1 - rows.sum(1)
    return rows.round(4)


def case(rng: np.random.Generator, calibration: list[int], window: list[int]) -> dict:
    """One calibration, one window and QuaPy's answers."""
    classes = len(calibration)
    labels = np.repeat(np.arange(classes), calibration)
    prior = np.bincount(labels) / len(labels)
    known = posteriors(rng, labels, prior)
    seen = posteriors(rng, np.repeat(np.arange(classes), window), prior)
    names = np.arange(classes)
    hard = ACC.getPteCondEstim(names, labels, known.argmax(1))
    soft = PACC.getPteCondEstim(names, labels, known)
    counted = np.bincount(seen.argmax(1), minlength=classes) / len(seen)

    def adjust(rates: np.ndarray, shown: np.ndarray, solver: str) -> list[float]:
        return list(ACC.solve_adjustment(rates, shown, method="inversion", solver=solver))

    EMQ.MAX_ITER = 100_000
    emq, _ = EMQ.EM(prior, seen, epsilon=1e-13)
    outside = np.array([-0.1] + [1.1 / (classes - 1)] * (classes - 1))
    edge = hard @ outside
    return {
        "labels": labels.tolist(),
        "calibration": known.tolist(),
        "window": seen.tolist(),
        "acc": adjust(hard, counted, "exact-raise"),
        "pacc": adjust(soft, seen.mean(0), "exact-raise"),
        "emq": emq.tolist(),
        "acc_edge": {"counted": edge.tolist(), "shares": adjust(hard, edge, "minimize")},
    }


def main() -> None:
    """Write the file beside this script."""
    rng = np.random.default_rng(SEED)
    cases = [
        case(rng, [500, 500], [230, 770]),
        case(rng, [520, 300, 180], [200, 200, 600]),
        case(rng, [480, 280, 240, 240, 160], [120, 340, 170, 140, 230]),
    ]
    Path(__file__).with_name("oracle.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
