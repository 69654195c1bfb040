"""Masked language modelling: how small encoders are made, and a task like any other (Devlin et al. 2019)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import tokenizers
import torch

from xadapt.examples import Text
from xadapt.modeling.encoder import Encoder, no_dropout
from xadapt.modeling.heads import LMHead
from xadapt.recipe import Recipe
from xadapt.task_types.items import Batch, Item, encode_pairs, lay_out, special

BY_EXAMPLE = True


def encode(
    examples: Sequence[Text], tokenizer: tokenizers.Tokenizer, recipe: Recipe, labels: Sequence[str]
) -> list[Item]:
    """One item per line or pair of parallel lines; `detail` is what all share."""
    detail = shared(tokenizer)
    ids = encode_pairs(tokenizer, ((e.text, e.pair) for e in examples), recipe.max_length)
    return [Item(index, (sequence,), None, detail) for index, sequence in enumerate(ids)]


def shared(tokenizer: tokenizers.Tokenizer) -> tuple[int, np.ndarray]:
    """The detail of every item: (mask id, [vocabulary] what may be hidden)."""
    ordinary = np.ones(tokenizer.get_vocab_size(), dtype=bool)
    added = tokenizer.get_added_tokens_decoder()
    ordinary[[number for number, token in added.items() if token.special]] = False
    return special(tokenizer, "mask"), ordinary


def head(encoder: Encoder, labels: Sequence[str], seed: int) -> torch.nn.Module:
    return LMHead.initial(encoder.config, encoder.word_embeddings, seed)


def batch(items: Sequence[Item], random: np.random.Generator, recipe: Recipe) -> Batch:
    """Hide a share of the tokens: 80 % become the mask, 10 % a random token, 10 % stay."""
    made = lay_out(items)
    ids = made.ids.numpy()
    mask, ordinary = items[0].detail
    hidden = (random.random(len(ids)) < recipe.mask) & ordinary[ids]
    if not hidden.any():
        hidden[int(np.argmax(ordinary[ids]))] = True
    how = random.random(len(ids))
    choice = np.flatnonzero(ordinary)
    noise = choice[random.integers(0, len(choice), len(ids))]
    shown = np.where(hidden & (how < 0.8), mask, np.where(hidden & (how < 0.9), noise, ids))
    made.targets["at"] = torch.from_numpy(np.flatnonzero(hidden))
    made.targets["token"] = torch.from_numpy(ids[hidden])
    return replace(made, ids=torch.from_numpy(shown))


def inputs(hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> torch.Tensor:
    return hidden[batch.targets["at"]]


def compared(logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    return logits.float(), batch.targets["token"]


def outputs(head: torch.nn.Module, hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> list[np.ndarray]:
    """Per line the predicted ids of its hidden tokens and the true ones, [hidden tokens, 2]."""
    best = head(inputs(hidden, batch, recipe), no_dropout).argmax(-1)
    both = torch.stack([best, batch.targets["token"]], -1).cpu().numpy()
    ends = np.searchsorted(batch.targets["at"].cpu().numpy(), np.cumsum(batch.lengths))
    return np.split(both, ends[:-1])


def decode(
    outputs: Sequence[np.ndarray], items: Sequence[Item], examples: Sequence[Text], labels: Sequence[str]
) -> list[list[list[int]]]:
    return [row.tolist() for row in outputs]
