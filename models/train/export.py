"""From trained weights to ONNX files: the graph in 32-bit floats and its 8-bit twin.

The graph is written node by node (Conv, Clip, GlobalAveragePool, Gemm), because
there is then nothing in it that a runtime would first have to optimise away. Input `image`
(batch, 3, side, side; RGB less the mean colour), outputs of logits `age` (0 to 100 years),
`gender`, `ethnicity`.
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

from losses import HeadLogits
from network import INPUT_SIZE, FaceNet

LARGEST_DENORMAL = 1e-20  # smaller weights change nothing and make a CPU many times slower
PARITY = 1e-3
CALIBRATION_BATCH = 16


def onnx_graph(net: FaceNet) -> onnx.ModelProto:
    """The network as an ONNX model."""
    nodes, constants = [], []

    def constant(name: str, values: object) -> str:
        constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    bounds = [constant("zero", 0.0), constant("six", 6.0)]
    value, side = "image", INPUT_SIZE
    for index, layer in enumerate(net.layers):
        conv, (before, after) = layer.conv, layer.padding(side)
        names = [f"layer{index}.weight", f"layer{index}.bias"]
        tensors = (conv.weight, conv.bias)
        inputs = [constant(n, t.detach().cpu().numpy()) for n, t in zip(names, tensors)]
        nodes += [
            helper.make_node(
                "Conv", [value, *inputs], [f"conv{index}"], name=f"conv{index}",
                kernel_shape=list(conv.kernel_size), strides=list(conv.stride),
                pads=[before, before, after, after], group=conv.groups,
            ),
            helper.make_node("Clip", [f"conv{index}", *bounds], [f"act{index}"], f"act{index}"),
        ]
        value, side = f"act{index}", -(-side // conv.stride[0])
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["pooled"], "pooled"))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["features"], "features"))
    outputs = []
    for name in HeadLogits._fields:
        head = getattr(net, name)
        weight = constant(f"{name}.weight", head.weight.detach().cpu().numpy())
        bias = constant(f"{name}.bias", head.bias.detach().cpu().numpy())
        nodes.append(helper.make_node("Gemm", ["features", weight, bias], [name], name, transB=1))
        shape = ["batch", head.out_features]
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    shape = ["batch", 3, INPUT_SIZE, INPUT_SIZE]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "face", [image], outputs, constants)
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9, producer_name="demograph")


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


def export_float(net: FaceNet, path: Path) -> None:
    """Write the network and compare what ONNX Runtime gives with what PyTorch gives."""
    net = net.eval().cpu()
    model = onnx_graph(net)
    print(f"export: {flush_denormals(model)} denormal weights set to zero", flush=True)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(1)
    pixels = torch.rand(5, 3, INPUT_SIZE, INPUT_SIZE, generator=generator) * 255 - 115
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


def export_int8(source: Path, path: Path, pixels: np.ndarray, keep: list[str]) -> None:
    """Write the 8-bit twin: unsigned activations, signed weights per channel, ranges seen on
    `pixels` (prepared training faces); the nodes in `keep` stay in floats."""
    quantize_static(
        source, path, Batches(pixels),
        quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax, nodes_to_exclude=keep,
    )
    model = onnx.load(path)
    onnx.checker.check_model(model)
    del model.metadata_props[:]
    onnx.save(model, path)
