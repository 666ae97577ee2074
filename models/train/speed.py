"""Time a model folder's files on one thread against a ResNet-18 in 32-bit floats.

    python speed.py --model DIR [--peer DIR] [--write]

The peer is a ResNet-18 at 112 pixels, whatever the model's own size (stem 3x3 of stride 2, 64
wide, random weights), on ONNX Runtime. All contestants take turns in every round, each at batches
of 1, 8 and 32; what counts is the median over rounds of CPU time (not of the clock, which other
programs disturb) at the best batch. `--peer` is another model folder that takes turns too.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import openvino
from onnx import TensorProto, helper, numpy_helper

from runtime import model_id, read_manifest, session_options

BATCHES = (1, 8, 32)
CROPS = 64  # of one measurement
PEER = "resnet18-fp32 onnxruntime"
PEER_SIDE = 112
Run = Callable[[np.ndarray], object]


class ResNet18:
    """The peer, written node by node."""

    def __init__(self) -> None:
        self.draw = np.random.default_rng(0)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], **attributes: object) -> str:
        """Add a node; returns the name of its output."""
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def weights(self, *shape: int) -> str:
        """Add random weights, scaled so that activations stay in range."""
        values = self.draw.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        name = f"weight{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def convolution(self, source: str, shape: tuple[int, int, int], stride: int) -> str:
        """A padded convolution; the shape is (channels in, channels out, kernel)."""
        channels, out, kernel = shape
        weight = self.weights(out, channels, kernel, kernel)
        pads = [kernel // 2] * 4
        return self.node("Conv", [source, weight], strides=[stride] * 2, pads=pads)

    def block(self, source: str, channels: int, out: int, stride: int) -> str:
        """Two convolutions around a shortcut."""
        first = self.convolution(source, (channels, out, 3), stride)
        second = self.convolution(self.node("Relu", [first]), (out, out, 3), 1)
        if stride != 1 or channels != out:
            source = self.convolution(source, (channels, out, 1), stride)
        return self.node("Relu", [self.node("Add", [second, source])])

    def model(self) -> onnx.ModelProto:
        """The whole network, with one output of 108 numbers as ours has."""
        value, channels = self.node("Relu", [self.convolution("image", (3, 64, 3), 2)]), 64
        for out in (64, 128, 256, 512):
            value = self.block(value, channels, out, 2)
            value, channels = self.block(value, out, out, 1), out
        value = self.node("Flatten", [self.node("GlobalAveragePool", [value])])
        value = self.node("Gemm", [value, self.weights(108, 512)], transB=1)
        shape = ["batch", 3, PEER_SIDE, PEER_SIDE]
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
        out = helper.make_tensor_value_info(value, TensorProto.FLOAT, ["batch", 108])
        graph = helper.make_graph(self.nodes, "peer", [image], [out], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def on_onnxruntime(path: Path) -> Run:
    """One thread of ONNX Runtime's CPU provider."""
    options = session_options()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {"image": batch})


def on_openvino(path: Path, hint: str) -> Run:
    """One thread of OpenVINO's CPU plugin at a precision (`f32` leaves an int8 file as it is)."""
    facts = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    request = openvino.Core().compile_model(str(path), "CPU", facts).create_infer_request()
    return lambda batch: request.infer({"image": batch})


def cpu_seconds(run: Run, batch: np.ndarray) -> float:
    """CPU time of a crop."""
    run(batch)
    rounds = max(1, CROPS // len(batch))
    began = time.process_time()
    for _ in range(rounds):
        run(batch)
    return (time.process_time() - began) / (rounds * len(batch))


def processor() -> str:
    """The processor's name and the instructions that matter here."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if platform.system() == "Linux" else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    wanted = ("avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
    name = names[0] if names else platform.processor()
    return f"{name} ({', '.join(flag for flag in wanted if flag in flags)})"


def contestants(model: Path) -> dict[str, Run]:
    """Each file of a model on each runtime."""
    float_file, int8_file = model / "model.onnx", model / "model.int8.onnx"
    return {
        "fp32 onnxruntime": on_onnxruntime(float_file),
        "int8 onnxruntime": on_onnxruntime(int8_file),
        "fp32 openvino": on_openvino(float_file, "f32"),
        "bf16 openvino": on_openvino(float_file, "bf16"),
        "int8 openvino": on_openvino(int8_file, "f32"),
    }


def measure(model: Path, other: Path | None, rounds: int) -> dict[str, object]:
    """Crops per CPU-second of every contestant, and how many times the peers' that is."""
    float_file, int8_file = model / "model.onnx", model / "model.int8.onnx"
    with tempfile.TemporaryDirectory() as folder:
        peer = Path(folder) / "peer.onnx"
        onnx.save(ResNet18().model(), peer)
        runs = {
            PEER: on_onnxruntime(peer),
            **contestants(model),
        }
    theirs = contestants(other) if other else {}
    runs |= {f"{name} (peer)": run for name, run in theirs.items()}
    draw = np.random.default_rng(0)
    side = read_manifest(model)["net"][0]["input"]["width"]
    side_of_other = read_manifest(other)["net"][0]["input"]["width"] if other else side
    sides = {name: PEER_SIDE if name == PEER else side for name in runs}
    sides |= {f"{name} (peer)": side_of_other for name in theirs}
    inputs = {
        (n, each): draw.uniform(-115, 140, (n, 3, each, each)).astype(np.float32)
        for n in BATCHES
        for each in sorted({side, side_of_other, PEER_SIDE})
    }
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            for n in BATCHES:
                spent = cpu_seconds(run, inputs[n, sides[name]])
                times.setdefault((name, n), []).append(spent)
    best = {name: min(statistics.median(times[name, n]) for n in BATCHES) for name in runs}
    own = [name for name in runs if not name.endswith("(peer)")]
    found = {
        "model": model_id(model, "int8"),
        "processor": processor(),
        "threads": 1,
        "side": side,
        "side_resnet18": PEER_SIDE,
        "rounds": rounds,
        "onnxruntime": ort.__version__,
        "openvino": openvino.__version__,
        "crops_per_cpu_second": {name: round(1 / best[name]) for name in own},
        "times_resnet18_fp32": {name: round(best[PEER] / best[name], 2) for name in own},
        "bytes": {path.name: path.stat().st_size for path in (float_file, int8_file)},
    }
    if other:
        found["peer"] = model_id(other, "int8")
        ratios = {name: best[f"{name} (peer)"] / best[name] for name in theirs}
        found["times_peer"] = {name: round(ratio, 2) for name, ratio in ratios.items()}
    return found


def main() -> None:
    """Measure, print, and write speed.json if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--peer", type=Path, help="another model folder, for comparison")
    parser.add_argument("--rounds", type=int, default=7, help="turns of every contestant")
    parser.add_argument("--write", action="store_true", help="write speed.json")
    options = parser.parse_args()
    figures = measure(options.model, options.peer, options.rounds)
    print(json.dumps(figures, indent=2))
    if options.write:
        (options.model / "speed.json").write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
