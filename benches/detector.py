"""What a face costs to look for: YuNet in batches of 1, 2 and 4, and in OpenVINO. CPU time of one thread, a frame.

.setup/bench-venv/bin/python benches/detector.py
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Callable

import numpy
import onnx
import onnxruntime
import openvino
from onnx import numpy_helper

NET = Path(__file__).resolve().parent.parent / "models" / "yunet" / "yunet.onnx"
# Width and height: 1080p with faces from 40 pixels on; 1080p from 75, or 640x400 from 25.
INPUTS = [(1216, 704), (640, 416)]
BATCHES = [1, 2, 4]
ROUNDS = 15


def with_free_batch() -> bytes:
    """The net with any number of pictures at once."""
    net = onnx.load(NET)
    net.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    for output in net.graph.output:
        output.type.tensor_type.shape.dim[0].dim_param = "batch"
    for tensor in net.graph.initializer:
        numbers = numpy_helper.to_array(tensor)
        # The outputs' shape: one picture, its cells, the numbers of a cell.
        if numbers.dtype == numpy.int64 and numbers.shape == (3,) and list(numbers[:2]) == [1, -1]:
            kept = numpy.array([0, -1, numbers[2]])
            tensor.CopyFrom(numpy_helper.from_array(kept, tensor.name))
    return net.SerializeToString()


def session(net: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(net, options, providers=["CPUExecutionProvider"])


def compiled(precision: str) -> Callable:
    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": precision}
    return openvino.Core().compile_model(str(NET), "CPU", settings)


def main() -> None:
    shipped, batched = session(NET.read_bytes()), session(with_free_batch())
    name = shipped.get_inputs()[0].name
    in_openvino = {"OpenVINO f32": compiled("f32"), "OpenVINO bf16": compiled("bf16")}
    random = numpy.random.default_rng(1)
    for width, height in INPUTS:
        pictures = random.integers(0, 256, (max(BATCHES), 3, height, width)).astype(numpy.float32)
        one = pictures[:1]
        pairs = zip(shipped.run(None, {name: one}), batched.run(None, {name: pictures}))
        assert all(numpy.allclose(alone[0], of_four[0], atol=1e-4) for alone, of_four in pairs), "another net"
        runs = {f"batch of {size}": (size, lambda size=size: batched.run(None, {name: pictures[:size]})) for size in BATCHES}
        runs |= {name: (1, lambda run=run: run(one)) for name, run in in_openvino.items()}
        taken: dict[str, list[float]] = {name: [] for name in runs}
        for number in range(1 + ROUNDS):
            for name_of_run, (size, run) in runs.items():
                began = time.process_time()
                run()
                if number > 0:
                    taken[name_of_run].append(1000 * (time.process_time() - began) / size)
        least = ", ".join(f"{name} {min(times):.1f}" for name, times in taken.items())
        print(f"{width}x{height}, ms a frame: {least}")


if __name__ == "__main__":
    main()
