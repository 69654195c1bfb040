"""Mining: which sentences of two collections translate each other, by margin of pooled hidden states.

Nothing is trained: sentence vectors are read as for retrieval, and held as unit vectors in float16: two
collections of 150,000 sentences take 0.6 GB at 1,024 dimensions. Products are of float32, block by block.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tokenizers
import torch

from xadapt.examples import Passage, asked
from xadapt.modeling.heads import pool
from xadapt.recipe import Recipe
from xadapt.task_types.items import Batch, Item, encode_pairs
from xadapt.task_types.neighbours import mine
from xadapt.task_types.retrieval import batch, head

__all__ = ["batch", "decode", "encode", "head", "outputs", "recurs"]
NEAREST = 4
"""Neighbours that the margin looks at, in XTREME and jiant."""


def _sides(examples: Sequence[Passage]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Each distinct sentence of the queries and of the candidates, with the ids of all that say it."""
    queries: dict[str, list[str]] = {}
    candidates: dict[str, list[str]] = {}
    for each in examples:
        (queries if each.side == "query" else candidates).setdefault(each.text, []).append(each.id)
    return queries, candidates


def encode(
    examples: Sequence[Passage], tokenizer: tokenizers.Tokenizer, recipe: Recipe, labels: Sequence[str]
) -> list[Item]:
    """One item per distinct sentence: first of the queries, then of the candidates, whose detail is 1."""
    queries, candidates = _sides(examples)
    ids = encode_pairs(tokenizer, ((text, None) for text in (*queries, *candidates)), recipe.max_length)
    first = len(queries)
    return [Item(index, (sequence,), detail=int(index >= first)) for index, sequence in enumerate(ids)]


def recurs(item: Item) -> bool:
    """Whether it may be an item of another language too: every pair of BUCC has its candidates in English."""
    return bool(item.detail == 1)


def outputs(head: None, hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> list[np.ndarray]:
    """Per sentence its pooled vector, [width] float16, of length 1."""
    pooled = pool(hidden, batch.lengths, recipe.pooling).float()
    return list(torch.nn.functional.normalize(pooled, dim=-1).half().cpu().numpy())


def decode(
    outputs: Sequence[np.ndarray], items: Sequence[Item], examples: Sequence[Passage], labels: Sequence[str]
) -> list[dict[str, Any] | None]:
    """For each query `{"targets": [ids], "score": margin}`, or None where nothing was mined.

    Sentences that are repeated are mined once; a pair stands for all ids of both, as jiant has it.
    """
    queries, candidates = _sides(examples)
    vectors = torch.from_numpy(np.stack(outputs)).to(torch.get_default_device())
    found: dict[str, dict[str, Any]] = {}
    sources, targets = list(queries.values()), list(candidates.values())
    for source, target, score in mine(vectors[: len(queries)], vectors[len(queries) :], NEAREST):
        found |= {name: {"targets": targets[target], "score": score} for name in sources[source]}
    return [found.get(each.id) for each in asked(examples)]
