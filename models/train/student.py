"""The student: the network that ships. A narrow ResNet-18 without anything that is slow
on a CPU (plain convolutions, batch normalisation that folds away, plain ReLU).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from augment import augment
from data import AGE_CLASSES, ETHNICITIES, GENDERS, Labels
from losses import HeadLogits, Targets, head_loss, validation_score

INPUT_SIZE = 112
CACHE_SIZE = 128  # side of the decoded faces that training crops from
WIDTH = 32


def _conv_bn(channels: int, out: int, kernel: int, stride: int) -> nn.Sequential:
    """Convolution and batch normalisation, a pair that export folds into one."""
    conv = nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out))


class Block(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.first = _conv_bn(channels, out, 3, stride)
        self.second = _conv_bn(out, out, 3, 1)
        same = stride == 1 and channels == out
        self.shortcut = nn.Identity() if same else _conv_bn(channels, out, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.second(F.relu(self.first(x)))
        return F.relu(y + self.shortcut(x))


class Student(nn.Module):
    """Faces (n, 3, 112, 112), normalised to -1..1 -> logits of age, gender, ethnicity."""

    def __init__(self) -> None:
        super().__init__()
        widths = [WIDTH, WIDTH * 2, WIDTH * 4, WIDTH * 8]
        self.stem = _conv_bn(3, WIDTH, 3, 2)
        blocks, channels = [], WIDTH
        for out in widths:  # every stage halves the picture: 28, 14, 7, 4
            blocks += [Block(channels, out, 2), Block(out, out, 1)]
            channels = out
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(0.2)
        self.age = nn.Linear(channels, AGE_CLASSES)
        self.gender = nn.Linear(channels, len(GENDERS))
        self.ethnicity = nn.Linear(channels, len(ETHNICITIES))

    def embed(self, faces: torch.Tensor) -> torch.Tensor:
        """The vector the heads read."""
        return self.blocks(F.relu(self.stem(faces))).mean(dim=(2, 3))

    def heads(self, vector: torch.Tensor) -> HeadLogits:
        """Logits from the vector."""
        vector = self.dropout(vector)
        return HeadLogits(self.age(vector), self.gender(vector), self.ethnicity(vector))

    def forward(self, faces: torch.Tensor) -> HeadLogits:
        return self.heads(self.embed(faces))


@dataclass(frozen=True)
class Teaching:
    """What the teacher gives for every face of the data."""

    probabilities: HeadLogits
    features: torch.Tensor  # (faces, d), standardised


@dataclass(frozen=True)
class Plan:
    """Settings of a training run."""

    seed: int
    epochs: int = 26
    batch: int = 64
    learning_rate: float = 2e-3
    teacher_share: float = 0.5  # of the targets; all of it where a label is disputed
    feature_weight: float = 0.5
    average_decay: float = 0.998
    loaders: int = 2  # threads that prepare batches


class Trainer:
    """One run: network, its running average, optimiser; saved after every epoch."""

    def __init__(self, faces: np.ndarray, labels: Labels, teaching: Teaching, plan: Plan) -> None:
        torch.manual_seed(plan.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.faces, self.labels, self.plan, self.teaching = faces, labels, plan, teaching
        share = torch.full((len(labels), 1), plan.teacher_share)
        share[torch.from_numpy(labels.conflict)] = 1.0
        self.targets = Targets.from_labels(labels).mixed(teaching.probabilities, share)
        self.net = Student().to(self.device, memory_format=torch.channels_last)
        self.imitate = nn.Linear(WIDTH * 8, teaching.features.shape[1]).to(self.device)
        self.average = copy.deepcopy(self.net).eval()
        weights = [*self.net.parameters(), *self.imitate.parameters()]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": [w for w in weights if w.ndim > 1], "weight_decay": 0.05},
                {"params": [w for w in weights if w.ndim == 1], "weight_decay": 0.0},
            ],
            lr=plan.learning_rate,
        )
        self.epoch, self.best, self.best_state = 0, -math.inf, self.average.state_dict()

    def state(self) -> dict[str, object]:
        """Everything a resumed run needs."""
        return {
            "net": self.net.state_dict(),
            "imitate": self.imitate.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "epoch": self.epoch,
            "best": self.best,
            "best_state": self.best_state,
        }

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint, if there is one."""
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.imitate.load_state_dict(state["imitate"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self.best = state["epoch"], state["best"]
        self.best_state = state["best_state"]
        print(f"student: going on after epoch {self.epoch}", flush=True)

    def learning_rate(self, step: int, steps: int) -> float:
        """Half an epoch of warm-up, then a cosine down to a hundredth."""
        warm = steps // self.plan.epochs // 2
        if step < warm:
            return self.plan.learning_rate * (step + 1) / warm
        part = (step - warm) / (steps - warm)
        return self.plan.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * part)) / 2)

    def network_input(self, faces: np.ndarray) -> torch.Tensor:
        """Faces (n, side, side, 3), uint8, as what the network reads: -1..1, channels first.

        This is what the manifest's mean and std of 127.5 do. The memory stays channels-last.
        """
        pixels = torch.from_numpy(faces).to(self.device).permute(0, 3, 1, 2)
        return pixels.float().sub_(127.5).div_(127.5)

    def batches(self, order: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows and their augmented faces, prepared up to eight batches ahead by other threads."""
        parts = [order[at : at + self.plan.batch] for at in range(0, len(order), self.plan.batch)]
        seeds = np.random.SeedSequence((self.plan.seed, self.epoch)).spawn(len(parts))

        def prepare(index: int) -> np.ndarray:
            draw = np.random.default_rng(seeds[index])
            faces = [augment(self.faces[row], INPUT_SIZE, draw) for row in parts[index]]
            return np.stack(faces)

        with ThreadPoolExecutor(self.plan.loaders) as pool:
            ahead = [pool.submit(prepare, index) for index in range(min(8, len(parts)))]
            for index, rows in enumerate(parts):
                faces = ahead.pop(0).result()
                if index + 8 < len(parts):
                    ahead.append(pool.submit(prepare, index + 8))
                yield rows, faces

    def step(self, rows: np.ndarray, faces: np.ndarray) -> float:
        """One optimiser step on one batch; returns the loss."""
        pixels = self.network_input(faces)
        with torch.autocast(self.device.type, torch.bfloat16):
            vector = self.net.embed(pixels)
            logits = self.net.heads(vector)
            imitation = self.imitate(vector)
        chosen = torch.from_numpy(rows)
        wanted = self.teaching.features[chosen].to(self.device)
        loss = head_loss(logits, self.targets.take(chosen).to(self.device))
        loss = loss + self.plan.feature_weight * F.mse_loss(imitation.float(), wanted)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        return float(loss.detach())

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Move the running average of the weights towards the network (faster at first)."""
        decay = min(self.plan.average_decay, (1 + step) / (10 + step))
        for kept, new in zip(self.average.state_dict().values(), self.net.state_dict().values()):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)

    def run_epoch(self) -> None:
        """Train one epoch, judge the running average on the validation part, keep the best."""
        train = self.labels.rows("train")
        order = np.random.default_rng(self.plan.seed + self.epoch).permutation(train)
        torch.manual_seed(self.plan.seed * 1000 + self.epoch)
        per_epoch = len(order) // self.plan.batch
        steps, total, began = per_epoch * self.plan.epochs, 0.0, time.monotonic()
        self.net.train()
        whole = order[: per_epoch * self.plan.batch]
        for index, (rows, faces) in enumerate(self.batches(whole)):
            step = self.epoch * per_epoch + index
            for group in self.optimiser.param_groups:
                group["lr"] = self.learning_rate(step, steps)
            total += self.step(rows, faces)
            self.follow(step)
            if index % 50 == 49:
                print(f"  step {index + 1}/{per_epoch} loss {total / (index + 1):.3f}", flush=True)
        self.epoch += 1
        val = self.labels.rows("val")
        score, text = validation_score(student_logits(self.average, self, val), self.labels, val)
        if score > self.best:
            self.best, self.best_state = score, copy.deepcopy(self.average.state_dict())
        seconds = time.monotonic() - began
        print(
            f"student {self.epoch}/{self.plan.epochs}: loss {total / per_epoch:.3f} val {text}"
            f" ({seconds:.0f} s)",
            flush=True,
        )


@torch.no_grad()
def student_logits(net: Student, trainer: Trainer, rows: np.ndarray) -> HeadLogits:
    """Logits (float32, on the CPU) for some faces, unchanged but for the resize."""
    parts = []
    size = (INPUT_SIZE, INPUT_SIZE)
    for chunk in np.array_split(rows, max(1, len(rows) // 128)):
        pixels = trainer.network_input(trainer.faces[chunk])
        pixels = F.interpolate(pixels, size, mode="bilinear", antialias=True)
        parts.append([part.float().cpu() for part in net(pixels)])
    return HeadLogits(*(torch.cat(part) for part in zip(*parts)))


def train_student(trainer: Trainer, checkpoint: Path) -> Student:
    """Run the epochs that are left; return the network of the best one."""
    trainer.resume(checkpoint)
    while trainer.epoch < trainer.plan.epochs:
        trainer.run_epoch()
        partial = checkpoint.with_suffix(".partial")
        torch.save(trainer.state(), partial)
        partial.replace(checkpoint)
    net = Student()
    net.load_state_dict(trainer.best_state)
    return net.eval()
