"""Trains one network on labels and, where there are any, on teachers that see the same pictures.

On a GPU the whole step (augmentation, teachers, network, optimiser) is one CUDA graph, because
launching its thousands of small kernels one by one takes longer than computing them. On a CPU the
same step runs as it is. The running average of the weights is what is kept.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from augment import Augment, mixed
from data import Labels
from losses import Objective, Truth
from measure import figures
from network import FaceNet, HeadLogits
from start import normalisation

CLIP = 5.0  # largest norm of the gradient
AVERAGE = 0.9995  # decay of the running average, once it has warmed up
AVERAGE_EVERY = 4  # steps


@dataclass(frozen=True)
class Plan:
    """Settings of one training."""

    kind: str
    side: int  # of the network's input
    steps: int
    batch: int = 384
    rate: float = 1e-3
    blended: float = 0.0  # part of a batch that only the teachers judge
    decay: float = 0.03
    seed: int = 1
    seconds: float | None = None  # end then, if the steps are not done before
    graph: bool = True  # on a GPU: the whole step as one CUDA graph
    compiled: bool = False  # fuse small operations; takes a minute, pays on a GPU
    save_every: float = 60.0  # seconds


class Prepared(nn.Module):
    """A network that takes pictures of any size, 0 to 255."""

    def __init__(self, net: FaceNet, side: int) -> None:
        super().__init__()
        self.net, self.side = net, side
        mean, deviation = normalisation(net.kind)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(deviation).view(1, 3, 1, 1), persistent=False)

    def forward(self, pictures: torch.Tensor) -> HeadLogits:
        if pictures.shape[-1] != self.side:
            size = (self.side, self.side)
            pictures = F.interpolate(pictures, size, mode="bilinear", align_corners=False)
        x = (pictures - self.mean) / self.std
        return self.net(x.contiguous(memory_format=torch.channels_last))


class Trainer:
    """One training: network, running average, optimiser."""

    def __init__(
        self, net: FaceNet, plan: Plan, data: tuple[torch.Tensor, Labels],
        teachers: list[Prepared],
    ) -> None:
        torch.manual_seed(plan.seed)
        faces, labels = data
        self.plan, self.faces, self.device = plan, faces, faces.device
        self.labels, self.truth = labels, Truth.of(labels, self.device)
        self.net = Prepared(net, plan.side).to(self.device, memory_format=torch.channels_last)
        self.teachers = [
            t.to(self.device, memory_format=torch.channels_last).eval().requires_grad_(False)
            for t in teachers
        ]
        self.average = {k: v.detach().clone().float() for k, v in net.state_dict().items()}
        self.augment, self.objective = Augment(self.device), Objective(self.device)
        matrices = [p for p in net.parameters() if p.ndim > 1]
        others = [p for p in net.parameters() if p.ndim <= 1]
        self.on_gpu = self.device.type == "cuda"
        self.rate = torch.tensor(plan.rate, device=self.device)
        groups = [
            {"params": matrices, "weight_decay": plan.decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(
            groups, lr=self.rate, capturable=self.on_gpu, fused=self.on_gpu
        )
        self.train = torch.tensor(labels.rows("train"), device=self.device)
        self.rows = self.train[: plan.batch].clone()  # of the batch, always the same memory
        self.blended = int(plan.batch * plan.blended) if teachers else 0
        self.order, self.at, self.done, self.spent = self.train, len(self.train), 0, 0.0
        self.loss = torch.zeros((), device=self.device)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.answer = torch.compile(self.net) if plan.compiled else self.net

    def progress(self) -> float:
        """Part of the training that is behind."""
        part = self.done / self.plan.steps
        return part if self.plan.seconds is None else max(part, self.spent / self.plan.seconds)

    def next_rows(self) -> None:
        """The next batch; every face comes once before any comes again."""
        if self.at + self.plan.batch > len(self.order):
            draw = torch.Generator().manual_seed(self.plan.seed * 1_000_003 + self.done)
            order = torch.randperm(len(self.train), generator=draw).to(self.device)
            self.order, self.at = self.train[order], 0
        self.rows.copy_(self.order[self.at : self.at + self.plan.batch])
        self.at += self.plan.batch

    def forward_backward(self) -> None:
        """The step on `rows`, without the choice of them."""
        with torch.no_grad():
            pictures = self.augment(self.faces[self.rows])
            if self.blended:
                pictures = mixed(pictures, self.blended)
        amp = torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False)
        taught = None
        if self.teachers:
            with torch.no_grad(), amp:
                answers = [[F.softmax(p.float(), 1) for p in t(pictures)] for t in self.teachers]
            taught = HeadLogits(*(sum(heads) / len(answers) for heads in zip(*answers)))
        with amp:
            logits = self.answer(pictures)
        logits, truth = HeadLogits(*(p.float() for p in logits)), self.truth.take(self.rows)
        if taught is None:
            loss = self.objective.labels(logits, truth)
        else:
            loss = self.objective.both(logits, truth, taught, self.blended)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        self.optimiser.step()
        self.loss.copy_(loss.detach())

    def capture(self) -> None:
        """Put the step into a CUDA graph. The steps that warm up move no weight."""
        self.rate.zero_()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(4):
                self.optimiser.zero_grad(set_to_none=True)
                self.forward_backward()
        torch.cuda.current_stream().wait_stream(stream)
        self.optimiser.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.forward_backward()
        self.graph = graph

    def step(self) -> None:
        """One step at the learning rate of now: a short warm-up, then a cosine."""
        cosine = (1 + math.cos(math.pi * min(1.0, self.progress()))) / 2
        self.rate.fill_(self.plan.rate * min(1.0, (self.done + 1) / 100) * (cosine + 0.005))
        self.next_rows()
        if self.graph is not None:
            self.graph.replay()
        else:
            self.optimiser.zero_grad(set_to_none=True)
            self.forward_backward()
        self.done += 1
        if self.done % AVERAGE_EVERY == 0:
            self.follow()

    @torch.no_grad()
    def follow(self) -> None:
        """Move the running average towards the network (faster at first)."""
        decay = min(AVERAGE, (1 + self.done) / (20 + self.done)) ** AVERAGE_EVERY
        state = self.net.net.state_dict()
        moving = [key for key, value in state.items() if value.is_floating_point()]
        kept, new = [self.average[k] for k in moving], [state[k].float() for k in moving]
        torch._foreach_lerp_(kept, new, 1 - decay)

    def averaged(self) -> Prepared:
        """The network of the running average."""
        net = FaceNet(self.plan.kind)
        net.load_state_dict(self.average)
        return Prepared(net, self.plan.side).to(self.device).eval()

    def state(self) -> dict[str, object]:
        """Everything that a resumed run needs."""
        return {
            "net": self.net.net.state_dict(), "average": self.average,
            "optimiser": self.optimiser.state_dict(), "done": self.done, "spent": self.spent,
            "order": self.order, "at": self.at, "random": torch.get_rng_state(),
        }

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint, if there is one."""
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.net.net.load_state_dict(state["net"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate
        self.done, self.spent = state["done"], state["spent"]
        self.order, self.at = state["order"], state["at"]
        torch.set_rng_state(state["random"].cpu())
        print(f"going on after step {self.done}", flush=True)

    def run(self, name: str, checkpoint: Path) -> None:
        """Train to the end; save and judge on the validation part every so often."""
        self.resume(checkpoint)
        self.net.train()
        if self.on_gpu and self.plan.graph:
            self.capture()
        before, saved, began = self.spent, time.monotonic(), time.monotonic()
        while self.progress() < 1:
            self.step()
            if self.on_gpu and self.done % 8 == 0:
                torch.cuda.synchronize()  # or the clock would run ahead of the work
            self.spent = before + time.monotonic() - began
            if time.monotonic() - saved > self.plan.save_every and self.progress() < 1:
                self.save(checkpoint)
                self.report(name)
                saved = time.monotonic()
        self.report(name)

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        partial = path.with_suffix(".partial")
        torch.save(self.state(), partial)
        partial.replace(path)

    def report(self, name: str) -> None:
        """Print how the running average does on the validation part."""
        epochs = self.done * self.plan.batch / len(self.train)
        print(
            f"{name}: {self.spent:.0f} s, step {self.done}, epoch {epochs:.1f}, loss"
            f" {float(self.loss):.3f}, val {figures(self.averaged(), self.faces, self.labels)}",
            flush=True,
        )
