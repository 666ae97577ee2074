"""Random changes to a batch of training faces, so that the network sees what cameras deliver:
other crops and viewing angles, few pixels, blur, hard compression, light and colour, no colour,
noise, covered parts.

Works on tensors of any device, draws from PyTorch's generator of that device, and never waits for
the device, so a CUDA graph can hold it. Every change touches a part of the faces; half of them
move only mildly, because most of a camera's faces are aligned well.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn import functional as F

from data import STORED_SIDE

SMALL_SIDES = (14, 18, 24, 32, 44, 60)  # of the faces with few pixels
FEW, BLURRED, PACKED, GREY, DARK, NOISY, COVERED = 0.24, 0.14, 0.2, 0.08, 0.12, 0.4, 0.25
# Quantisation of luminance and colour at quality 50 (JPEG, annex K).
LUMINANCE = """16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29
51 87 80 62 18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92
95 98 112 100 103 99"""
COLOUR = """17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99
99 99 99""" + 32 * " 99"


Change = Callable[[torch.Tensor], torch.Tensor]


def shrunk(x: torch.Tensor, small: int) -> torch.Tensor:
    """Faces as they look after they had only `small` pixels a side."""
    down = F.interpolate(x, (small, small), mode="area")
    return F.interpolate(down, x.shape[-2:], mode="bilinear", align_corners=False)


class Augment:
    """Holds the constants on one device; call it with faces (n, side, side, 3), uint8."""

    def __init__(self, device: torch.device | str) -> None:
        self.device, self.side = device, STORED_SIDE
        self.grey = torch.tensor([0.299, 0.587, 0.114], device=device)
        self.to_colour = torch.tensor(
            [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]],
            device=device,
        )
        self.from_colour = torch.linalg.inv(self.to_colour.cpu()).to(device)
        row = torch.tensor([1.0, 4, 6, 4, 1], device=device) / 16
        self.kernel = (row[:, None] * row[None]).expand(3, 1, 5, 5).contiguous()
        k, n = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
        cosines = torch.cos(math.pi / 8 * (n + 0.5) * k) * math.sqrt(2 / 8)
        cosines[0] /= math.sqrt(2)
        self.cosines = cosines.to(device)
        tables = [[float(word) for word in text.split()] for text in (LUMINANCE, COLOUR, COLOUR)]
        self.tables = torch.tensor(tables, device=device).view(1, 3, 1, 8, 1, 8)
        self.line = torch.arange(self.side, device=device, dtype=torch.float32)

    def draw(self, low: float, high: float, *shape: int) -> torch.Tensor:
        """Uniform numbers."""
        return torch.rand(*shape, device=self.device) * (high - low) + low

    def chosen(self, part: float, n: int) -> torch.Tensor:
        """True for about this part of the faces, as (n, 1, 1, 1)."""
        return torch.rand(n, 1, 1, 1, device=self.device) < part

    def only(self, which: torch.Tensor, x: torch.Tensor, change: Change) -> torch.Tensor:
        """`x` with some of its faces changed; `which` is (n, 1, 1, 1). A GPU changes all of them
        and picks, since it would have to wait to know how many there are."""
        if x.is_cuda:
            return torch.where(which, change(x), x)
        rows = which.flatten().nonzero().flatten()
        return x.index_copy(0, rows, change(x[rows])) if len(rows) else x

    def __call__(self, faces: torch.Tensor) -> torch.Tensor:
        """Changed faces (n, 3, side, side), 0 to 255."""
        x = self.moved(faces.permute(0, 3, 1, 2).float())
        x = self.covered(self.lit(self.coarse(x)))
        return self.only(self.chosen(PACKED, len(x)), x, self.packed)

    def moved(self, x: torch.Tensor) -> torch.Tensor:
        """Turned, scaled, stretched, mirrored, sheared, shifted and seen from the side."""
        n = len(x)
        reach = torch.where(self.draw(0, 1, n) < 0.5, 0.4, 1.0)  # half of them move mildly
        angle = self.draw(-0.35, 0.35, n) * reach
        scale = torch.exp(self.draw(-0.22, 0.26, n) * reach)
        stretch = torch.exp(self.draw(-0.1, 0.1, n) * reach)
        mirror = torch.where(self.draw(0, 1, n) < 0.5, -1.0, 1.0)
        slant = self.draw(-0.3, 0.3, n) * (self.draw(0, 1, n) < 0.2)
        shift = self.draw(-0.13, 0.13, 2, n) * reach
        cosine, sine = torch.cos(angle), torch.sin(angle)
        rows = [
            torch.stack([cosine * scale * stretch * mirror, (slant - sine) * scale, shift[0]], 1),
            torch.stack([sine * scale * mirror, cosine * scale / stretch, shift[1]], 1),
        ]
        grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
        aside = self.draw(-0.28, 0.28, 2, n, 1, 1) * (self.draw(0, 1, 1, n, 1, 1) < 0.4)
        depth = 1 + aside[0] * grid[..., 0] + aside[1] * grid[..., 1]
        grid = grid / depth[..., None]
        return F.grid_sample(x, grid, "bilinear", "border", align_corners=False)

    def coarse(self, x: torch.Tensor) -> torch.Tensor:
        """Few pixels, or blur."""
        which = torch.rand(len(x), 1, 1, 1, device=self.device)
        each = FEW / len(SMALL_SIDES)
        for index, small in enumerate(SMALL_SIDES):
            some = (which >= index * each) & (which < (index + 1) * each)
            x = self.only(some, x, lambda faces, small=small: shrunk(faces, small))
        for part in (BLURRED, BLURRED / 2):  # half of the blurred ones twice
            x = self.only(which > 1 - part, x, self.blurred)
        return x

    def blurred(self, x: torch.Tensor) -> torch.Tensor:
        """Smoothed twice."""
        for _ in range(2):
            x = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), self.kernel, groups=3)
        return x

    def lit(self, x: torch.Tensor) -> torch.Tensor:
        """Saturation, contrast, brightness, tint, channel shift, gamma, noise."""
        n = len(x)
        grey = (x * self.grey.view(1, 3, 1, 1)).sum(1, keepdim=True)
        saturation = self.draw(0.5, 1.4, n, 1, 1, 1)
        x = grey + (x - grey) * torch.where(self.chosen(GREY, n), 0.0, saturation)
        usual = torch.exp(self.draw(-0.35, 0.3, n, 1, 1, 1))
        bright = torch.where(self.chosen(DARK, n), self.draw(0.12, 0.6, n, 1, 1, 1), usual)
        mean = x.mean((1, 2, 3), keepdim=True)
        x = (x - mean) * self.draw(0.65, 1.35, n, 1, 1, 1) + mean
        x = x * bright * torch.exp(self.draw(-0.12, 0.12, n, 3, 1, 1))
        x = x + self.draw(-60, 60, n, 3, 1, 1) * self.chosen(0.06, n)
        x = 255 * (x.clamp(0, 255) / 255).pow(torch.exp(self.draw(-0.35, 0.35, n, 1, 1, 1)))
        return self.only(self.chosen(NOISY, n), x, self.noisy)

    def noisy(self, x: torch.Tensor) -> torch.Tensor:
        """With a sensor's noise."""
        return (x + torch.randn_like(x) * self.draw(0, 9, len(x), 1, 1, 1)).clamp(0, 255)

    def covered(self, x: torch.Tensor) -> torch.Tensor:
        """A box of one colour over a part of the face."""
        n = len(x)
        middle = self.draw(0, self.side, 2, n, 1, 1, 1)
        half = self.draw(8, 28, 2, n, 1, 1, 1)
        across = (self.line.view(1, 1, 1, -1) - middle[0]).abs() < half[0]
        down = (self.line.view(1, 1, -1, 1) - middle[1]).abs() < half[1]
        box = across & down & self.chosen(COVERED, n)
        return torch.where(box, self.draw(0, 255, n, 3, 1, 1), x)

    def packed(self, x: torch.Tensor) -> torch.Tensor:
        """As JPEG of a quality between 8 and 60 leaves it (without subsampling of colour)."""
        n, blocks = len(x), self.side // 8
        quality = self.draw(8, 60, n, 1, 1, 1, 1, 1)
        factor = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
        steps = (self.tables * factor).clamp(min=1)
        planes = torch.einsum("oc,nchw->nohw", self.to_colour, x - 128)
        planes = planes.reshape(n, 3, blocks, 8, blocks, 8)
        waves = torch.einsum("ki,ncaibj,lj->ncakbl", self.cosines, planes, self.cosines)
        kept = torch.round(waves / steps) * steps
        planes = torch.einsum("ki,ncakbl,lj->ncaibj", self.cosines, kept, self.cosines)
        back = torch.einsum("oc,nchw->nohw", self.from_colour, planes.reshape(x.shape))
        return (back + 128).clamp(0, 255)


def mixed(x: torch.Tensor, count: int) -> torch.Tensor:
    """The first `count` faces blended with those that follow: pictures that only a teacher can
    judge, because no label fits them."""
    share = torch.rand(count, 1, 1, 1, device=x.device)
    blended = x[:count] * share + x[count : 2 * count] * (1 - share)
    return torch.cat([blended, x[count:]])
