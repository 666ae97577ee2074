"""JPEG -> tensor in Python, one thread: the ways that a practitioner has, CPU time of each. The fastest counts."""

from __future__ import annotations

import argparse
import json
import time
import tomllib
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

ROOT = Path(__file__).resolve().parent.parent.parent
ROUNDS, BATCH = 9, 8

cv2.setNumThreads(1)


def simple(jpeg: bytes) -> np.ndarray:
    return simplejpeg.decode_jpeg(jpeg, colorspace="RGB")


def scaled(jpeg: bytes) -> np.ndarray:
    """Decoded at the smallest scale that is not smaller than the model's input."""
    return simplejpeg.decode_jpeg(jpeg, colorspace="RGB", min_height=SIZE[1], min_width=SIZE[0], min_factor=1)


def opencv(jpeg: bytes) -> np.ndarray:
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def by_blob(pictures: list[np.ndarray], batch: np.ndarray) -> None:
    batch[: len(pictures)] = cv2.dnn.blobFromImages(pictures, mean=MEAN)


def by_numpy(pictures: list[np.ndarray], batch: np.ndarray) -> None:
    for place, picture in zip(batch, pictures):
        np.subtract(picture.transpose(2, 0, 1), SHIFT, out=place)


def microseconds(jpegs: list[bytes], decode, normalise) -> float:
    batch = np.empty((BATCH, 3, SIZE[1], SIZE[0]), np.float32)
    resized = np.empty((BATCH, SIZE[1], SIZE[0], 3), np.uint8)
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for first in range(0, len(jpegs), BATCH):
            part = jpegs[first : first + BATCH]
            for place, jpeg in zip(resized, part):
                cv2.resize(decode(jpeg), SIZE, dst=place, interpolation=cv2.INTER_LINEAR)
            normalise(list(resized[: len(part)]), batch)
        best = min(best, time.process_time() - began)
    return best / len(jpegs) * 1e6


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--crops", type=Path, required=True, help="a folder of JPEGs")
parser.add_argument("--manifest", type=Path, default=ROOT / "models" / "research-small" / "manifest.toml")
options = parser.parse_args()
contract = tomllib.loads(options.manifest.read_text())["net"][0]["input"]
SIZE = contract["width"], contract["height"]
MEAN = tuple(contract["mean"])
SHIFT = np.array(MEAN, np.float32).reshape(3, 1, 1)
files = [file.read_bytes() for file in sorted(options.crops.iterdir())]
for decoder in (simple, scaled, opencv):
    for way in (by_blob, by_numpy):
        print(json.dumps({"way": f"{decoder.__name__} {way.__name__}", "us": microseconds(files, decoder, way)}))
