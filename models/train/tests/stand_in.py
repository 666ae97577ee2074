"""What training needs, made from the composites and from seeded random numbers.

Promises: no photograph, no download; the same files every time. The backbone has the shape of the
real one and none of its knowledge.
"""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from network import FEATURES, STRIDES, WIDTHS

COMPOSITES = Path(__file__).resolve().parents[3] / "tests/data/composites"
PARTS = ("train", "train", "train", "val", "test")  # in turn
AGES = {  # an age of every band
    "0-17": 9, "18-24": 21, "25-34": 30, "35-44": 40, "45-54": 50, "55-64": 60, "65+": 72,
}
MEAN = (123.68, 116.779, 103.939)


def write_faces(folder: Path) -> tuple[Path, Path]:
    """All composites as a zip, and their labels in the form that training reads."""
    archive, labels = folder / "faces.zip", folder / "faces.csv"
    with (COMPOSITES / "labels.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    with zipfile.ZipFile(archive, "w") as out:
        for row in rows:
            out.write(COMPOSITES / row["file"], row["file"])
    with labels.open("w", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(
            ("file", "age", "gender", "ethnicity", "split", "dup_group", "label_conflict")
        )
        for number, row in enumerate(rows):
            names = (row["file"], AGES[row["age_band"]], row["gender"], row["ethnicity"])
            disputed = int(number % 20 == 4)  # all of the test part
            writer.writerow((*names, PARTS[number % len(PARTS)], number, disputed))
    return archive, labels


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
        for stride, out in zip(STRIDES, (*WIDTHS, FEATURES)):
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


def write_backbone(folder: Path) -> Path:
    """The backbone as a file."""
    path = folder / "backbone.onnx"
    onnx.save(Backbone(seed=1).model(), path)
    return path
