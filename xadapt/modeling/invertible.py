"""Invertible adapters at the embeddings, as MAD-X has them (Pfeiffer et al. 2020).

NICE (Dinh et al. 2015): the hidden state is halved into (x1, x2), and

    y1 = x1 + F(x2),    y2 = x2 + G(y1),    F and G: W2 f(W1 x + b1) + b2

Its inverse, exact up to rounding, stands before the decoder of masked language modelling, whose rows are
the embeddings. GLOW, the other form that `adapters` 1.3.0 names, splits its input along the tokens and fails
there, so that there is no meaning to agree with.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from xadapt.modeling.banks import NON_LINEARITIES, Bank, Spread
from xadapt.modeling.heads import LMHead, as_it_is
from xadapt.modeling.module import Module
from xadapt.modeling.transfer import rows_of
from xadapt.recipe import Bottleneck


class InvertibleBank(Bank):
    """The invertible adapters of several jobs; their weights are [rows, out, in] and [rows, out]."""

    def __init__(self, modules: Sequence[Module], trainable: bool) -> None:
        super().__init__([module.invertible for module in modules], trainable)
        method = modules[0].method
        assert isinstance(method, Bottleneck)
        self.function = NON_LINEARITIES[method.non_linearity]

    def forward(self, spread: Spread, x: torch.Tensor) -> torch.Tensor:
        """[T, d] -> [T, d]."""
        w = self._of(spread)
        first, second = _halves(x)
        first = first + self._net("F", w, spread, second)
        return torch.cat([first, second + self._net("G", w, spread, first)], -1)

    def inverse(self, spread: Spread, x: torch.Tensor) -> torch.Tensor:
        """[T, d] -> [T, d]."""
        w = self._of(spread)
        first, second = _halves(x)
        second = second - self._net("G", w, spread, first)
        return torch.cat([first - self._net("F", w, spread, second), second], -1)

    def _of(self, spread: Spread) -> dict[str, torch.Tensor]:
        every = spread.rows == tuple(range(len(self.stacked(self.names[0]))))
        return {
            name: self.stacked(name) if every else rows_of(self.stacked(name), spread.rows)
            for name in self.names
        }

    def _net(self, name: str, w: dict[str, torch.Tensor], spread: Spread, x: torch.Tensor) -> torch.Tensor:
        inner = self.function(spread.linear(x, w[f"{name}.down_weight"], w[f"{name}.down_bias"]))
        return spread.linear(inner, w[f"{name}.up_weight"], w[f"{name}.up_bias"])


def _halves(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of an odd width the second is one longer."""
    half = x.shape[-1] // 2
    return x[..., :half], x[..., half:]


def decode_through(head: nn.Module | None, inverse: Callable[[torch.Tensor], torch.Tensor] | None) -> None:
    """Let a head of masked language modelling undo an invertible adapter; other heads read as they are."""
    if isinstance(head, LMHead):
        head.undo = inverse or as_it_is
