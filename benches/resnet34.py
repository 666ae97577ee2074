"""Writes a ResNet-34 for 224 px as a user would bring it: fp32, plain convolutions and ReLU, three heads, a manifest.

    .setup/bench-venv/bin/python benches/resnet34.py --out resnet34 --pictures tests/data/composites

Promises: the same files from the same seed; a free batch dimension; decisions that vary. Its weights are random (He et al.
2015), batch normalisation is folded into them: what it says of a face means nothing, what it costs is what a trained one
costs. Each layer is scaled, and the heads are centred, on the pictures, as training would have left them.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIDE = 224
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]  # of ImageNet, in 0..255
STAGES = [(64, 3), (128, 4), (256, 6), (512, 3)]  # He, Zhang, Ren, Sun: Deep residual learning, 2016, table 1
HEADS = {"age": 101, "gender": 2, "ethnicity": 5}
# How far logits of a head spread over the pictures: margins that are neither nothing nor certainty.
SPREAD = 2.0
CARD = """# resnet34-random

Random weights of the shape of ResNet-34, for measuring speed. It knows nothing about faces.
"""


class Graph:
    """Nodes and weights of the net, in the order in which they run."""

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, np.ndarray] = {}

    def conv(self, source: str, name: str, shape: tuple[int, int, int], stride: int) -> str:
        """A convolution with its folded normalisation: `shape` is channels in, channels out, side of the kernel."""
        channels_in, channels_out, side = shape
        spread = np.sqrt(2.0 / (channels_in * side * side))
        weight = self.draw.normal(0.0, spread, (channels_out, channels_in, side, side))
        self.weights[f"{name}.weight"] = weight.astype(np.float32)
        self.weights[f"{name}.bias"] = self.draw.normal(0.0, 0.1, channels_out).astype(np.float32)
        inputs = [source, f"{name}.weight", f"{name}.bias"]
        self.nodes.append(helper.make_node(
            "Conv", inputs, [name], kernel_shape=[side, side], strides=[stride] * 2, pads=[side // 2] * 4,
        ))
        return name

    def apply(self, kind: str, sources: list[str], name: str, **attributes: object) -> str:
        """Any other node."""
        self.nodes.append(helper.make_node(kind, sources, [name], **attributes))
        return name

    def block(self, source: str, name: str, shape: tuple[int, int], stride: int) -> str:
        """Two convolutions and the way round them."""
        channels_in, channels = shape
        first = self.conv(source, f"{name}.first", (channels_in, channels, 3), stride)
        second = self.conv(self.apply("Relu", [first], f"{name}.relu"), f"{name}.second", (channels, channels, 3), 1)
        # The branch adds less than the way round brings, as in a trained net; else numbers double with every block.
        self.weights[f"{name}.second.weight"] *= 0.5
        around = source
        if stride != 1 or channels_in != channels:
            around = self.conv(source, f"{name}.around", (channels_in, channels, 1), stride)
        return self.apply("Relu", [self.apply("Add", [second, around], f"{name}.sum")], name)

    def heads(self, features: str, weights: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """A linear layer each."""
        for name, (weight, bias) in weights.items():
            self.weights[f"{name}.weight"], self.weights[f"{name}.bias"] = weight, bias
            self.apply("Gemm", [features, f"{name}.weight", f"{name}.bias"], name)

    def model(self, outputs: dict[str, int]) -> onnx.ModelProto:
        """The whole, checked."""
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])
        made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size]) for name, size in outputs.items()]
        held = [numpy_helper.from_array(value, name) for name, value in self.weights.items()]
        graph = helper.make_graph(self.nodes, "resnet34", [image], made, held)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model, full_check=True)
        return model


def backbone(graph: Graph) -> str:
    """Everything up to the 512 features."""
    at = graph.apply("Relu", [graph.conv("image", "stem", (3, 64, 7), 2)], "stem.relu")
    at = graph.apply("MaxPool", [at], "stem.pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    before = 64
    for stage, (channels, blocks) in enumerate(STAGES, 1):
        for block in range(blocks):
            stride = 2 if stage > 1 and block == 0 else 1
            at = graph.block(at, f"stage{stage}.{block}", (before, channels), stride)
            before = channels
    pooled = graph.apply("GlobalAveragePool", [at], "pooled")
    return graph.apply("Flatten", [pooled], "features")


def head_weights(features: np.ndarray, draw: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Directions in which the pictures differ, each scaled to the same spread and centred."""
    centre = features.mean(axis=0)
    _, sizes, axes = np.linalg.svd(features - centre, full_matrices=False)
    kept = min(4, len(sizes) - 1)  # the largest: others would raise the noise of 16 bits
    # Whitened: every kept direction counts the same, so that no class wins everywhere.
    basis = axes[:kept].T / (sizes[:kept] / np.sqrt(len(features)))
    found = {}
    for name, classes in HEADS.items():
        if name == "age":
            found[name] = age_weights(basis @ draw.normal(0.0, 1 / np.sqrt(kept), kept), centre, np.arange(classes))
            continue
        weight = (basis @ draw.normal(0.0, SPREAD / np.sqrt(kept), (kept, classes))).astype(np.float32)
        found[name] = weight, (-centre @ weight).astype(np.float32)
    return found


