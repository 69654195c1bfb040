"""Where modules act on the frozen encoder: after each projection, and before the last norm of a layer."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

PROJECTIONS = ("query", "key", "value", "attention_output", "intermediate", "output")
"""Frozen matrices of one layer, in the order in which they are applied."""

Normalise = Callable[[Tensor], Tensor]


class Sites(Protocol):
    """What acts during one forward; tensors are [T, width], tokens laid out as in its Packed."""

    def project(self, layer: int, name: str, x: Tensor, y: Tensor) -> Tensor:
        """The output `y` of projection `name` on input `x`, changed."""

    def after(self, layer: int, hidden: Tensor, residual: Tensor, norm: Normalise) -> Tensor:
        """The feed-forward output `hidden`, changed before the layer ends with norm(hidden + residual)."""


class NoSites:
    """The bare encoder."""

    def project(self, layer: int, name: str, x: Tensor, y: Tensor) -> Tensor:
        return y

    def after(self, layer: int, hidden: Tensor, residual: Tensor, norm: Normalise) -> Tensor:
        return hidden


NO_SITES = NoSites()
