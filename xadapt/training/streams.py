"""Dropout whose draws depend on (seed, task, step) alone, so that a task trains the same beside others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from xadapt.modeling.encoder import Dropout, no_dropout
from xadapt.training.batches import stream


@dataclass
class Stream:
    """The dropout of one task in one step: each call draws the next mask."""

    rate: float
    generator: torch.Generator

    @classmethod
    def at(cls, rate: float, seed: int, task: str, step: int, device: torch.device) -> "Stream":
        generator = torch.Generator(device=device)
        generator.manual_seed(stream(seed, task, "dropout", step))
        return cls(rate, generator)

    @property
    def seed(self) -> int:
        """For what draws by itself: the models of a library."""
        return self.generator.initial_seed()

    def __call__(self, x: torch.Tensor, rate: float | None = None) -> torch.Tensor:
        p = self.rate if rate is None else rate
        if p == 0.0:
            return x
        kept = self._drawn(x) >= p
        return x * kept.to(x.dtype) / (1.0 - p)

    def _drawn(self, x: torch.Tensor) -> torch.Tensor:
        return torch.rand(x.shape, generator=self.generator, device=x.device)


@dataclass
class Share(Stream):
    """The dropout of a pass over some examples of a step: of each mask of the whole step its own rows."""

    rows: Mapping[int, tuple[int, int]]
    """By how many rows there are here, (first, rows of the whole step)."""

    @property
    def seed(self) -> int:
        """Another one for each pass: a model of a library draws for the padded batch that it is given."""
        return self.generator.initial_seed() + max(self.rows.values(), key=lambda own: own[1])[0]

    def _drawn(self, x: torch.Tensor) -> torch.Tensor:
        first, whole = self.rows[len(x)]
        drawn = torch.rand((whole, *x.shape[1:]), generator=self.generator, device=x.device)
        return drawn[first : first + len(x)]


def side_by_side(streams: Sequence[Stream], tokens: Sequence[int]) -> Dropout:
    """One dropout over tokens laid out task by task, each task drawing from its own stream."""
    if all(one.rate == 0.0 for one in streams):
        return no_dropout

    def drop(x: torch.Tensor) -> torch.Tensor:
        parts = x.split(list(tokens))
        return torch.cat([one(part) for one, part in zip(streams, parts, strict=True)])

    return drop
