"""Measure a model on the faces of FairFace's test part by race, gender and band of ages.

    python groups.py --model DIR --fairface ZIP CSV --write

In brackets stand Wilson's intervals, 95 %.
"""

from __future__ import annotations

import argparse
import json
import math
import zipfile
from pathlib import Path

import numpy as np

from calibrate import softmax
from data import BANDS, BAND_STARTS, GENDERS, RACES, Labels, load_face, read_labels
from runtime import chosen_precision, file_of, load_nets, model_id, read_manifest, run_all


def parse_arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--fairface", type=Path, nargs=2, metavar=("ZIP", "CSV"), required=True)
    parser.add_argument("--precision", choices=("auto", "fp32", "int8"), default="auto")
    parser.add_argument("--write", action="store_true", help="write groups.json")
    return parser.parse_args()


# Years of the card's columns: nine bands would leave a handful of faces in each.
SPANS = {"0-19": (0, 19), "20-39": (20, 39), "40-59": (40, 59), "60+": (60, 200)}


def of_spans(labels: Labels) -> dict[str, np.ndarray]:
    """Which faces are of each span."""
    return {
        name: (labels.low >= first) & (labels.low <= last) for name, (first, last) in SPANS.items()
    }


def rate(hits: np.ndarray) -> dict[str, float] | None:
    """A share with its interval (Wilson 1927)."""
    n = len(hits)
    if n == 0:
        return None
    share, z = float(hits.mean()), 1.959964
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    ends = {"low": max(0.0, middle - half), "high": min(1.0, middle + half)}
    return {"n": n, "share": round(share, 4), **{k: round(v, 4) for k, v in ends.items()}}


def main() -> None:
    """Measure and write."""
    options = parse_arguments()
    labels = read_labels(options.fairface[1])
    labels = labels.subset(labels.rows("test"))
    precision = chosen_precision(options.model, options.precision)
    with zipfile.ZipFile(options.fairface[0]) as archive:
        faces = (load_face(archive, name) for name in labels.files)
        logits = run_all(load_nets(options.model, precision)[0], faces, ["age", "gender", "race"])
    years = np.arange(logits["age"].shape[1])
    heat = {h["attribute"]: h["temperature"] for h in read_manifest(options.model)["net"][0]["head"]}
    shares = softmax(logits["age"], heat["age"])
    band = (shares @ np.eye(len(BANDS))[np.digitize(years, BAND_STARTS[1:])]).argmax(1)
    race, told = labels.races.argmax(1), logits["race"].argmax(1)
    right = {
        "gender": logits["gender"].argmax(1) == labels.gender,
        "race": told == race,
        "age_band": band == labels.band(),
    }
    cells = [
        {"labelled": name, "sex": sex, **{
            what: rate(hits[(race == r) & (labels.gender == g)]) for what, hits in right.items()
        }}
        for r, name in enumerate(RACES)
        for g, sex in enumerate(GENDERS)
    ]
    by_band = [
        {"band": name, **{what: rate(hits[labels.band() == b]) for what, hits in right.items()}}
        for b, name in enumerate(BANDS)
    ]
    finest = [
        {"labelled": name, "sex": sex, "band": band, **{
            what: rate(hits[(race == r) & (labels.gender == g) & (labels.band() == b)])
            for what, hits in right.items()
        }}
        for r, name in enumerate(RACES)
        for g, sex in enumerate(GENDERS)
        for b, band in enumerate(BANDS)
    ]
    spans = [
        {"labelled": name, "sex": sex, "by_span": {
            span: rate(right["gender"][(race == r) & (labels.gender == g) & inside])
            for span, inside in of_spans(labels).items()
        }}
        for r, name in enumerate(RACES)
        for g, sex in enumerate(GENDERS)
    ]
    recalls = [cell["gender"]["share"] for cell in cells if cell["gender"]]
    by_race = {name: rate(right["race"][race == r]) for r, name in enumerate(RACES)}
    of_races = [found["share"] for found in by_race.values() if found]
    result = {
        "model": model_id(options.model, precision),
        "precision": precision,
        "file": file_of(read_manifest(options.model)["net"][0], precision),
        "n": len(labels),
        **{what: rate(hits) for what, hits in right.items()},
        "race_recall": by_race,
        "race_gap": round(max(of_races) - min(of_races), 4),
        "gender_gap": round(max(recalls) - min(recalls), 4),
        "cells": cells,
        "by_band": by_band,
        "gender_by_span": spans,
        "race_gender_band": finest,
        "confusion": [[int(((race == a) & (told == b)).sum()) for b in range(len(RACES))]
                      for a in range(len(RACES))],
    }  # fmt: skip
    print({k: result[k] for k in ("gender", "race", "age_band", "race_gap", "gender_gap")})
    if options.write:
        (options.model / "groups.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
