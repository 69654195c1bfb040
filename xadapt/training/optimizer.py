"""AdamW over parameters stacked on a leading task axis: each task has its own learning rate and clip.

Row j of a stacked parameter belongs to task `jobs[j]`; a task that is over is not touched, so training
side by side ends where training apart ends. The update is Loshchilov & Hutter 2019 as in torch.optim.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class Turn(NamedTuple):
    """Which part of a job a step is of, and how many steps that part has had before."""

    part: int
    step: int


@dataclass
class Entry:
    """A parameter [rows, ...]; `jobs` says whose each row is. `decays` is false for biases and norms."""

    name: str
    parameter: torch.nn.Parameter
    jobs: tuple[int, ...]
    stacked: bool = True
    """False for a parameter that one task owns whole, without a leading axis."""
    part: int | None = None
    """Of its job, for the head of one part: in the steps of others it rests, as without a gradient."""

    def __post_init__(self) -> None:
        self.mean = torch.zeros_like(self.values)
        self.square = torch.zeros_like(self.values)

    @property
    def values(self) -> torch.Tensor:
        data = self.parameter.detach()
        return data if self.stacked else data.unsqueeze(0)

    @property
    def gradient(self) -> torch.Tensor:
        grad = self.parameter.grad
        grad = torch.zeros_like(self.parameter) if grad is None else grad
        return grad if self.stacked else grad.unsqueeze(0)

    @property
    def decays(self) -> bool:
        return not ("bias" in self.name or "norm" in self.name.lower())


class StackedAdamW:
    """One optimizer for every task of a loop."""

    def __init__(self, entries: Sequence[Entry], jobs: int) -> None:
        self.entries = entries
        self.jobs = jobs

    def clear(self) -> None:
        for entry in self.entries:
            entry.parameter.grad = None

    def norms(self) -> torch.Tensor:
        """Gradient norm of each task, [jobs]."""
        device = self.entries[0].parameter.device
        total = torch.zeros(self.jobs, device=device)
        for entry in self.entries:
            rows = entry.gradient.float().flatten(1).square().sum(1)
            total.index_add_(0, torch.tensor(entry.jobs, device=device), rows)
        return total.sqrt()

    @torch.no_grad()
    def step(
        self,
        count: int,
        active: Mapping[int, Turn],
        lr: Sequence[float],
        clip: Sequence[float],
        decay: Sequence[float],
    ) -> torch.Tensor:
        """Update the tasks in `active`; `count` is 1 at the first step. Returns the norms before clipping."""
        norms = self.norms()
        limit = torch.tensor(list(clip), device=norms.device)
        scale = (limit / (norms + 1e-6)).clamp(max=1.0)
        for entry in self.entries:
            rows = [row for row, job in enumerate(entry.jobs) if job in active]
            own = count
            if rows and entry.part is not None:
                turn = active[entry.jobs[0]]
                rows, own = (rows if turn.part == entry.part else []), turn.step + 1
            if rows:
                self._update(entry, rows, own, scale, lr, decay)
        return norms

    def _update(
        self,
        entry: Entry,
        rows: list[int],
        count: int,
        scale: torch.Tensor,
        lr: Sequence[float],
        decay: Sequence[float],
    ) -> None:
        owners = [entry.jobs[row] for row in rows]
        shape = (-1,) + (1,) * (entry.values.dim() - 1)
        pick = slice(None) if len(rows) == len(entry.jobs) else rows
        gradient = entry.gradient[pick] * scale[owners].view(shape)
        mean = entry.mean[pick].lerp(gradient, 1 - BETAS[0])
        square = entry.square[pick] * BETAS[1] + gradient * gradient * (1 - BETAS[1])
        rate = torch.tensor([lr[job] for job in owners], device=mean.device).view(shape)
        shrink = torch.tensor([lr[j] * decay[j] if entry.decays else 0.0 for j in owners], device=mean.device)
        root = square.sqrt() / (1 - BETAS[1] ** count) ** 0.5 + EPSILON
        update = rate / (1 - BETAS[0] ** count) * mean / root
        entry.values[pick] = entry.values[pick] * (1 - shrink.view(shape)) - update
        entry.mean[pick] = mean
        entry.square[pick] = square
