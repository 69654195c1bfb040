"""What answers: heads over pooled or single hidden states, equal to those of `adapters`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from xadapt.modeling.banks import Spread
from xadapt.modeling.sites import Dropout
from xadapt.modeling.transfer import rows_of, sent
from xadapt.recipe import Pooling

STD = 0.02


def pool(hidden: torch.Tensor, lengths: Sequence[int], how: Pooling) -> torch.Tensor:
    """[T, d] -> [sequences, d]: the first or last token, or mean or maximum over all tokens, of each.

    `mean_without_special` is the mean between the first and the last token; of an empty text it is zero.
    """
    # Counted on the host, which knows how many tokens there are: a GPU would be waited for.
    ends = np.cumsum(lengths)
    if how == "first":
        return rows_of(hidden, (ends - lengths).tolist())
    if how == "last":
        return rows_of(hidden, (ends - 1).tolist())
    sizes = sent(torch.tensor(lengths), hidden.device)
    # `unsafe` leaves out checks that wait for the device; a batch has counted its tokens.
    if how == "mean_without_special":
        inner = np.setdiff1d(np.arange(ends[-1]), (ends - lengths, ends - 1))
        given = rows_of(hidden, inner.tolist()).float()
        counts = (sizes - 2).clamp(min=0)
        total = torch.segment_reduce(given, "sum", lengths=counts, axis=0, unsafe=True)
        return total / counts.clamp(min=1)[:, None]
    kind = "mean" if how == "mean" else "max"
    pooled: torch.Tensor = torch.segment_reduce(hidden.float(), kind, lengths=sizes, axis=0, unsafe=True)
    return pooled


def pad_segments(x: torch.Tensor, lengths: Sequence[int], value: float) -> torch.Tensor:
    """[T, ...] -> [sequences, longest, ...], with `value` behind the end of each sequence."""
    return nn.utils.rnn.pad_sequence(list(x.split(list(lengths))), batch_first=True, padding_value=value)


def _linear(outer: int, inner: int, generator: torch.Generator) -> nn.Linear:
    made = nn.Linear(inner, outer, device="meta").to_empty(device="cpu")
    with torch.no_grad():
        made.weight.copy_(torch.randn(outer, inner, generator=generator) * STD)
        made.bias.zero_()
    return made


def _stacked(layers: Sequence[nn.Linear]) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights [layers, out, in] and biases [layers, out]."""
    return torch.stack([one.weight for one in layers]), torch.stack([one.bias for one in layers])


class SentenceHead(nn.Module):
    """Two layers with tanh between: classification, and multiple choice with one output per choice."""

    def __init__(self, dense: nn.Linear, out: nn.Linear) -> None:
        super().__init__()
        self.dense, self.out = dense, out

    @classmethod
    def initial(cls, config: Any, outputs: int, seed: int) -> "SentenceHead":
        generator = torch.Generator().manual_seed(seed)
        width = config.hidden_size
        return cls(_linear(width, width, generator), _linear(outputs, width, generator))

    def forward(self, x: torch.Tensor, dropout: Dropout) -> torch.Tensor:
        """[sequences, d] -> [sequences, outputs]."""
        made: torch.Tensor = self.out(dropout(torch.tanh(self.dense(dropout(x)))))
        return made

    @staticmethod
    def side_by_side(
        heads: Sequence["SentenceHead"], spread: Spread, x: torch.Tensor, dropout: Dropout
    ) -> torch.Tensor:
        """Of heads of one shape, each for its own rows of x."""
        inner = torch.tanh(spread.linear(dropout(x), *_stacked([head.dense for head in heads])))
        return spread.linear(dropout(inner), *_stacked([head.out for head in heads]))


class TokenHead(nn.Module):
    """One layer over tokens: tagging, and start and end of spans."""

    def __init__(self, out: nn.Linear) -> None:
        super().__init__()
        self.out = out

    @classmethod
    def initial(cls, config: Any, outputs: int, seed: int) -> "TokenHead":
        return cls(_linear(outputs, config.hidden_size, torch.Generator().manual_seed(seed)))

    def forward(self, x: torch.Tensor, dropout: Dropout) -> torch.Tensor:
        """[tokens, d] -> [tokens, outputs]."""
        made: torch.Tensor = self.out(dropout(x))
        return made

    @staticmethod
    def side_by_side(
        heads: Sequence["TokenHead"], spread: Spread, x: torch.Tensor, dropout: Dropout
    ) -> torch.Tensor:
        """Of heads of one shape, each for its own rows of x."""
        return spread.linear(dropout(x), *_stacked([head.out for head in heads]))


class CosineHead(nn.Module):
    """Cosines times a scale that trains: the logits of a dual encoder."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((1,), scale))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[queries, candidates] -> the same."""
        made: torch.Tensor = x * self.scale
        return made


class LMHead(nn.Module):
    """Dense, GELU, LayerNorm, then the word embeddings as decoder, with a bias of its own."""

    def __init__(self, dense: nn.Linear, norm: nn.LayerNorm, bias: nn.Parameter, words: nn.Parameter) -> None:
        super().__init__()
        self.dense, self.norm, self.bias = dense, norm, bias
        # Held in a closure: the embeddings belong to the encoder and must not be a parameter twice.
        self._words: Callable[[], nn.Parameter] = lambda: words
        self.undo: Callable[[torch.Tensor], torch.Tensor] = as_it_is
        """The inverse of an invertible adapter at the embeddings."""

    @classmethod
    def initial(cls, config: Any, words: nn.Parameter, seed: int) -> "LMHead":
        dense = _linear(config.hidden_size, config.hidden_size, torch.Generator().manual_seed(seed))
        norm = nn.LayerNorm(config.hidden_size, eps=getattr(config, "layer_norm_eps", 1e-5))
        return cls(dense, norm, nn.Parameter(torch.zeros(len(words))), words)

    def forward(self, x: torch.Tensor, dropout: Dropout) -> torch.Tensor:
        """[tokens, d] -> [tokens, vocabulary]."""
        return F.linear(self.undo(self.norm(F.gelu(self.dense(x)))), self._words(), self.bias)


def as_it_is(x: torch.Tensor) -> torch.Tensor:
    """Where nothing is to be undone."""
    return x
