"""Where modules meet the encoder: beside a frozen projection, and after the feed-forward of a layer."""

from collections.abc import Callable
from typing import Protocol

import torch

Dropout = Callable[[torch.Tensor], torch.Tensor]
Norm = Callable[[torch.Tensor], torch.Tensor]


def no_dropout(x: torch.Tensor) -> torch.Tensor:
    return x


class Sites(Protocol):
    """What the encoder calls in each layer; tensors are [T, width] over all tokens of the batch."""

    targets: frozenset[str]
    """Projections whose `project` changes something."""

    @property
    def tokens(self) -> tuple[int, ...] | None:
        """Tokens of each job of the batch that it was made for; None fits every batch."""

    def project(self, layer: int, name: str, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """After the frozen projection `name` gave `y` for input `x`: the output to go on with."""

    def after(self, layer: int, hidden: torch.Tensor, residual: torch.Tensor, norm: Norm) -> torch.Tensor:
        """After the second feed-forward matrix: `hidden` to go on with, before norm(hidden + residual)."""


class NoSites:
    """The encoder as it is."""

    targets: frozenset[str] = frozenset()
    tokens = None

    def project(self, layer: int, name: str, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return y

    def after(self, layer: int, hidden: torch.Tensor, residual: torch.Tensor, norm: Norm) -> torch.Tensor:
        return hidden


NO_SITES = NoSites()
