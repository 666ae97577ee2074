"""Measure whether a model's outputs, or its features before the heads, tell people apart.

    python identify.py --model DIR --utkface ZIP CSV [--peer ONNX] --write

Pairs of near-duplicates that were not trained on, one of them changed (crop, light, blur), against pairs
of others. A score that finds 999 of 1,000 strangers strange is the threshold; what counts is the
part of the true pairs above it. The pictures of a true pair are copies of one photograph, so the
figures are upper bounds of what a second photograph of the same person would give. `--peer` is a
network that was trained to recognise faces, for comparison.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper
from PIL import Image

from data import Labels, load_face, read_labels, resize_antialias
from robustness import crop_jitter
from runtime import load_nets, model_id, read_manifest

FALSE_RATE = 1e-3
STRANGERS = 200_000  # pairs
PEER_SIDE = 160


def parse_arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--utkface", type=Path, nargs=2, metavar=("ZIP", "CSV"), required=True)
    parser.add_argument("--peer", type=Path, help="a network that recognises faces (ONNX)")
    parser.add_argument("--write", action="store_true", help="write identity.json")
    return parser.parse_args()


def pairs(labels: Labels) -> np.ndarray:
    """The first two faces of every group of near-duplicates outside of training, (pairs, 2)."""
    rows = np.flatnonzero(labels.split != "train")
    groups, counts = np.unique(labels.group[rows], return_counts=True)
    several = groups[(counts > 1) & (groups >= 0)]
    return np.array([rows[labels.group[rows] == group][:2] for group in several])


def changed(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Another crop, other light, a little blur."""
    face = crop_jitter(face, draw)
    lit = np.clip(face * draw.uniform(0.6, 1.4) + draw.uniform(-15, 15), 0, 255).astype(np.uint8)
    return cv2.GaussianBlur(lit, (0, 0), draw.uniform(0.5, 2.0))


def with_features(folder: Path, place: Path) -> Path:
    """The network with its features as an output, in a file of its own: none that ships has it."""
    model = onnx.load(folder / read_manifest(folder)["net"][0]["file"])
    model.graph.output.append(
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", "width"])
    )
    onnx.save(model, place / "features.onnx")
    return place / "features.onnx"


def vectors(
    folder: Path, faces: list[np.ndarray], peer: Path | None
) -> dict[str, np.ndarray]:
    """Outputs and features of every face."""
    net = load_nets(folder)[0]
    names = [head["output"] for head in net.facts["head"]]
    with tempfile.TemporaryDirectory() as place:
        opened = ort.InferenceSession(str(with_features(folder, Path(place))))
    other = ort.InferenceSession(str(peer)) if peer else None
    parts: dict[str, list[np.ndarray]] = {}
    for at in range(0, len(faces), 32):
        some = [Image.fromarray(face) for face in faces[at : at + 32]]
        batch = np.ascontiguousarray(np.stack([net.prepare(face) for face in some]))
        *outputs, features = opened.run([*names, "features"], {net.facts["input"]["name"]: batch})
        parts.setdefault("outputs", []).append(np.concatenate(outputs, axis=1))
        parts.setdefault("features", []).append(features)
        if other:
            pixels = np.stack([resize_antialias(face, PEER_SIDE) for face in some])
            pixels = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)
            found = other.run(["features"], {other.get_inputs()[0].name: pixels})[0]
            parts.setdefault("peer", []).append(found)
    return {name: np.concatenate(rows) for name, rows in parts.items()}


def true_rate(some: np.ndarray, others: np.ndarray, seed: int = 1) -> dict[str, float]:
    """The part of true pairs (row by row) above the threshold that strangers set."""
    both = np.concatenate([some, others])
    centre, spread = both.mean(0), both.std(0) + 1e-9
    a, b = ((x - centre) / spread for x in (some, others))
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    draw = np.random.default_rng(seed)
    first, second = draw.integers(0, len(a), (2, STRANGERS))
    first, second = first[first != second], second[first != second]
    strangers = np.concatenate(
        [(a[f] * b[s]).sum(1) for f, s in zip(np.array_split(first, 50), np.array_split(second, 50))]
    )
    threshold = np.quantile(strangers, 1 - FALSE_RATE)
    return {
        "true_rate": round(float(((a * b).sum(1) > threshold).mean()), 4),
        "threshold": round(float(threshold), 4),
        "numbers": int(a.shape[1]),
    }


def main() -> None:
    """Measure and write."""
    options = parse_arguments()
    labels = read_labels(options.utkface[1])
    rows = pairs(labels)
    draw = np.random.default_rng(1)
    with zipfile.ZipFile(options.utkface[0]) as archive:
        faces = [[np.asarray(load_face(archive, labels.files[r])) for r in pair] for pair in rows]
    before = vectors(options.model, [pair[0] for pair in faces], options.peer)
    after = vectors(options.model, [changed(pair[1], draw) for pair in faces], options.peer)
    result = {
        "model": model_id(options.model, "fp32"),
        "pairs": len(rows),
        "false_rate": FALSE_RATE,
        **{name: true_rate(before[name], after[name]) for name in before},
    }
    print(json.dumps(result, indent=2))
    if options.write:
        (options.model / "identity.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
