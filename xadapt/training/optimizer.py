"""AdamW over parameters stacked on a leading task axis: each task has its own learning rate and clip.

Row j of a stacked parameter belongs to task `jobs[j]`; a task that is over is not touched, so training
side by side ends where training apart ends. The update is Loshchilov & Hutter 2019 as in torch.optim.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from xadapt.modeling.transfer import sent

BETAS = (0.9, 0.999)
EPSILON = 1e-8
CACHED = 1 << 15
"""Numbers of a row that are updated at a time on a CPU."""


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


class _Stack:
    """Entries as one tensor [rows, ...]: one that is stacked already, or heads of one shape.

    The parameters and moments of several entries become views of it, so that a step is a handful of kernels
    for all of them.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = tuple(entries)
        self.rows = [(job, entry.part) for entry in entries for job in entry.jobs]
        self.decays = entries[0].decays
        self.values, self.mean, self.square = entries[0].values, entries[0].mean, entries[0].square
        if len(entries) > 1:
            self.values = torch.cat([entry.values for entry in entries])
            self.mean, self.square = torch.zeros_like(self.values), torch.zeros_like(self.values)
            for row, entry in enumerate(entries):
                entry.parameter.data = self.values[row]
                entry.mean, entry.square = self.mean[row : row + 1], self.square[row : row + 1]

    @property
    def gradient(self) -> torch.Tensor:
        found = [entry.gradient for entry in self.entries]
        return found[0] if len(found) == 1 else torch.cat(found)

    def due(self, count: int, active: Mapping[int, Turn]) -> list[tuple[int, int, int]]:
        """Row, job and number of the step, from 1, of what a step updates."""
        found = []
        for row, (job, part) in enumerate(self.rows):
            if job in active and (part is None or active[job].part == part):
                found.append((row, job, count if part is None else active[job].step + 1))
        return found


def _stacks(entries: Sequence[Entry]) -> list[_Stack]:
    members: dict[Hashable, list[Entry]] = {}
    for number, entry in enumerate(entries):
        alike = (entry.parameter.shape, entry.parameter.device, entry.decays)
        # Of an encoder that trains, a copy beside the weights would be as large as they are.
        members.setdefault(number if entry.part is None else alike, []).append(entry)
    return [_Stack(found) for found in members.values()]


class StackedAdamW:
    """One optimizer for every task of a loop; the heads of one shape become views of one tensor."""

    def __init__(self, entries: Sequence[Entry], jobs: int) -> None:
        self.entries = entries
        self.jobs = jobs
        self.stacks = _stacks(entries)
        self.device = entries[0].parameter.device
        self.owners = [self._sent([job for job, _ in stack.rows]) for stack in self.stacks]

    def clear(self) -> None:
        for entry in self.entries:
            entry.parameter.grad = None

    def norms(self, gradients: Sequence[torch.Tensor]) -> torch.Tensor:
        """Gradient norm of each task, [jobs]; `gradients` are those of the stacks."""
        total = torch.zeros(self.jobs, device=self.device)
        for owners, gradient in zip(self.owners, gradients, strict=True):
            total.index_add_(0, owners, gradient.float().flatten(1).square().sum(1))
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
        gradients = [stack.gradient for stack in self.stacks]
        norms = self.norms(gradients)
        scale = (self._sent(list(clip)) / (norms + 1e-6)).clamp(max=1.0)
        plans = [stack.due(count, active) for stack in self.stacks]
        numbers = [
            _numbers(lr[job], decay[job] if stack.decays else 0.0, own)
            for stack, plan in zip(self.stacks, plans, strict=True)
            for _, job, own in plan
        ]
        # Sent to the device once for all stacks.
        counts = [len(plan) for plan in plans]
        numbered = self._sent(numbers).split(counts)
        placed = self._sent([row for plan in plans for row, *_ in plan]).split(counts)
        for stack, owners, gradient, rows, own in zip(
            self.stacks, self.owners, gradients, placed, numbered, strict=True
        ):
            if len(rows):
                _update(stack, rows, gradient, scale[owners], own)
        return norms

    def _sent(self, values: list[Any]) -> torch.Tensor:
        return sent(torch.tensor(values), self.device)


def _numbers(lr: float, decay: float, count: int) -> tuple[float, float, float, float]:
    """Rate, shrinking, and the corrections of both moments, of one row in its step `count`."""
    return lr, lr * decay, 1 - BETAS[0] ** count, (1 - BETAS[1] ** count) ** 0.5


def _update(
    stack: _Stack, rows: torch.Tensor, gradient: torch.Tensor, scale: torch.Tensor, numbers: torch.Tensor
) -> None:
    """AdamW of `rows` [n]; `scale` [all rows] clips, `numbers` [rows, 4] are those of `_numbers`."""
    own = [tensor.flatten(1) for tensor in (gradient, stack.values, stack.mean, stack.square)]
    every = len(rows) == len(stack.rows)
    if not every:
        own, scale = [tensor.index_select(0, rows) for tensor in own], scale.index_select(0, rows)
    # A CPU takes what fits its cache through all of the update before it goes on.
    step = CACHED if gradient.device.type == "cpu" else max(1, own[0].shape[1])
    for part in zip(*(tensor.split(step, 1) for tensor in own), strict=True):
        _adamw(part, scale[:, None], numbers.unsqueeze(-1))
    if not every:
        for whole, made in zip((stack.values, stack.mean, stack.square), own[1:], strict=True):
            whole.index_copy_(0, rows, made.view(-1, *whole.shape[1:]))


def _adamw(part: tuple[torch.Tensor, ...], scale: torch.Tensor, numbers: torch.Tensor) -> None:
    """Of `part`, gradient, values and both moments [rows, n]; `scale` [rows, 1], `numbers` [rows, 4, 1]."""
    gradient, values, mean, square = part
    rate, shrink, first, second = numbers.unbind(1)
    gradient = gradient * scale
    mean.lerp_(gradient, 1 - BETAS[0])
    square.mul_(BETAS[1]).add_(gradient.square_().mul_(1 - BETAS[1]))
    root = square.sqrt().div_(second).add_(EPSILON)
    update = (rate / first * mean).div_(root)
    values.mul_(1 - shrink).sub_(update)
