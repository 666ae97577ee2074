"""A list of JPEGs -> what the model decides for each: the part of a peer that takes its time."""

from __future__ import annotations

from pathlib import Path

import contract
from engines import Choice, OnnxRuntime, OpenVino
from pixels import Pixels


class Model:
    """Decodes, infers and decides in batches; holds the memory of one batch."""

    def __init__(self, manifest: Path, choice: Choice) -> None:
        self.contract = contract.read(manifest)
        self.batch = choice.batch
        self.pixels = Pixels(self.contract.input, choice.batch)
        self.engine = {"onnxruntime": OnnxRuntime, "openvino": OpenVino}[choice.engine](choice, self.contract)
        for count in range(1, choice.batch + 1):  # the first run of a shape prepares it
            self.engine.run(self.pixels.batch[:count])

    def decide(self, jpegs: list[bytes]) -> list[tuple[int, ...] | None]:
        """For each picture the category of each attribute; None where it is no picture. At most a batch."""
        decisions: list[tuple[int, ...] | None] = [None] * len(jpegs)
        good = self.pixels.fill(jpegs)
        if good:
            answers = self.contract.decisions(self.engine.run(self.pixels.batch[: len(good)]))
            for index, answer in zip(good, answers):
                decisions[index] = answer
        return decisions
