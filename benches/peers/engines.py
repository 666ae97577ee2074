"""Pixels -> the net's outputs, with ONNX Runtime or OpenVINO, on one thread.

Why these settings, with figures: README.md; `settings.py` measures the alternatives.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract import Contract

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


@dataclass(frozen=True)
class Choice:
    """Which engine runs which file, and how."""

    engine: str
    model: Path
    precision: str
    batch: int


def has_vnni() -> bool:
    """Without it ONNX Runtime's usual 8-bit kernel overflows; the other one takes 2.4 times as long where it is there."""
    return "vnni" in Path("/proc/cpuinfo").read_text()


class OnnxRuntime:
    """A session on one thread. NumPy subtracts the mean and lays out in one pass, into the same memory every time."""

    def __init__(self, choice: Choice, contract: Contract) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if not has_vnni():
            options.add_session_config_entry("session.x64quantprecision", "1")
        self.session = onnxruntime.InferenceSession(str(choice.model), options, ["CPUExecutionProvider"])
        wanted = contract.input
        self.name, self.outputs = wanted.name, [head.output for head in contract.heads]
        self.order = (0, 3, 1, 2) if wanted.is_channels_first else (0, 1, 2, 3)
        each = (1, 3, 1, 1) if wanted.is_channels_first else (1, 1, 1, 3)
        self.mean = np.array(wanted.mean, np.float32).reshape(each)
        self.scale = 1 / np.array(wanted.std, np.float32).reshape(each)
        self.is_scaled = bool((self.scale != 1).any())
        sides = (wanted.height, wanted.width)
        shape = (3, *sides) if wanted.is_channels_first else (*sides, 3)
        self.numbers = np.empty((choice.batch, *shape), np.float32)

    def run(self, pixels: np.ndarray) -> list[np.ndarray]:
        """The outputs, in the order of the heads."""
        numbers = self.numbers[: len(pixels)]
        np.subtract(pixels.transpose(self.order), self.mean, out=numbers)
        if self.is_scaled:
            np.multiply(numbers, self.scale, out=numbers)
        return self.session.run(self.outputs, {self.name: numbers})


class OpenVino:
    """A model compiled for full batches, and one for what is less; normalising and layout are part of their graphs.

    A fixed shape is 1 to 3 % faster than a free one; a small batch is not filled up, which would cost the time of a full one.
    """

    def __init__(self, choice: Choice, contract: Contract) -> None:
        self.batch = choice.batch
        self.full, self.heads = _compile(choice, contract, choice.batch)
        self.any, self.any_heads = (self.full, self.heads)
        if choice.batch > 1:
            self.any, self.any_heads = _compile(choice, contract, None)

    def run(self, pixels: np.ndarray) -> list[np.ndarray]:
        """The outputs, in the order of the heads; good until the next run."""
        is_full = len(pixels) == self.batch
        request, heads = (self.full, self.heads) if is_full else (self.any, self.any_heads)
        request.infer([pixels], share_inputs=True, share_outputs=True)
        return [request.get_tensor(head).data for head in heads]


def _compile(choice: Choice, contract: Contract, batch: int | None) -> tuple:
    """A request that takes pixels, and the ports of its outputs."""
    import openvino
    from openvino.preprocess import PrePostProcessor

    core = openvino.Core()
    model = core.read_model(choice.model)
    wanted = contract.input
    shape = model.input(wanted.name).partial_shape
    shape[0] = batch or openvino.Dimension(1, choice.batch)
    model.reshape({wanted.name: shape})
    steps = PrePostProcessor(model)
    entry = steps.input(wanted.name)
    entry.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    entry.model().set_layout(openvino.Layout("NCHW" if wanted.is_channels_first else "NHWC"))
    numbers = entry.preprocess().convert_element_type(openvino.Type.f32).mean(wanted.mean)
    if any(value != 1 for value in wanted.std):
        numbers.scale(wanted.std)
    compiled = core.compile_model(steps.build(), "CPU", {
        "INFERENCE_PRECISION_HINT": choice.precision, "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False, "CPU_DENORMALS_OPTIMIZATION": True,
    })
    return compiled.create_infer_request(), [compiled.output(head.output) for head in contract.heads]
