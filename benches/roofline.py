"""What part of the processor's ceiling inference reaches: multiply-adds a CPU-second of the model's int8 and fp32 file
against those of a net of nothing but dense convolutions, which is as good as convolutions get (roofline, Williams,
Waterman and Patterson 2009). One thread; OpenVINO for both.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import onnx
import openvino
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parent.parent
BATCH = 8
ROUNDS = 15
# The dense net: so many channels on so many pixels fit the second-level cache.
CHANNELS, SIDE, LAYERS = 256, 28, 4


def multiply_adds(graph: onnx.ModelProto) -> int:
    """Of the convolutions and dense layers, for one crop."""
    known = onnx.shape_inference.infer_shapes(graph).graph
    constants = {tensor.name: list(tensor.dims) for tensor in known.initializer}
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in [*known.value_info, *known.output, *known.input]
    }
    produced = {name: node for node in known.node for name in node.output}

    def weights(name: str) -> list[int]:
        while name not in constants:  # through DequantizeLinear
            name = produced[name].input[0]
        return constants[name]

    total = 0
    for node in known.node:
        if node.op_type == "Conv":
            total += int(np.prod(weights(node.input[1]))) * int(np.prod(shapes[node.output[0]][2:]))
        elif node.op_type in {"Gemm", "MatMul"}:
            total += int(np.prod(weights(node.input[1])))
    return total


def dense(is_int8: bool) -> onnx.ModelProto:
    """Dense 3x3 convolutions; int8 with unsigned activations and signed weights, as the shipped file has them."""
    draw = np.random.default_rng(1)
    nodes, constants, at = [], [], "x"

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value, name))
        return name

    scale, zero = constant("scale", np.float32(0.05)), constant("zero", np.uint8(0))
    for layer in range(LAYERS):
        shape = (CHANNELS, CHANNELS, 3, 3)
        if is_int8:
            nodes.append(helper.make_node("QuantizeLinear", [at, scale, zero], [f"q{layer}"]))
            nodes.append(helper.make_node("DequantizeLinear", [f"q{layer}", scale, zero], [f"d{layer}"]))
            raw = constant(f"raw{layer}", draw.integers(-99, 99, shape, dtype=np.int8))
            step = constant(f"step{layer}", np.full(CHANNELS, 0.001, np.float32))
            none = constant(f"none{layer}", np.zeros(CHANNELS, np.int8))
            nodes.append(helper.make_node("DequantizeLinear", [raw, step, none], [f"w{layer}"], axis=0))
            at, weight = f"d{layer}", f"w{layer}"
        else:
            weight = constant(f"w{layer}", draw.normal(0, 0.02, shape).astype(np.float32))
        nodes.append(helper.make_node("Conv", [at, weight], [f"c{layer}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"y{layer}"]))
        at = f"y{layer}"
    size = ["n", CHANNELS, SIDE, SIDE]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name in ("x", at)]
    graph = helper.make_graph(nodes, "dense", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def multiply_adds_a_second(graph: onnx.ModelProto, precision: str) -> float:
    """Best of the rounds, by CPU time: other programs can only make it slower."""
    core = openvino.Core()
    model = core.read_model(graph.SerializeToString())
    shape = model.inputs[0].partial_shape
    shape[0] = BATCH
    model.reshape(shape)
    settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    batch = np.random.default_rng(2).random(tuple(request.model_inputs[0].shape), np.float32)
    request.infer([batch])
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        request.infer([batch])
        best = min(best, time.process_time() - began)
    return BATCH * multiply_adds(graph) / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "research-small")
    model = parser.parse_args().model
    for file, precision in (("model.int8.onnx", "f32"), ("model.onnx", "f32"), ("model.onnx", "bf16")):
        graph = onnx.load(model / file)
        is_int8 = "int8" in file
        reached = multiply_adds_a_second(graph, precision)
        ceiling = multiply_adds_a_second(dense(is_int8), precision)
        print(json.dumps({
            "row": f"roofline_{'int8' if is_int8 else precision}",
            "multiply_adds_a_crop": multiply_adds(graph),
            "reached_giga_a_second": round(reached / 1e9, 1),
            "ceiling_giga_a_second": round(ceiling / 1e9, 1),
            "part": round(reached / ceiling, 3),
        }))


if __name__ == "__main__":
    main()
