"""From trained weights to ONNX files: the graph in 32-bit floats and its 8-bit twin.

The graph is written node by node (Conv, Clip, Add, GlobalAveragePool, Gemm), because there is then
nothing in it that a runtime would first have to optimise away. Input `image` (batch, 3, side,
side), prepared as the manifest says. Outputs of logits: `age` (0 to 100 years), `gender`, `race`
(the seven of FairFace) and `ethnicity` (five groups of them: the logarithm of their summed
probabilities).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from data import ETHNICITIES, GROUP_OF, OUTPUTS
from network import FaceNet, HeadLogits, Step, chain, same_padding

LARGEST_DENORMAL = 1e-20  # smaller weights change nothing and make a CPU many times slower
PARITY = 1e-3
CALIBRATION_BATCH = 16
GROUPS_NODE = "groups"  # every node that makes five ethnicities of seven races begins so


class Graph:
    """Nodes and constants as they are written."""

    def __init__(self, side: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.bounds = [self.constant("zero", 0.0), self.constant("six", 6.0)]
        self.value, self.side = "image", side
        self.kept = ""  # what the open shortcut will add

    def constant(self, name: str, values: object) -> str:
        """A constant of 32-bit floats."""
        array = np.asarray(values, np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, inputs: list[str], name: str, **attributes: object) -> str:
        """A node; returns its output, which has its name."""
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def convolution(self, index: int, step: Step) -> None:
        """A convolution with what follows it."""
        shape = step.shape
        if step.opens:
            self.kept = self.value
        before, after = same_padding(self.side, shape.kernel, shape.stride)
        inputs = [
            self.constant(f"layer{index}.{name}", tensor.cpu().numpy())
            for name, tensor in (("weight", step.weight), ("bias", step.bias))
        ]
        self.value = self.node(
            "Conv", [self.value, *inputs], f"conv{index}", kernel_shape=[shape.kernel] * 2,
            strides=[shape.stride] * 2, pads=[before, before, after, after],
            group=shape.channels if shape.separate else 1,
        )
        if shape.bounded:
            self.value = self.node("Clip", [self.value, *self.bounds], f"act{index}")
        if step.closes:
            self.value = self.node("Add", [self.value, self.kept], f"sum{index}")
        self.side = -(-self.side // shape.stride)

    def head(self, name: str, layer: torch.nn.Linear, features: str) -> None:
        """A linear head."""
        tensors = (("weight", layer.weight), ("bias", layer.bias))
        inputs = [self.constant(f"{name}.{of}", t.detach().cpu().numpy()) for of, t in tensors]
        self.node("Gemm", [features, *inputs], name, transB=1)

    def groups(self) -> None:
        """Five ethnicities of seven races."""
        sums = np.eye(len(ETHNICITIES))[list(GROUP_OF)]
        shares = self.node("Softmax", ["race"], f"{GROUPS_NODE}.shares", axis=1)
        matrix = self.constant(f"{GROUPS_NODE}.matrix", sums)
        summed = self.node("MatMul", [shares, matrix], f"{GROUPS_NODE}.sums")
        least = self.constant(f"{GROUPS_NODE}.least", 1e-12)  # a logarithm wants more than 0
        some = self.node("Max", [summed, least], f"{GROUPS_NODE}.positive")
        self.node("Log", [some], "ethnicity")


def onnx_graph(net: FaceNet, side: int) -> onnx.ModelProto:
    """The network as an ONNX model."""
    graph = Graph(side)
    for index, step in enumerate(chain(net)):
        graph.convolution(index, step)
    pooled = graph.node("GlobalAveragePool", [graph.value], "pooled")
    features = graph.node("Flatten", [pooled], "features")
    widths = {}
    for name in HeadLogits._fields:
        layer = getattr(net, name)
        graph.head(name, layer, features)
        widths[name] = layer.out_features
    graph.groups()
    widths["ethnicity"] = len(ETHNICITIES)
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width])
        for name, width in widths.items()
    ]
    shape = ["batch", 3, side, side]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    made = helper.make_graph(graph.nodes, "face", [image], outputs, graph.constants)
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(made, opset_imports=opset, ir_version=9, producer_name="demograph")


def flush_denormals(model: onnx.ModelProto) -> int:
    """Set tiny weights to zero; returns how many there were."""
    flushed = 0
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).copy()
        tiny = (values != 0) & (np.abs(values) < LARGEST_DENORMAL)
        flushed += int(tiny.sum())
        values[tiny] = 0
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return flushed


def export_float(net: FaceNet, side: int, path: Path) -> None:
    """Write the network and compare what ONNX Runtime gives with what PyTorch gives."""
    net = net.eval().cpu()
    model = onnx_graph(net, side)
    print(f"export: {flush_denormals(model)} denormal weights set to zero", flush=True)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(1)
    pixels = torch.rand(5, 3, side, side, generator=generator) * 2 - 1
    got = session.run(list(HeadLogits._fields), {"image": pixels.numpy()})
    with torch.no_grad():
        worst = max(float(np.abs(g - w.numpy()).max()) for g, w in zip(got, net(pixels)))
    print(f"export: largest difference from PyTorch {worst:.1e}", flush=True)
    if worst > PARITY:
        raise RuntimeError("the exported network differs from the trained one")


class Batches(CalibrationDataReader):
    """Calibration faces, prepared as the network wants them, in small batches."""

    def __init__(self, pixels: np.ndarray) -> None:
        starts = range(0, len(pixels), CALIBRATION_BATCH)
        self.left: Iterator[np.ndarray] = (pixels[s : s + CALIBRATION_BATCH] for s in starts)

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self.left, None)
        return None if batch is None else {"image": batch}


def export_int8(source: Path, path: Path, pixels: np.ndarray) -> None:
    """Write the 8-bit twin: unsigned activations, signed weights per channel, ranges seen on
    `pixels` (prepared training faces). The heads stay in floats: they cost next to nothing, and
    the logits of a hundred years lie closer together than 8 bits can tell."""
    names = [node.name for node in onnx.load(source).graph.node]
    keep = [*HeadLogits._fields, "ethnicity"]
    grouping = [name for name in names if name.startswith(GROUPS_NODE)]
    quantize_static(
        source, path, Batches(pixels),
        quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax, nodes_to_exclude=[*keep, *grouping],
    )
    model = onnx.load(path)
    onnx.checker.check_model(model)
    del model.metadata_props[:]
    onnx.save(model, path)
