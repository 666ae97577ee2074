"""From trained weights to a model folder: ONNX file, temperatures, manifest.

Both networks end up with one input `image` (batch, 3, side, side; RGB) and three
outputs of logits: `age` (0 to 100 years), `gender`, `ethnicity`.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import fuse_conv_bn_eval

from data import AGE_CLASSES, ETHNICITIES, GENDERS, Labels
from losses import HeadLogits, Targets, expected_age
from student import INPUT_SIZE, Student
from teacher import INPUT_SIZE as TEACHER_SIZE
from teacher import Heads

LARGEST_DENORMAL = 1e-20  # smaller weights change nothing and make a CPU many times slower
PARITY = 1e-4
LARGEST_FILE = 20 * 2**20


@dataclass(frozen=True)
class NetFacts:
    """What the manifest says about a network's file and input."""

    file: str
    side: int
    mean: float
    std: float


def fold_batch_norm(net: nn.Module) -> nn.Module:
    """A copy in which every (convolution, batch normalisation) pair is one convolution."""
    net = copy.deepcopy(net).eval()
    for module in list(net.modules()):
        pair = isinstance(module, nn.Sequential) and len(module) == 2
        if pair and isinstance(module[1], nn.BatchNorm2d):
            module[0] = fuse_conv_bn_eval(module[0], module[1])
            module[1] = nn.Identity()
    return net


def flush_denormals(model: onnx.ModelProto) -> int:
    """Set tiny weights to zero; returns how many there were."""
    flushed = 0
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor).copy()
        tiny = (values != 0) & (np.abs(values) < LARGEST_DENORMAL)
        flushed += int(tiny.sum())
        values[tiny] = 0
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return flushed


def finish(model: onnx.ModelProto, path: Path) -> ort.InferenceSession:
    """Check, flush and write a graph, and load it back."""
    # Names of Python modules and source files are no business of a shipped file.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    print(f"export: {flush_denormals(model)} denormal weights set to zero", flush=True)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    if path.stat().st_size > LARGEST_FILE:
        raise RuntimeError(f"{path.name} is larger than {LARGEST_FILE} bytes")
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def check_parity(session: ort.InferenceSession, pixels: torch.Tensor, wanted: HeadLogits) -> None:
    """Compare what ONNX Runtime gives with what PyTorch gave."""
    got = session.run(list(HeadLogits._fields), {"image": pixels.numpy()})
    worst = max(float(np.abs(g - w.numpy()).max()) for g, w in zip(got, wanted))
    print(f"export: largest difference from PyTorch {worst:.1e}", flush=True)
    if worst > PARITY:
        raise RuntimeError("the exported network differs from the trained one")


def export_student(net: Student, path: Path) -> None:
    """Write the student; its input is normalised to -1..1."""
    folded = fold_batch_norm(net)
    pixels = torch.rand(5, 3, INPUT_SIZE, INPUT_SIZE) * 2 - 1
    program = torch.onnx.export(
        folded,
        (pixels,),
        input_names=["image"],
        output_names=list(HeadLogits._fields),
        dynamic_shapes={"faces": {0: torch.export.Dim("batch")}},
        opset_version=18,
        dynamo=True,
        verbose=False,
    )
    model = program.model_proto
    model.producer_name, model.producer_version = "demograph", ""
    session = finish(model, path)
    with torch.no_grad():
        check_parity(session, pixels, net.eval()(pixels))


def head_nodes(heads: Heads) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """The teacher's heads as ONNX nodes that read `features`; the normalisation is folded in."""
    norm, first = heads.norm, heads.body[1]
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * scale
    layers = [("hidden", "features", first.weight * scale, first.weight @ shift + first.bias)]
    for name in HeadLogits._fields:
        layer = getattr(heads, name)
        layers.append((name, "hidden_relu", layer.weight, layer.bias))
    nodes, tensors = [], []
    for name, source, weight, bias in layers:
        for part, value in (("weight", weight), ("bias", bias)):
            array = value.detach().numpy()
            tensors.append(numpy_helper.from_array(array, f"heads.{name}.{part}"))
        inputs = [source, f"heads.{name}.weight", f"heads.{name}.bias"]
        nodes.append(helper.make_node("Gemm", inputs, [name], name=f"heads.{name}", transB=1))
        if name == "hidden":
            nodes.append(helper.make_node("Relu", ["hidden"], ["hidden_relu"], name="heads.relu"))
    return nodes, tensors


