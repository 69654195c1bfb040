"""Retrieval: which foreign sentence translates an English one, by cosine of pooled hidden states.

Nothing is trained: sentence vectors are read from the frozen encoder with a module active, after one
layer, and the forward stops there.
"""

from collections.abc import Sequence

import numpy as np
import tokenizers
import torch

from xadapt.examples import Pairing
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.heads import pool
from xadapt.recipe import Recipe
from xadapt.task_types.items import Batch, Item, encode_pairs, lay_out
from xadapt.task_types.neighbours import nearest

ONE_POOL = True


def encode(
    examples: Sequence[Pairing], tokenizer: tokenizers.Tokenizer, recipe: Recipe, labels: Sequence[str]
) -> list[Item]:
    """Two items per example: first all foreign sentences, then all English ones."""
    sides = [*(e.source for e in examples), *(e.target for e in examples)]
    ids = encode_pairs(tokenizer, ((side, None) for side in sides), recipe.max_length)
    return [Item(index % len(examples), (sequence,)) for index, sequence in enumerate(ids)]


def head(encoder: Encoder, labels: Sequence[str], seed: int) -> None:
    """Sentence vectors need none."""


def batch(items: Sequence[Item], random: np.random.Generator, recipe: Recipe) -> Batch:
    return lay_out(items)


def outputs(head: None, hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> list[np.ndarray]:
    """Per sentence its pooled vector, [width]."""
    return list(pool(hidden, batch.lengths, recipe.pooling).float().cpu().numpy())


def decode(
    outputs: Sequence[np.ndarray], items: Sequence[Item], examples: Sequence[Pairing], labels: Sequence[str]
) -> list[int]:
    """For each English sentence the index of the nearest foreign one (XTREME's direction)."""
    vectors = torch.nn.functional.normalize(torch.from_numpy(np.stack(outputs)), dim=-1)
    foreign, english = vectors.split(len(examples))
    found = nearest(english.to(torch.get_default_device()), list(foreign.numpy()), 1)
    return [number for (number,) in found.indices.tolist()]
