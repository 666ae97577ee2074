"""The network that ships: MobileNetV1 over faces, begun from a backbone that was
trained on millions of faces, with one linear head an attribute.

Convolutions and activations bounded at 6 (cheap in every runtime, and kind to 8-bit
numbers, because the range of every activation is known); batch normalisation is
already folded into the weights of the backbone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional as F

from data import AGE_CLASSES, ETHNICITIES, GENDERS
from losses import HeadLogits

INPUT_SIZE = 120
FEATURES = 1024
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)  # of the 13 separable blocks
WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024)


class Layer(nn.Module):
    """Convolution, then an activation bounded to 0..6; padded as TensorFlow's SAME."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        separate = channels if kernel == 3 and channels == out else 1
        self.conv = nn.Conv2d(channels, out, kernel, stride, groups=separate)

    def padding(self, side: int) -> tuple[int, int]:
        """Rows (and columns) of zeros before and after a picture of this side."""
        kernel, stride = self.conv.kernel_size[0], self.conv.stride[0]
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        return total // 2, total - total // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before, after = self.padding(x.shape[-1])
        if before == after:
            weight, bias = self.conv.weight, self.conv.bias
            x = F.conv2d(x, weight, bias, self.conv.stride, before, groups=self.conv.groups)
        else:
            x = self.conv(F.pad(x, (before, after, before, after)))
        return F.relu6(x)


class FaceNet(nn.Module):
    """Faces (n, 3, side, side), RGB less the mean colour -> logits of age, gender, ethnicity."""

    def __init__(self, features: int = FEATURES) -> None:
        super().__init__()
        layers, channels = [Layer(3, 32, 3, 2)], 32
        for stride, out in zip(STRIDES, (*WIDTHS, features)):
            layers += [Layer(channels, channels, 3, stride), Layer(channels, out, 1)]
            channels = out
        self.layers = nn.Sequential(*layers)
        self.dropout = nn.Dropout(0.3)
        self.age = nn.Linear(features, AGE_CLASSES)
        self.gender = nn.Linear(features, len(GENDERS))
        self.ethnicity = nn.Linear(features, len(ETHNICITIES))

    def embed(self, faces: torch.Tensor) -> torch.Tensor:
        """The vector the heads read."""
        return self.layers(faces).mean(dim=(2, 3))

    def forward(self, faces: torch.Tensor) -> HeadLogits:
        vector = self.dropout(self.embed(faces))
        return HeadLogits(self.age(vector), self.gender(vector), self.ethnicity(vector))


def backbone_tensors(path: Path) -> dict[str, np.ndarray]:
    """Constants of the backbone's graph by name."""
    graph = onnx.load(path).graph
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def mean_colour(backbone: Path) -> list[float]:
    """The colour that the backbone takes off every pixel."""
    return [float(value) for value in backbone_tensors(backbone)["mean_rgb"].reshape(-1)]


def load_backbone(net: FaceNet, path: Path) -> None:
    """Copy the backbone's convolutions; the last one's bias stands in a node of its own."""
    graph, constants = onnx.load(path).graph, backbone_tensors(path)
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    added = [node for node in graph.node if node.op_type == "Add" and node.input[1] in constants]
    last_bias = next(n.input[1] for n in added if constants[n.input[1]].size == FEATURES)
    if len(convolutions) != len(net.layers):
        raise ValueError(f"{path.name} has {len(convolutions)} convolutions, not 27")
    for node, layer in zip(convolutions, net.layers):
        bias = node.input[2] if len(node.input) > 2 else last_bias
        with torch.no_grad():
            layer.conv.weight.copy_(torch.tensor(constants[node.input[1]]))
            layer.conv.bias.copy_(torch.tensor(constants[bias]).reshape(-1))
