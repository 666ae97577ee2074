"""Run a model folder the way demograph does: by its manifest, with ONNX Runtime.

Knows nothing of how a model was trained, so it also measures models from elsewhere.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from PIL import Image

from data import resize_antialias

BATCH = 32


@dataclass
class Net:
    """One network of a manifest, loaded."""

    facts: dict
    session: ort.InferenceSession

    def prepare(self, face: Image.Image) -> np.ndarray:
        """A face as this network wants it."""
        wanted = self.facts["input"]
        size = (wanted["width"], wanted["height"])
        if wanted["resize"] == "antialias" and size[0] == size[1]:
            pixels = resize_antialias(face, size[0])
        else:
            pixels = cv2.resize(np.asarray(face), size, interpolation=cv2.INTER_LINEAR)
        if wanted["colour"] == "bgr":
            pixels = pixels[..., ::-1]
        mean, std = np.float32(wanted["mean"]), np.float32(wanted["std"])
        values = (pixels.astype(np.float32) - mean) / std
        return values if wanted["layout"] == "nhwc" else values.transpose(2, 0, 1)

    def outputs(self, faces: list[Image.Image]) -> list[np.ndarray]:
        """Raw outputs of every head, in the manifest's order."""
        names = [head["output"] for head in self.facts["head"]]
        batch = np.ascontiguousarray(np.stack([self.prepare(face) for face in faces]))
        return self.session.run(names, {self.facts["input"]["name"]: batch})


@dataclass(frozen=True)
class Answers:
    """Probabilities of every attribute, one row a face, and the labels of the columns."""

    probabilities: dict[str, np.ndarray]
    classes: dict[str, list]

    def chosen(self, attribute: str) -> np.ndarray:
        """Names of the most probable classes."""
        return np.array(self.classes[attribute])[self.probabilities[attribute].argmax(1)]

    def years(self) -> np.ndarray:
        """Mean of the age distribution."""
        return self.probabilities["age"] @ np.array(self.classes["age"])


def batched(faces: Iterable[Image.Image], size: int) -> Iterator[list[Image.Image]]:
    """Some at a time."""
    left = iter(faces)
    while some := list(islice(left, size)):
        yield some


def softmax(values: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def head_probabilities(head: dict, raw: np.ndarray) -> np.ndarray:
    """A head's raw output as probabilities at its temperature."""
    temperature = head.get("temperature", 1.0)
    logits = raw if head["activation"] == "logits" else np.log(np.maximum(raw, 1e-30))
    return softmax(logits / temperature)


def in_groups(head: dict, shares: np.ndarray) -> tuple[np.ndarray, list]:
    """Probabilities of a head's coarsest categories, and their names: what label files know."""
    if head["attribute"] == "age":
        return shares, head["ages"]
    for group in head.get("groups", [])[-1:]:
        sums = [[of == name for name in group["labels"]] for of in group["of"]]
        return shares @ np.array(sums, np.float32), group["labels"]
    return shares, head["labels"]


def file_of(facts: dict, precision: str) -> str:
    """The file of a network at a precision: its own, or that of a variant."""
    if precision == "fp32":
        return facts["file"]
    found = [v["file"] for v in facts.get("variant", []) if v["precision"] == precision]
    if not found:
        raise ValueError(f"{facts['file']} has no variant of precision {precision}")
    return found[0]


def read_manifest(folder: Path) -> dict:
    """The manifest of a model folder."""
    return tomllib.loads((folder / "manifest.toml").read_text())


def chosen_precision(folder: Path, wanted: str) -> str:
    """What `auto` stands for on a CPU: int8 where every network has it, else fp32."""
    if wanted != "auto":
        return wanted
    variants = [net.get("variant", []) for net in read_manifest(folder)["net"]]
    has_int8 = all(any(v["precision"] == "int8" for v in each) for each in variants)
    return "int8" if has_int8 else "fp32"


def model_id(folder: Path, precision: str) -> str:
    """Name and hash of the (first) network's file, as demograph writes them into its tables."""
    manifest = read_manifest(folder)
    file = folder / file_of(manifest["net"][0], precision)
    return f"{manifest['name']}@{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"


def session_options() -> ort.SessionOptions:
    """Without VNNI the usual 8-bit kernel of an x86 processor overflows; this takes another one, 2.4 times slower with VNNI."""
    options = ort.SessionOptions()
    facts = Path("/proc/cpuinfo")
    if facts.exists() and "vnni" not in facts.read_text():
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def load_nets(folder: Path, precision: str = "fp32") -> list[Net]:
    """The networks a model folder's manifest names."""
    manifest = read_manifest(folder)
    options = session_options()
    options.intra_op_num_threads = 1
    providers = ["CPUExecutionProvider"]
    return [
        Net(facts, ort.InferenceSession(str(folder / file), options, providers=providers))
        for facts in manifest["net"]
        for file in [file_of(facts, precision)]
    ]


def run_all(
    net: Net, faces: Iterable[Image.Image], names: list[str]
) -> dict[str, np.ndarray]:
    """Raw outputs by name, also of those that no head of the manifest reads."""
    parts: list[list[np.ndarray]] = []
    for batch in batched(faces, BATCH):
        pixels = np.ascontiguousarray(np.stack([net.prepare(face) for face in batch]))
        parts.append(net.session.run(names, {net.facts["input"]["name"]: pixels}))
    return {name: np.concatenate(rows) for name, rows in zip(names, zip(*parts))}


def predict(folder: Path, faces: Iterable[Image.Image], precision: str = "fp32") -> Answers:
    """What a model folder says about faces (softmax and age_distribution heads)."""
    nets = load_nets(folder, precision)
    parts: dict[str, list[np.ndarray]] = {}
    classes: dict[str, list] = {}
    for batch in batched(faces, BATCH):
        for net in nets:
            for head, raw in zip(net.facts["head"], net.outputs(batch)):
                attribute = head["attribute"]
                shares, names = in_groups(head, head_probabilities(head, raw))
                classes[attribute] = names
                parts.setdefault(attribute, []).append(shares)
    return Answers({name: np.concatenate(rows) for name, rows in parts.items()}, classes)
