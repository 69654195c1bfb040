"""The batches of each step, made and on their way to the device while the step before is computed."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from xadapt.errors import is_out_of_memory
from xadapt.task_types.items import Batch
from xadapt.training.forwards import free
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
    """The limit and the passes."""
    _placed: tuple[list[Pass], list[Pass]] | None = None
    """Passes, and the same on the device."""

    @property
    def tokens(self) -> int:
        return sum(len(batch.ids) for batch in self.batches.values())

    def cut(self, tokens: int | None) -> list[Pass]:
        """Passes of at most `tokens` each, on the CPU; kept for as long as the limit stays."""
        if self._cut is None or self._cut[0] != tokens:
            self._cut, self._placed = (tokens, passes(self.batches, tokens)), None
        return self._cut[1]

    def placed(self, cut: list[Pass]) -> list[Pass]:
        """The passes of `cut` on the device; kept with them. Memory may be out."""
        if self._placed is None or self._placed[0] is not cut:
            self._placed = cut, [{job: one.to(self.device) for job, one in each.items()} for each in cut]
        return self._placed[1]


class Feed:
    """Gives the batches of steps. What a host does for the next one costs nothing while a GPU is busy."""

    def __init__(self, made: Made, device: torch.device) -> None:
        self.made, self.device = made, device
        self._next: Fed | None = None

    def take(self, step: int) -> Fed:
        found, self._next = self._next, None
        return found if found is not None and found.step == step else self._make(step)

    def prepare(self, step: int, tokens: int | None) -> None:
        """Make a step ahead of its time, cut to passes of `tokens`.

        Out of memory it waits on the CPU: what the step does about it, it does when its turn comes.
        """
        self._next = self._make(step)
        try:
            self._next.placed(self._next.cut(tokens))
            return
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        free()

    def _make(self, step: int) -> Fed:
        return Fed(step, self.made(step), self.device)