def age_weights(direction: np.ndarray, centre: np.ndarray, ages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A bell around an age that grows along the direction: its logarithm is linear in the features."""
    mean, spread, width = 40.0, 18.0, 6.0  # years: of the pictures, among the pictures, of one picture's bell
    weight = np.outer(direction, spread * ages / width**2)
    bias = mean * ages / width**2 - ages**2 / (2 * width**2) - centre @ weight
    return weight.astype(np.float32), bias.astype(np.float32)


def tensors(pictures: Path) -> np.ndarray:
    """The pictures as the net wants them."""
    paths = sorted(path for path in pictures.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})[:192]
    if len(paths) < 16:
        raise SystemExit(f"{pictures} holds {len(paths)} JPEGs and PNGs; give 16 or more")
    read = [cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in paths]
    sized = np.stack([cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) for picture in read])
    return ((sized - np.float32(MEAN)) / np.float32(STD)).transpose(0, 3, 1, 2).astype(np.float32)


def answers(model: onnx.ModelProto, images: np.ndarray) -> list[np.ndarray]:
    """What the net says of them."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    parts = [session.run(None, {"image": images[first : first + 16]}) for first in range(0, len(images), 16)]
    return [np.concatenate(part) for part in zip(*parts)]


def manifest(digest: str) -> str:
    """Contract v1, models/README.md."""
    heads = {
        "age": f'kind = "age_distribution"\nages = {[float(age) for age in range(HEADS["age"])]}',
        "gender": 'kind = "softmax"\nlabels = ["female", "male"]',
        "ethnicity": 'kind = "softmax"\nlabels = ["white", "black", "asian", "indian", "other"]',
    }
    text = (
        'version = 1\nname = "resnet34-random"\nlicence = "CC0-1.0"\ncommercial_use = true\ncard = "CARD.md"\n\n'
        f'[[net]]\nfile = "model.onnx"\nsha256 = "{digest}"\n\n'
        f'[net.input]\nname = "image"\nlayout = "nchw"\nwidth = {SIDE}\nheight = {SIDE}\n'
        f'colour = "rgb"\nresize = "antialias"\nmean = {MEAN}\nstd = {STD}\n'
    )
    for name, what in heads.items():
        text += f'\n[[net.head]]\nattribute = "{name}"\n{what}\noutput = "{name}"\nactivation = "logits"\ntemperature = 1.0\n'
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="the model's folder")
    parser.add_argument("--pictures", type=Path, required=True, help="a folder of pictures of faces")
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    images, graph = tensors(chosen.pictures), Graph(chosen.seed)
    features = backbone(graph)
    seen = answers(graph.model({features: 512}), images)[0]
    graph.heads(features, head_weights(seen, graph.draw))
    model = graph.model(HEADS)
    for name, rows in zip(HEADS, answers(model, images)):
        wins = np.bincount(rows.argmax(axis=1))
        first, second = -np.partition(-rows, 1, axis=1)[:, :2].T
        print(f"{name}: {np.count_nonzero(wins)} of {rows.shape[1]} classes win, the most frequent {wins.max()} of "
              f"{len(rows)} times, by {np.median(first - second):.2f} in the median")
    chosen.out.mkdir(parents=True, exist_ok=True)
    content = model.SerializeToString()
    (chosen.out / "model.onnx").write_bytes(content)
    (chosen.out / "manifest.toml").write_text(manifest(hashlib.sha256(content).hexdigest()))
    (chosen.out / "CARD.md").write_text(CARD)


if __name__ == "__main__":
    main()