def export_teacher(backbone: Path, heads: Heads, path: Path) -> None:
    """Write backbone and heads as one graph; its input is raw RGB, 0 to 255."""
    heads = heads.eval()
    cut = onnx.utils.Extractor(onnx.load(backbone)).extract_model(["image"], ["features"])
    nodes, tensors = head_nodes(heads)
    cut.graph.node.extend(nodes)
    cut.graph.initializer.extend(tensors)
    del cut.graph.output[:]
    for name, classes in zip(HeadLogits._fields, (AGE_CLASSES, len(GENDERS), len(ETHNICITIES))):
        info = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", classes])
        cut.graph.output.append(info)
    del cut.graph.value_info[:]  # shapes of the open-sized original
    shape = ["batch", 3, TEACHER_SIZE, TEACHER_SIZE]
    cut.graph.input[0].CopyFrom(helper.make_tensor_value_info("image", TensorProto.FLOAT, shape))
    session = finish(cut, path)
    pixels = torch.rand(3, 3, TEACHER_SIZE, TEACHER_SIZE) * 255
    source = ort.InferenceSession(str(backbone), providers=["CPUExecutionProvider"])
    features = source.run(["features"], {"image": pixels.numpy()})[0]
    with torch.no_grad():
        check_parity(session, pixels, heads(torch.from_numpy(features)))


def fit_temperatures(logits: HeadLogits, labels: Labels, rows: np.ndarray) -> dict[str, float]:
    """The temperature of every head that makes the validation labels most likely.

    For age, the head's classes are years, so a label counts as in training: spread a little.
    """
    targets = Targets.from_labels(labels, smoothing=0.0).take(torch.from_numpy(rows))
    grid = np.geomspace(0.4, 2.5, 184)
    fitted = {}
    for name, part, wanted in zip(HeadLogits._fields, logits, targets.probabilities):
        losses = [float(F.cross_entropy(part / float(t), wanted)) for t in grid]
        fitted[name] = round(float(grid[int(np.argmin(losses))]), 3)
    before = float((expected_age(logits.age) - targets.years).abs().mean())
    after = float((expected_age(logits.age / fitted["age"]) - targets.years).abs().mean())
    print(f"temperatures {fitted}; age error {before:.3f} -> {after:.3f}", flush=True)
    return fitted


def write_manifest(folder: Path, facts: NetFacts, temperatures: dict[str, float]) -> None:
    """Write manifest.toml for the network in `folder`."""
    digest = hashlib.sha256((folder / facts.file).read_bytes()).hexdigest()
    ages = [f"{year}.0" for year in range(AGE_CLASSES)]
    age_lines = "".join(f"    {', '.join(ages[at:at + 12])},\n" for at in range(0, AGE_CLASSES, 12))
    mean, std = ([value] * 3 for value in (facts.mean, facts.std))

    def head(name: str, kind: str, classes: str) -> str:
        return (
            f'\n[[net.head]]\nattribute = "{name}"\nkind = "{kind}"\noutput = "{name}"\n'
            f'activation = "logits"\n{classes}\ntemperature = {temperatures[name]}\n'
        )

    def label_list(names: tuple[str, ...]) -> str:
        return "labels = [" + ", ".join(f'"{name}"' for name in names) + "]"

    text = (
        "# Model manifest, format v1, written by models/train/train.py.\n"
        "# The card beside it says what the figures are worth and what the licence forbids.\n"
        f'version = 1\nname = "{folder.name}"\n'
        'licence = "Research and non-commercial use only (trained on UTKFace)"\n'
        'commercial_use = false\ncard = "CARD.md"\n\n'
        f'[[net]]\nfile = "{facts.file}"\nsha256 = "{digest}"\n\n'
        f'[net.input]\nname = "image"\nlayout = "nchw"\nwidth = {facts.side}\n'
        f'height = {facts.side}\ncolour = "rgb"\nresize = "antialias"\n'
        f"mean = {mean}\nstd = {std}\n"
        + head("age", "age_distribution", f"ages = [\n{age_lines}]")
        + head("gender", "softmax", label_list(GENDERS))
        + head("ethnicity", "softmax", label_list(ETHNICITIES))
    )
    (folder / "manifest.toml").write_text(text)
