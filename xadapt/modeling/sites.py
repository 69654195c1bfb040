"""Where modules meet the encoder: behind the embeddings, beside a projection, after each half of a layer."""

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

import torch

Dropout = Callable[[torch.Tensor], torch.Tensor]
Norm = Callable[[torch.Tensor], torch.Tensor]
Place = Literal["attention", "output"]
"""The half of a layer behind which a bottleneck stands: the attention or the feed-forward."""


class Frozen(NamedTuple):
    """A frozen projection: `weight` [out, in], `bias` [out]."""

    weight: torch.Tensor
    bias: torch.Tensor


def no_dropout(x: torch.Tensor) -> torch.Tensor:
    return x


class Sites(Protocol):
    """What the encoder calls in each layer; tensors are [T, width] over all tokens of the batch."""

    targets: frozenset[str]
    """Projections whose `project` changes something."""

    @property
    def tokens(self) -> tuple[int, ...] | None:
        """Tokens of each job of the batch that it was made for; None fits every batch."""

    def embedded(self, x: torch.Tensor) -> torch.Tensor:
        """After the embeddings with their norm and dropout: what the first layer reads."""

    def project(
        self, layer: int, name: str, x: torch.Tensor, y: torch.Tensor, frozen: Callable[[], Frozen]
    ) -> torch.Tensor:
        """After the projection `name` gave `y` for input `x`: the output to go on with.

        `frozen()` is the projection, which costs something where its matrix is quantised.
        """

    def after(
        self, layer: int, place: Place, hidden: torch.Tensor, residual: torch.Tensor, norm: Norm
    ) -> torch.Tensor:
        """After the last matrix of a half: `hidden` to go on with, before norm(hidden + residual)."""


class NoSites:
    """The encoder as it is."""

    targets: frozenset[str] = frozenset()
    tokens = None

    def embedded(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def project(
        self, layer: int, name: str, x: torch.Tensor, y: torch.Tensor, frozen: Callable[[], Frozen]
    ) -> torch.Tensor:
        return y

    def after(
        self, layer: int, place: Place, hidden: torch.Tensor, residual: torch.Tensor, norm: Norm
    ) -> torch.Tensor:
        return hidden


NO_SITES = NoSites()
