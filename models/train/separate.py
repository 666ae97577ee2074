"""Convolution of each channel by itself, with a backward pass that a CPU computes quickly.

In 16 bits PyTorch's own backward pass takes most of a training step on a CPU: its kernels for
strides of two, and for the weights of large filters, are up to a hundred times slower than others
that give the same gradient. A GPU needs nothing of this.
"""

from __future__ import annotations

import torch
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F


class Separate(torch.autograd.Function):
    """Forward as `conv2d` with one group a channel."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None,
        stride: int, padding: int,
    ) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, ctx.has_bias = stride, padding, bias is not None
        return F.conv2d(x, weight, bias, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx: FunctionCtx, out: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        to_weight = of_weight(x, weight, out, ctx.stride, ctx.padding)
        to_bias = out.float().sum((0, 2, 3)) if ctx.has_bias else None
        return of_input(x, weight, out, ctx.stride, ctx.padding), to_weight, to_bias, None, None


def of_input(
    x: torch.Tensor, weight: torch.Tensor, out: torch.Tensor, stride: int, padding: int
) -> torch.Tensor:
    """Gradient of the input: a forward convolution with the mirrored filters, after zeros have
    filled the places that a stride skips."""
    kernel, beyond = weight.shape[-1], 2 * padding - weight.shape[-1] + 1
    if stride > 1:
        shape = (*x.shape[:2], x.shape[2] + beyond, x.shape[3] + beyond)
        spread = torch.empty(shape, dtype=out.dtype, memory_format=torch.channels_last).zero_()
        spread[:, :, ::stride, ::stride] = out
        out = spread
    mirrored = weight.flip(2, 3).to(out.dtype)
    return F.conv2d(out, mirrored, None, 1, kernel - 1 - padding, 1, len(weight)).to(x.dtype)


def of_weight(
    x: torch.Tensor, weight: torch.Tensor, out: torch.Tensor, stride: int, padding: int
) -> torch.Tensor:
    """Gradient of the filters. The kernel for large ones is quick in 32 bits only."""
    kind = torch.float32 if weight.shape[-1] > 3 else out.dtype
    settings = (None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], len(weight))
    _, found, _ = torch.ops.aten.convolution_backward(
        out.to(kind), x.to(kind), weight.to(kind), *settings, [False, True, False]
    )
    return found.to(weight.dtype)


def separate(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, stride: int, padding: int
) -> torch.Tensor:
    """`conv2d` of each channel by itself."""
    return Separate.apply(x, weight, bias, stride, padding)
