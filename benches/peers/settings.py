"""Measures the alternatives among which the peers' settings were chosen: decoders, resizing, layouts, engines, batches.

    .setup/bench-venv/bin/python benches/peers/settings.py --crops FOLDER-OF-JPEGS [--part pixels|engines]

CPU time of this process, the best of several repetitions, in microseconds a crop: what else the machine does disturbs
that least.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import simplejpeg

import contract
from engines import Choice, OnnxRuntime, OpenVino
from pixels import Pixels

ROOT = Path(__file__).resolve().parent.parent.parent
BATCHES = (1, 2, 4, 8, 16, 32)
CROPS = 192  # every batch divides it


def microseconds(work: Callable[[], object], crops: int, repetitions: int) -> float:
    """CPU time a crop."""
    work()
    found = []
    for _ in range(repetitions):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found) / crops * 1e6


def each(one: Callable[[bytes], object], jpegs: list[bytes]) -> Callable[[], None]:
    """One after another, and none kept: memory is then as warm as it is in a peer."""
    def work() -> None:
        for jpeg in jpegs:
            one(jpeg)
    return work


def pixels(jpegs: list[bytes], wanted: contract.Input) -> None:
    """A row a way from bytes to the net's numbers."""
    size = (wanted.width, wanted.height)
    into = Pixels(wanted, len(jpegs))
    decode = simplejpeg.decode_jpeg
    scaled = {"min_height": wanted.height, "min_width": wanted.width, "min_factor": 1}
    decoders = {
        "simplejpeg (libjpeg-turbo), full size": lambda jpeg: decode(jpeg, "RGB"),
        "the same, fastdct and fastupsample": lambda jpeg: decode(jpeg, "RGB", fastdct=True, fastupsample=True),
        "the same, least size that is not below the net's": lambda jpeg: decode(jpeg, "RGB", **scaled),
        "the same, half size where 0.9 of the net's remains": lambda jpeg: decode(jpeg, "RGB", **into.scaling),
        "cv2.imdecode": lambda jpeg: cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB),
    }
    target = np.empty((wanted.height, wanted.width, 3), np.uint8)
    for name, one in decoders.items():
        decoding = microseconds(each(one, jpegs), len(jpegs), 9)
        picture = one(jpegs[0])
        row = [f"{decoding:.0f}"]
        for kind in (cv2.INTER_LINEAR, cv2.INTER_AREA):
            resize = each(lambda _: cv2.resize(picture, size, dst=target, interpolation=kind), jpegs)
            row.append(f"{microseconds(resize, len(jpegs), 9):.0f}")
        print(f"| {name} -> {picture.shape[0]} px | {' | '.join(row)} |")
    whole = microseconds(lambda: into.fill(jpegs), len(jpegs), 9)
    print(f"| **what the peers do, all of it** | {whole:.0f} | | |")
    batch, numbers = into.batch[:8], np.empty((8, 3, wanted.height, wanted.width), np.float32)
    mean = np.array(wanted.mean, np.float32).reshape(1, 3, 1, 1)
    layouts = {
        "cv2.dnn.blobFromImages": lambda: cv2.dnn.blobFromImages(list(batch), mean=tuple(wanted.mean)),
        "numpy.subtract(transposed, mean, out=…)": lambda: np.subtract(batch.transpose(0, 3, 1, 2), mean, out=numbers),
    }
    for name, one in layouts.items():
        print(f"| {name} | {microseconds(each(lambda _: one(), jpegs[:24]), 8 * 24, 9):.0f} | | |")


def engines(jpegs: list[bytes], folder: Path) -> None:
    """A row an engine, file and precision, a column a batch: conversion and inference, no decoding."""
    manifest = contract.read(folder / "manifest.toml")
    into = Pixels(manifest.input, CROPS)
    into.fill((jpegs * CROPS)[:CROPS])
    choices = [(OnnxRuntime, "model.onnx", "f32"), (OnnxRuntime, "model.int8.onnx", "f32")]
    choices += [(OpenVino, file, precision) for file in ("model.onnx", "model.int8.onnx") for precision in ("f32", "bf16")]
    print(f"| engine, file, precision | {' | '.join(map(str, BATCHES))} |\n|---|{'---|' * len(BATCHES)}")
    for made, file, precision in choices:
        if not (folder / file).exists():
            continue
        row = []
        for batch in BATCHES:
            engine = made(Choice(made.__name__, folder / file, precision, batch), manifest)
            parts = [into.batch[first : first + batch] for first in range(0, CROPS, batch)]
            row.append(f"{microseconds(lambda: [engine.run(part) for part in parts], CROPS, 3):.0f}")
        print(f"| {made.__name__}, {file}, {precision} | {' | '.join(row)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--crops", type=Path, required=True, help="a folder of JPEGs")
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "research-small")
    parser.add_argument("--part", choices=["pixels", "engines"])
    chosen = parser.parse_args()
    jpegs = [path.read_bytes() for path in sorted(chosen.crops.glob("*.jpg"))[:CROPS]]
    if chosen.part != "engines":
        pixels(jpegs, contract.read(chosen.model / "manifest.toml").input)
    if chosen.part != "pixels":
        engines(jpegs, chosen.model)


if __name__ == "__main__":
    main()
