"""Prepare a network for 8-bit numbers: the same function, with channels of like range.

One step of an 8-bit activation is as wide for every channel of a layer. A channel that stays small
is therefore read coarsely, and where the next layer multiplies it by large weights, the error
grows with them. Such a channel can be scaled up and the weights that read it scaled down (Nagel et
al., ICCV 2019): exact, as long as it stays below the activation's bound of 6. Channels between
blocks, which shortcuts add up, are scaled alike in all layers that write or read them.

Weights are then rounded so that the sum of each filter stays what it was. Filters that take
differences of neighbours add up to nearly nothing; rounded one by one they would answer to the
brightness of a picture.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import torch

from network import FaceNet, Layer, fold

BOUND = 6.0
MARGIN = 1.2  # a face may be brighter than all that were seen
LARGEST = 64.0  # factor
CHUNK = 64


@dataclass
class Stream:
    """Channels that several layers write or read: those between two shortcuts and around them."""

    writers: list[Layer]
    readers: list[Layer] = field(default_factory=list)
    high: torch.Tensor | None = None  # the largest value of each channel


def layers_of(net: FaceNet) -> list[Layer]:
    """All layers in order."""
    return [layer for block in net.blocks for layer in block.layers]


@torch.no_grad()
def ranges(net: FaceNet, inputs: torch.Tensor, modules: list[torch.nn.Module]) -> dict:
    """The largest absolute value of every channel of some modules' outputs."""
    found: dict[torch.nn.Module, torch.Tensor] = {}

    def note(module: torch.nn.Module, _: object, out: torch.Tensor) -> None:
        high = out.abs().amax((0, 2, 3))
        found[module] = torch.maximum(found[module], high) if module in found else high

    hooks = [module.register_forward_hook(note) for module in modules]
    for chunk in inputs.split(CHUNK):
        net.embed(chunk)
    for hook in hooks:
        hook.remove()
    return found


def read_less(layer: Layer, scale: torch.Tensor) -> None:
    """Divide the weights by which a layer reads each channel."""
    axis = 0 if layer.shape.separate else 1
    shape = [-1 if at == axis else 1 for at in range(4)]
    layer.conv.weight /= scale.view(shape)


def write_more(layer: Layer, scale: torch.Tensor) -> None:
    """Multiply what a layer writes into each channel."""
    layer.conv.weight *= scale.view(-1, 1, 1, 1)
    layer.conv.bias *= scale


def rounded(weight: torch.Tensor) -> torch.Tensor:
    """Weights (out, in, rows, columns) on the grid of signed 8-bit numbers of each output channel,
    every filter's sum kept to half a step: the weights nearest to the other side go there."""
    step = weight.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12) / 127
    exact = (weight / step).flatten(2)
    near = exact.round()
    left = exact - near
    count = left.sum(2, keepdim=True).round()
    order = (left * count.sign()).argsort(2, descending=True).argsort(2)
    near = near + count.sign() * (order < count.abs())
    return near.clamp(-127, 127).view_as(weight) * step


def streams(net: FaceNet) -> list[tuple[Stream, list[torch.nn.Module]]]:
    """Unbounded channels between blocks, and the blocks whose outputs they are."""
    found: list[tuple[Stream, list[torch.nn.Module]]] = []
    for block, following in zip(net.blocks, list(net.blocks)[1:]):
        last = block.layers[-1]
        if last.shape.bounded:
            continue
        if block.shortcut:
            stream, outputs = found[-1]
            stream.writers.append(last)
            outputs.append(block)
        else:
            stream, outputs = Stream([last]), [block]
            found.append((stream, outputs))
        stream.readers.append(following.layers[0])
    return found


@torch.no_grad()
def equalised(net: FaceNet, inputs: torch.Tensor) -> FaceNet:
    """The network with its normalisation folded and its channels scaled; `inputs` are prepared
    faces that it was trained on."""
    net = fold(copy.deepcopy(net)).eval()
    layers, between = layers_of(net), streams(net)
    bounded = [layer for layer in layers if layer.shape.bounded]
    blocks = [block for _, outputs in between for block in outputs]
    high = ranges(net, inputs, [*bounded, *blocks])
    for layer, following in zip(layers, layers[1:]):
        if layer.shape.bounded:
            scale = (BOUND / (high[layer] * MARGIN).clamp(min=1e-3)).clamp(1, LARGEST)
            scale = scale if following.shape.separate else scale.sqrt()
            write_more(layer, scale)
            read_less(following, scale)
    for stream, outputs in between:
        top = torch.stack([high[block] for block in outputs]).amax(0).clamp(min=1e-3)
        scale = (top.max() / top).clamp(1, LARGEST).sqrt()
        for layer in stream.writers:
            write_more(layer, scale)
        for layer in stream.readers:
            read_less(layer, scale)
    for layer in layers:
        if layer.shape.kernel > 1:
            layer.conv.weight.copy_(rounded(layer.conv.weight))
    return net
