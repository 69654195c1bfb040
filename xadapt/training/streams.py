"""Dropout whose draws depend on (seed, task, step) alone, so that a task trains the same beside others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional as F

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
        self.draw(drawn, p)
        return _without(x, drawn, p)

    def draw(self, out: torch.Tensor, rate: float) -> None:
        """Fill `out`, fp32, with numbers from [0, 1], of which those below `rate` are dropped."""
        out.uniform_(generator=self.generator)

    def mark(self) -> Any:
        """What leads back to here."""
        return self.generator.get_state()

    def back(self, mark: Any) -> None:
        """Draw from there on again."""
        self.generator.set_state(mark)


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
class Masks:
    """The masks of one task for all passes of a step: each drawn once, whole, then kept in a bit a number."""

    stream: Stream
    """Has drawn what is kept."""
    _kept: list[torch.Tensor] = field(default_factory=list)

    def at(self, number: int, out: torch.Tensor, rate: float, whole: int) -> torch.Tensor:
        """The bits [whole, width / 8] of the mask of this number; `out` is [rows of a pass, width]."""
        if number == len(self._kept):
            drawn = torch.empty((whole, *out.shape[1:]), device=out.device)
            self.stream.draw(drawn, rate)
            self._kept.append(_packed(drawn >= rate))
        return self._kept[number]


def _packed(mask: torch.Tensor) -> torch.Tensor:
    """[n, width] of bool -> [n, width / 8, rounded up] uint8."""
    words = F.pad(mask, (0, -mask.shape[-1] % 8)).view(torch.int64)
    # Brings the eight bytes of a word, each 0 or 1, together as the bits of its highest.
    return (words * 0x0102040810204080 >> 56).to(torch.uint8)


def _unpacked(bits: torch.Tensor, width: int) -> torch.Tensor:
    """Back, as 0 and 1 in uint8."""
    places = torch.arange(8, dtype=torch.uint8, device=bits.device)
    return ((bits.unsqueeze(-1) >> places) & 1).flatten(-2)[:, :width]


@dataclass
class Share(Stream):
    """The dropout of a pass over some examples of a step: of each mask of the whole step its own rows."""

    masks: Masks
    rows: Mapping[int, tuple[int, int]]
    """By how many rows there are here, (first, rows of the whole step)."""
    _next: int = 0
    """Of the masks of the step."""

    @classmethod
    def of(cls, masks: Masks, rows: Mapping[int, tuple[int, int]]) -> "Share":
        return cls(masks.stream.rate, masks.stream.generator, masks, rows)

    @property
    def seed(self) -> int:
        """Another one for each pass: a model of a library draws for the padded batch that it is given."""
        return self.generator.initial_seed() + max(self.rows.values(), key=lambda own: own[1])[0]

    def draw(self, out: torch.Tensor, rate: float) -> None:
        first, whole = self.rows[len(out)]
        bits = self.masks.at(self._next, out, rate, whole)
        self._next += 1
        out.copy_(_unpacked(bits[first : first + len(out)], out.shape[-1]))

    def mark(self) -> int:
        return self._next

    def back(self, mark: int) -> None:
        self._next = mark


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
            one.draw(own, one.rate)
        return _without(x, drawn, streams[0].rate)

    return drop
