"""AdamW over parameters stacked on a leading task axis: each task has its own learning rate and clip.

Row j of a stacked parameter belongs to task `jobs[j]`; a task that is over is not touched, so training
side by side ends where training apart ends. The update is Loshchilov & Hutter 2019 as in torch.optim.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch.optim.adamw import adamw

from xadapt.modeling.transfer import sent

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
    """One optimizer for every task of a loop: what a step updates of a task is one fused call of torch."""

    def __init__(self, entries: Sequence[Entry], jobs: int) -> None:
        self.entries = entries
        self.device = entries[0].parameter.device
        self.rows = [(entry, row, job) for entry in entries for row, job in enumerate(entry.jobs)]
        self.state = [[x[row] for x in (e.values, e.mean, e.square)] for e, row, _ in self.rows]
        """Of each row: views of its values and of both moments."""
        owners = torch.tensor([job for *_, job in self.rows])
        self.owners = torch.nn.functional.one_hot(owners, jobs).T.bool().to(self.device)

    def clear(self) -> None:
        for entry in self.entries:
            entry.parameter.grad = None

    def norms(self, gradients: list[torch.Tensor]) -> torch.Tensor:
        """Gradient norm of each task, [jobs]; `gradients` are those of the rows."""
        each = torch.stack(torch._foreach_norm(gradients))
        # Not index_add_, whose sums on a GPU come in an order that changes.
        # Nor a product: what is not finite of one task would be in the sums of all.
        return torch.where(self.owners, each.square(), 0.0).sum(1).sqrt()

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
        of = {id(entry): entry.gradient for entry in self.entries}
        gradients = [of[id(entry)][row] for entry, row, _ in self.rows]
        norms = self.norms(gradients)
        # What gradients are divided by.
        scales = ((norms + 1e-6) / self._sent(list(clip))).clamp(min=1.0).unbind()
        calls = self._due(count, active, decay)
        # Sent to the device once for all; torch counts each up by one before it is used.
        before = self._sent([float(own - 1) for (*_, own), rows in calls.items() for _ in rows])
        counts = before.split([len(rows) for rows in calls.values()])
        for ((job, shrink, _), rows), reached in zip(calls.items(), counts, strict=True):
            values, means, squares = zip(*(self.state[row] for row in rows), strict=True)
            adamw(
                list(values),
                [gradients[row] for row in rows],
                list(means),
                list(squares),
                [],
                list(reached.unbind()),
                fused=True,
                grad_scale=scales[job],
                amsgrad=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                lr=lr[job],
                weight_decay=shrink,
                eps=EPSILON,
                maximize=False,
            )
            # torch does not count this update, and folded fusions ask whether a weight has changed.
            torch.autograd.graph.increment_version(values)
        return norms

    def _due(
        self, count: int, active: Mapping[int, Turn], decay: Sequence[float]
    ) -> dict[tuple[int, float, int], list[int]]:
        """The rows that a step updates, by job, weight decay and number of their step, from 1."""
        found: dict[tuple[int, float, int], list[int]] = {}
        for row, (entry, _, job) in enumerate(self.rows):
            if job in active and (entry.part is None or active[job].part == entry.part):
                own = count if entry.part is None else active[job].step + 1
                found.setdefault((job, decay[job] if entry.decays else 0.0, own), []).append(row)
        return found

    def _sent(self, values: list[float]) -> torch.Tensor:
        return sent(torch.tensor(values), self.device)
