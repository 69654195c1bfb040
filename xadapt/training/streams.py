"""Dropout whose draws depend on (seed, task, step) alone, so that a task trains the same beside others."""

from collections.abc import Sequence
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

    def __call__(self, x: torch.Tensor, rate: float | None = None) -> torch.Tensor:
        p = self.rate if rate is None else rate
        if p == 0.0:
            return x
        kept = torch.rand(x.shape, generator=self.generator, device=x.device) >= p
        return x * kept.to(x.dtype) / (1.0 - p)


def side_by_side(streams: Sequence[Stream], tokens: Sequence[int]) -> Dropout:
    """One dropout over tokens laid out task by task, each task drawing from its own stream."""
    if all(one.rate == 0.0 for one in streams):
        return no_dropout

    def drop(x: torch.Tensor) -> torch.Tensor:
        parts = x.split(list(tokens))
        return torch.cat([one(part) for one, part in zip(streams, parts, strict=True)])

    return drop
