"""The batches of each step, made and on their way to the device while the step before is computed."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from xadapt.task_types.items import Batch
from xadapt.training.passes import Pass, passes

Made = Callable[[int], dict[int, Batch]]
"""Step -> the batches of its jobs, on the CPU."""


@dataclass
class Fed:
    """One step."""

    step: int
    batches: dict[int, Batch]
    """By job, on the CPU."""
    device: torch.device
    _cut: tuple[int | None, list[Pass]] | None = None

    @property
    def tokens(self) -> int:
        return sum(len(batch.ids) for batch in self.batches.values())

    def passes(self, tokens: int | None) -> list[Pass]:
        """Of at most `tokens` each, on the device; kept for as long as the limit stays."""
        if self._cut is None or self._cut[0] != tokens:
            every = passes(self.batches, tokens)
            self._cut = tokens, [{job: one.to(self.device) for job, one in each.items()} for each in every]
        return self._cut[1]


class Feed:
    """Gives the batches of steps. What a host does for the next one costs nothing while a GPU is busy."""

    def __init__(self, made: Made, device: torch.device) -> None:
        self.made, self.device = made, device
        self._next: Fed | None = None

    def take(self, step: int) -> Fed:
        found, self._next = self._next, None
        return found if found is not None and found.step == step else self._make(step)

    def prepare(self, step: int, tokens: int | None) -> None:
        """Make a step ahead of its time, cut to passes of `tokens`."""
        self._next = self._make(step)
        self._next.passes(tokens)

    def _make(self, step: int) -> Fed:
        return Fed(step, self.made(step), self.device)
