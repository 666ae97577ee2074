"""What training needs, made from the composites and from seeded random numbers.

Promises: no photograph, no download; the same files every time. The weights have the shapes of the
real ones and none of their knowledge.
"""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from network import STRIDES, WIDTHS, FaceNet
from start import lite_layers

COMPOSITES = Path(__file__).resolve().parents[3] / "tests/data/composites"
PARTS = ("train", "train", "train", "val", "test")  # in turn
AGES = {  # an age of every band, and FairFace's band of it
    "0-17": (9, "3-9"), "18-24": (21, "20-29"), "25-34": (30, "30-39"), "35-44": (40, "40-49"),
    "45-54": (50, "50-59"), "55-64": (60, "60-69"), "65+": (72, "70+"),
}  # fmt: skip
RACES = {"asian": "east_asian", "other": "middle_eastern"}
MEAN = (123.68, 116.779, 103.939)
FEATURES = WIDTHS[-1]


def write_faces(folder: Path, name: str) -> tuple[Path, Path]:
    """All composites as a zip, and their labels in the form of `fairface` or `utkface`."""
    archive, labels = folder / f"{name}.zip", folder / f"{name}.csv"
    with (COMPOSITES / "labels.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    with zipfile.ZipFile(archive, "w") as out:
        for row in rows:
            out.write(COMPOSITES / row["file"], row["file"])
    written = []
    for number, row in enumerate(rows):
        age, band = AGES[row["age_band"]]
        same = {key: row[key] for key in ("file", "gender", "ethnicity")}
        same["split"] = PARTS[number % len(PARTS)]
        if name == "fairface":
            written.append(same | {
                "age_band": band, "race7": RACES.get(row["ethnicity"], row["ethnicity"]),
            })  # fmt: skip
        else:
            # Two of the test part are copies of each other; some are disputed.
            written.append(same | {
                "age": age, "dup_group": number // 10, "label_conflict": int(number % 20 == 4),
            })  # fmt: skip
    with labels.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, written[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(written)
    return archive, labels


def write_starts(folder: Path) -> Path:
    """A folder with weights under the names of the published ones."""
    place = folder / "start"
    place.mkdir()
    onnx.save(Backbone(seed=1).model(), place / "faceres.onnx")
    for kind in ("lite0", "lite2"):
        torch.manual_seed(2)
        net, state = FaceNet(kind), {}
        for ours, (conv, norm) in lite_layers(net).items():
            tensors = net.state_dict()
            state[f"{conv}.weight"] = tensors[f"{ours}.conv.weight"]
            for part in ("weight", "bias", "running_mean", "running_var"):
                state[f"{norm}.{part}"] = tensors[f"{ours}.norm.{part}"]
        torch.save(state, place / f"{kind}.pth")
    return place


class Backbone:
    """A MobileNetV1 as an ONNX graph: 27 convolutions, the bias of the last in an Add node."""

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        mean = np.float32(MEAN).reshape(1, 3, 1, 1)
        self.constants = [numpy_helper.from_array(mean, "mean_rgb")]

    def node(self, kind: str, inputs: list[str], **attributes: object) -> str:
        """Add a node; returns the name of its output."""
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def constant(self, values: np.ndarray) -> str:
        """Add a constant; returns its name."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def convolution(self, source: str, shape: tuple[int, int, int, int], stride: int = 1) -> str:
        """A convolution with a bounded activation; the shape is that of the weights."""
        out, inner, kernel, _ = shape
        # Activations keep their size; pixels, which the first convolution reads, are 60 times it.
        scale = np.sqrt(2 / np.prod(shape[1:])) / (60 if inner == 3 else 1)
        weights = self.constant(self.draw.standard_normal(shape) * scale)
        bias = self.draw.standard_normal(out) * 0.1
        group = out if inner == 1 else 1
        facts = {"strides": [stride, stride], "auto_pad": "SAME_UPPER", "group": group}
        if shape == (FEATURES, FEATURES, 1, 1):  # the last: its bias stands apart
            value = self.node("Conv", [source, weights], **facts)
            value = self.node("Add", [value, self.constant(bias.reshape(1, out, 1, 1))])
        else:
            value = self.node("Conv", [source, weights, self.constant(bias)], **facts)
        return self.node("Clip", [value, "zero", "six"])

    def model(self) -> onnx.ModelProto:
        """The graph from `image` (n, 3, side, side; RGB) to `features` (n, 1024)."""
        for name, bound in (("zero", 0.0), ("six", 6.0)):
            self.constants.append(numpy_helper.from_array(np.array(bound, np.float32), name))
        value = self.node("Sub", ["image", "mean_rgb"])
        value, channels = self.convolution(value, (32, 3, 3, 3), 2), 32
        for stride, out in zip(STRIDES, WIDTHS):
            value = self.convolution(value, (channels, 1, 3, 3), stride)
            value, channels = self.convolution(value, (out, channels, 1, 1)), out
        value = self.node("GlobalAveragePool", [value])
        self.nodes.append(helper.make_node("Flatten", [value], ["features"]))
        image = helper.make_tensor_value_info(
            "image", TensorProto.FLOAT, ["batch", 3, "height", "width"]
        )
        out = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", FEATURES])
        graph = helper.make_graph(self.nodes, "backbone", [image], [out], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
