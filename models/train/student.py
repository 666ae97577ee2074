"""Fine-tunes the shipped network end to end on labels and the teacher's probabilities."""

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
from data import ETHNICITIES, Labels
from losses import HeadLogits, Targets, head_loss, validation_score
from network import FaceNet

CACHE_SIZE = 160  # side of the decoded faces that training crops from


@dataclass(frozen=True)
class Plan:
    """Settings of a training run."""

    seed: int
    side: int  # of the faces, in pixels
    epochs: int
    batch: int = 64
    learning_rate: float = 4e-4
    head_learning_rate: float = 8e-4
    teacher_share: float = 0.5  # of the targets; all of it where a label is disputed
    rare_weight: float = 1.6  # of faces labelled "other", or 60 years and older
    average_decay: float = 0.997
    frozen_layers: int = 5  # first layers, which keep the backbone's weights
    save_every: int = 64  # steps


class Trainer:
    """One run: network, its running average, optimiser; saved after every epoch."""

    def __init__(
        self, net: FaceNet, colour: list[float], faces: np.ndarray, labels: Labels,
        teaching: HeadLogits, plan: Plan,
    ) -> None:
        torch.manual_seed(plan.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.faces, self.labels, self.plan = faces, labels, plan
        self.colour = torch.tensor(colour, device=self.device).reshape(1, 3, 1, 1)
        share = torch.full((len(labels), 1), plan.teacher_share)
        share[torch.from_numpy(labels.conflict)] = 1.0
        self.targets = Targets.from_labels(labels).mixed(teaching, share)
        rare = (labels.ethnicity == ETHNICITIES.index("other")) | (labels.age >= 60)
        self.weights = torch.from_numpy(np.where(rare, plan.rare_weight, 1.0)).float()
        self.net = net.to(self.device, memory_format=torch.channels_last)
        net.layers[: plan.frozen_layers].requires_grad_(False)
        self.average = copy.deepcopy(self.net).eval()
        tuned = [*net.layers[plan.frozen_layers :].parameters()]
        heads = [w for head in (net.age, net.gender, net.ethnicity) for w in head.parameters()]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": tuned, "peak": plan.learning_rate},
                {"params": heads, "peak": plan.head_learning_rate},
            ],
            lr=plan.learning_rate,
            weight_decay=0.02,
        )
        self.done, self.seconds = 0, 0.0  # steps, and the time they took
        self.best, self.best_state = -math.inf, copy.deepcopy(self.average.state_dict())
        self.train = labels.rows("train")
        self.per_epoch = max(1, len(self.train) // plan.batch)

    def state(self) -> dict[str, object]:
        """Everything a resumed run needs."""
        return {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "done": self.done,
            "seconds": self.seconds,
            "best": self.best,
            "best_state": self.best_state,
        }

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint, if there is one."""
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.done, self.seconds = state["done"], state["seconds"]
        self.best, self.best_state = state["best"], state["best_state"]
        print(f"{self.plan.side} px: going on after step {self.done}", flush=True)

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        partial = path.with_suffix(".partial")
        torch.save(self.state(), partial)
        partial.replace(path)

    def progress(self) -> float:
        """Part of the training that is behind."""
        return self.done / (self.per_epoch * self.plan.epochs)

    def pace(self) -> float:
        """Part of the peak learning rate: a short warm-up, then a cosine to 1 %."""
        warm = max(1, self.per_epoch // 4)
        cosine = (1 + math.cos(math.pi * min(1.0, self.progress()))) / 2
        return min(1.0, (self.done + 1) / warm) * (0.01 + 0.99 * cosine)

    def network_input(self, faces: np.ndarray) -> torch.Tensor:
        """Faces (n, side, side, 3), uint8, as what the network reads: channels first, less the
        mean colour, which is the manifest's mean. The memory stays channels-last."""
        pixels = torch.from_numpy(faces).to(self.device).permute(0, 3, 1, 2)
        return pixels.float().sub_(self.colour)

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """What is left of the epoch: rows and their augmented faces, prepared up to eight
        batches ahead by another thread."""
        epoch, first = divmod(self.done, self.per_epoch)
        order = np.random.default_rng(self.plan.seed + epoch).permutation(self.train)
        parts = np.array_split(order[: self.per_epoch * self.plan.batch], self.per_epoch)
        seeds = np.random.SeedSequence((self.plan.seed, epoch)).spawn(len(parts))

        def prepare(index: int) -> np.ndarray:
            draw = np.random.default_rng(seeds[index])
            faces = [augment(self.faces[row], self.plan.side, draw) for row in parts[index]]
            return np.stack(faces)

        with ThreadPoolExecutor(1) as pool:
            left = list(range(first, len(parts)))
            ahead = [pool.submit(prepare, index) for index in left[:8]]
            for index in left:
                faces = ahead.pop(0).result()
                if index + 8 < len(parts):
                    ahead.append(pool.submit(prepare, index + 8))
                yield parts[index], faces

    def step(self, rows: np.ndarray, faces: np.ndarray) -> float:
        """One optimiser step on one batch; returns the loss."""
        with torch.autocast(self.device.type, torch.bfloat16):
            logits = self.net(self.network_input(faces))
        chosen = torch.from_numpy(rows)
        weights = self.weights[chosen].to(self.device)
        loss = head_loss(logits, self.targets.take(chosen).to(self.device), weights)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        return float(loss.detach())

    @torch.no_grad()
    def follow(self) -> None:
        """Move the running average of the weights towards the network (faster at first)."""
        decay = min(self.plan.average_decay, (1 + self.done) / (10 + self.done))
        for kept, new in zip(self.average.parameters(), self.net.parameters()):
            kept.lerp_(new, 1 - decay)

    def judge(self) -> None:
        """Measure the running average on the validation part; keep the best."""
        val = self.labels.rows("val")
        logits = self.logits(self.average, val)
        score, text = validation_score(logits, self.labels, val)
        if score > self.best:
            self.best, self.best_state = score, copy.deepcopy(self.average.state_dict())
        print(f"{self.plan.side} px after {self.done} steps: val {text}", flush=True)

    @torch.no_grad()
    def logits(self, net: FaceNet, rows: np.ndarray, mirror: bool = False) -> HeadLogits:
        """Logits (float32, on the CPU) for some faces, unchanged but for the resize."""
        parts = []
        size = (self.plan.side, self.plan.side)
        for chunk in np.array_split(rows, max(1, len(rows) // 128)):
            faces = self.faces[chunk]
            pixels = self.network_input(faces[:, :, ::-1].copy() if mirror else faces)
            pixels = F.interpolate(pixels, size, mode="bilinear", antialias=True)
            with torch.autocast(self.device.type, torch.bfloat16):
                parts.append([part.float().cpu() for part in net(pixels)])
        return HeadLogits(*(torch.cat(part) for part in zip(*parts)))

    def teaching(self, net: FaceNet) -> HeadLogits:
        """Probabilities of every face, from the mean logits of the face and its mirror image."""
        net = net.to(self.device, memory_format=torch.channels_last)
        rows = np.arange(len(self.labels))
        views = zip(self.logits(net, rows), self.logits(net, rows, mirror=True))
        return HeadLogits(*(F.softmax((one + other) / 2, dim=1) for one, other in views))

    def run_epoch(self, checkpoint: Path) -> None:
        """Train to the end of the epoch, then judge."""
        torch.manual_seed(self.plan.seed * 1_000_000 + self.done)
        self.net.train()
        losses = []
        for rows, faces in self.batches():
            began = time.monotonic()
            for group in self.optimiser.param_groups:
                group["lr"] = group["peak"] * self.pace()
            losses.append(self.step(rows, faces))
            self.follow()
            self.done += 1
            self.seconds += time.monotonic() - began
            if self.done % self.plan.save_every == 0:
                self.save(checkpoint)
                print(
                    f"  step {self.done}, {self.progress():.0%}: loss {np.mean(losses):.3f},"
                    f" {self.seconds / 60:.1f} min",
                    flush=True,
                )
        self.judge()
        self.save(checkpoint)


def train_student(trainer: Trainer, checkpoint: Path) -> FaceNet:
    """Run what is left of the training; return the network of the best one."""
    trainer.resume(checkpoint)
    while trainer.progress() < 1:
        trainer.run_epoch(checkpoint)
    net = FaceNet()
    net.load_state_dict(trainer.best_state)
    return net.eval()
