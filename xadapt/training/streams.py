"""Dropout whose draws depend on (seed, task, step) alone, so that a task trains the same beside others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
        drawn = torch.empty(x.shape, device=x.device)
        self.draw(drawn)
        return _without(x, drawn, p)

    def draw(self, out: torch.Tensor) -> None:
        """Fill `out`, fp32, with numbers from [0, 1)."""
        out.uniform_(generator=self.generator)


class _Masked(torch.autograd.Function):
    """x times `scale` where it is kept, else 0; the backward needs one byte a number."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, kept: torch.Tensor, scale: float) -> torch.Tensor:
        ctx.save_for_backward(kept)
        ctx.scale = scale
        return _masked(x, kept, scale)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        (kept,) = ctx.saved_tensors
        return _masked(gradients[0], kept, ctx.scale), None, None


def _masked(x: torch.Tensor, kept: torch.Tensor, scale: float) -> torch.Tensor:
    # One kernel on a GPU, where a product with the mask and a division are three.
    found: torch.Tensor = torch.ops.aten.native_dropout_backward(x, kept, scale)
    return found


def _without(x: torch.Tensor, drawn: torch.Tensor, rate: float) -> torch.Tensor:
    found: torch.Tensor = _Masked.apply(x, drawn >= rate, 1.0 / (1.0 - rate))
    return found


@dataclass
class Share(Stream):
    """The dropout of a pass over some examples of a step: of each mask of the whole step its own rows."""

    rows: Mapping[int, tuple[int, int]]
    """By how many rows there are here, (first, rows of the whole step)."""

    @property
    def seed(self) -> int:
        """Another one for each pass: a model of a library draws for the padded batch that it is given."""
        return self.generator.initial_seed() + max(self.rows.values(), key=lambda own: own[1])[0]

    def draw(self, out: torch.Tensor) -> None:
        first, whole = self.rows[len(out)]
        drawn = torch.rand((whole, *out.shape[1:]), generator=self.generator, device=out.device)
        out.copy_(drawn[first : first + len(out)])


def side_by_side(streams: Sequence[Stream], tokens: Sequence[int]) -> Dropout:
    """One dropout over tokens laid out task by task, each task drawing from its own stream."""
    rates = {one.rate for one in streams}
    if rates == {0.0}:
        return no_dropout

    def drop(x: torch.Tensor) -> torch.Tensor:
        if len(rates) > 1:
            parts = x.split(list(tokens))
            return torch.cat([one(part) for one, part in zip(streams, parts, strict=True)])
        drawn = torch.empty(x.shape, device=x.device)
        for one, own in zip(streams, drawn.split(list(tokens)), strict=True):
            one.draw(own)
        return _without(x, drawn, streams[0].rate)

    return drop
