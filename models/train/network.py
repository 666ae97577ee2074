"""The networks: MobileNetV1 and EfficientNet-Lite over faces, with one linear head an attribute.

Both are made of convolutions and activations bounded at 6 (cheap in every runtime, and kind to
8-bit numbers, because the range of every activation is known). `FaceNet` is what trains, `chain`
is the same network as a list of plain convolutions, with the batch normalisation folded in, which
is what `export.py` writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from data import AGE_CLASSES, GENDERS, RACES
from separate import separate

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)  # of MobileNetV1's 13 separable blocks
WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
# Of EfficientNet-Lite: repeats, kernel, stride, expansion, width.
STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip
SCALES = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}  # of width and depth
EPSILON, MOMENTUM = 1e-3, 0.01  # of EfficientNet's batch normalisation


class HeadLogits(NamedTuple):
    """One tensor a head, each (faces, classes): logits, or probabilities where said so."""

    age: torch.Tensor
    gender: torch.Tensor
    race: torch.Tensor


def same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Rows (and columns) of zeros before and after a picture of this side, as TensorFlow pads."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


@dataclass(frozen=True)
class Shape:
    """One convolution."""

    channels: int
    out: int
    kernel: int = 1
    stride: int = 1
    separate: bool = False  # each channel by itself
    bounded: bool = True  # an activation between 0 and 6 follows


class Layer(nn.Module):
    """Convolution with TensorFlow's SAME padding, batch normalisation if asked for, activation."""

    def __init__(self, shape: Shape, normalised: bool) -> None:
        super().__init__()
        self.shape = shape
        groups = shape.channels if shape.separate else 1
        self.conv = nn.Conv2d(
            shape.channels, shape.out, shape.kernel, shape.stride, groups=groups,
            bias=not normalised,
        )
        self.norm = nn.BatchNorm2d(shape.out, EPSILON, MOMENTUM) if normalised else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        conv, groups = self.conv, self.conv.groups
        before, after = same_padding(x.shape[-1], self.shape.kernel, self.shape.stride)
        if before != after:
            x = F.pad(x, (before, after, before, after))
        padding = 0 if before != after else before
        if self.shape.separate and not x.is_cuda and torch.is_grad_enabled():
            x = separate(x, conv.weight, conv.bias, self.shape.stride, padding)
        else:
            x = F.conv2d(x, conv.weight, conv.bias, conv.stride, padding, 1, groups)
        if self.norm is not None:
            x = self.norm(x)
        return F.relu6(x) if self.shape.bounded else x

    def folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias of the convolution that does the whole layer's work but the activation."""
        weight = self.conv.weight.detach().double()
        if self.norm is None:
            return weight.float(), self.conv.bias.detach()
        norm = self.norm
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        bias = norm.bias.double() - norm.running_mean.double() * scale
        return (weight * scale[:, None, None, None]).detach().float(), bias.detach().float()


class Block(nn.Module):
    """Layers in a row, around which a shortcut leads where one is asked for."""

    def __init__(self, shapes: list[Shape], normalised: bool, shortcut: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(Layer(shape, normalised) for shape in shapes))
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.layers(x)
        return out + x if self.shortcut else out


def mobilenet_blocks() -> list[Block]:
    """MobileNetV1; its batch normalisation is folded into the weights that it begins from."""
    shapes, channels = [Shape(3, 32, 3, 2)], 32
    for stride, out in zip(STRIDES, WIDTHS):
        shapes += [Shape(channels, channels, 3, stride, separate=True), Shape(channels, out)]
        channels = out
    return [Block([shape], False, False) for shape in shapes]


def lite_blocks(wider: float, deeper: float) -> list[Block]:
    """EfficientNet-Lite; stem, top, and the repeats of the first and last stage do not scale."""
    blocks, channels = [Block([Shape(3, 32, 3, 2)], True, False)], 32
    for stage, (repeats, kernel, stride, expansion, width) in enumerate(STAGES):
        out = max(8, int(width * wider + 4) // 8 * 8)
        out += 8 if out < 0.9 * width * wider else 0
        fixed = stage in (0, len(STAGES) - 1)
        for index in range(repeats if fixed else -int(-(repeats * deeper) // 1)):
            step, inner = (stride if index == 0 else 1), channels * expansion
            shapes = [Shape(channels, inner)] if expansion != 1 else []
            shapes += [Shape(inner, inner, kernel, step, separate=True)]
            shapes += [Shape(inner, out, bounded=False)]
            blocks.append(Block(shapes, True, step == 1 and channels == out))
            channels = out
    return [*blocks, Block([Shape(channels, 1280)], True, False)]


class FaceNet(nn.Module):
    """Prepared faces (n, 3, side, side) -> logits of age, gender and race."""

    def __init__(self, kind: str, features: int | None = None) -> None:
        super().__init__()
        self.kind = kind
        blocks = mobilenet_blocks() if kind == "mobilenet" else lite_blocks(*SCALES[kind])
        last = blocks[-1].layers[-1].shape
        if features is not None and features != last.out:
            blocks[-1] = Block([Shape(last.channels, features)], kind != "mobilenet", False)
        self.blocks = nn.Sequential(*blocks)
        width = features or last.out
        self.dropout = nn.Dropout(0.2)
        self.age = nn.Linear(width, AGE_CLASSES)
        self.gender = nn.Linear(width, len(GENDERS))
        self.race = nn.Linear(width, len(RACES))

    def embed(self, faces: torch.Tensor) -> torch.Tensor:
        """The vector that the heads read."""
        return self.blocks(faces).mean(dim=(2, 3))

    def forward(self, faces: torch.Tensor) -> HeadLogits:
        vector = self.dropout(self.embed(faces))
        return HeadLogits(self.age(vector), self.gender(vector), self.race(vector))


@torch.no_grad()
def fold(net: FaceNet) -> FaceNet:
    """Put the batch normalisation of a trained network into its convolutions, in place."""
    for layer in (layer for block in net.blocks for layer in block.layers):
        weight, bias = layer.folded()
        layer.conv.weight.copy_(weight)
        layer.conv.bias = nn.Parameter(bias.clone())
        layer.norm = None
    return net


class Step(NamedTuple):
    """One convolution of the written network."""

    shape: Shape
    weight: torch.Tensor
    bias: torch.Tensor
    opens: bool  # the shortcut of its block begins before it
    closes: bool  # and ends after it


def chain(net: FaceNet) -> Iterator[Step]:
    """The network's convolutions in order."""
    for block in net.blocks:
        last = len(block.layers) - 1
        for index, layer in enumerate(block.layers):
            opens, closes = block.shortcut and index == 0, block.shortcut and index == last
            yield Step(layer.shape, *layer.folded(), opens, closes)
