"""Ranking: the candidates that answer a query, by cosine of pooled states of the last layer.

The dual encoder that XTREME-R trains for LAReQA and Mewsli-X (google-research/xtreme, `third_party/bert.py`):
one encoder reads both sides, logits are cosines times a trained scale that starts at 100, and the other
candidates of a batch are the negatives. Two differences: there is no pooler, a layer for which XLM-R has no
pretrained weights (izhx/nlu-evals leaves it out too), and a candidate that also answers the query is no
negative of it.
"""

from collections.abc import Sequence
from typing import overload

import numpy as np
import tokenizers
import torch
from torch.nn import functional as F

from xadapt.errors import DataError
from xadapt.examples import Passage
from xadapt.modeling.encoder import Dropout, Encoder
from xadapt.modeling.heads import CosineHead, pool
from xadapt.recipe import Recipe
from xadapt.task_types.flat import sizes
from xadapt.task_types.items import Batch, Item, encode_pairs, lay_out
from xadapt.task_types.neighbours import nearest

SCALE = 100.0
BEST = 20
"""Candidates that a prediction names: XTREME-R scores no more."""
ONE_POOL = True
"""Languages search the same candidates, so what was encoded for one is kept for the next."""
BY_EXAMPLE = True
ONE_BATCH = True
"""The examples of a batch are each other's negatives, so that its loss is no sum over them."""


def encode(
    examples: Sequence[Passage], tokenizer: tokenizers.Tokenizer, recipe: Recipe, labels: Sequence[str]
) -> list[Item]:
    """One item per passage: `<s> text </s>`, or `<s> text </s></s> pair </s>`."""
    ids = encode_pairs(tokenizer, ((e.text, e.pair) for e in examples), recipe.max_length)
    return [Item(index, (sequence,)) for index, sequence in enumerate(ids)]


class Pairs(Sequence[Item]):
    """One item per query and candidate that answers it; `target` is (its id, the ids of all that do).

    Held are the numbers of passages, which may lie on disk.
    """

    def __init__(self, examples: Sequence[Passage], passages: Sequence[Item]) -> None:
        """`passages` are the items of `examples`. Raises DataError for an answer that is no candidate."""
        place = {example.id: index for index, example in enumerate(examples) if example.side == "candidate"}
        self._passages = passages
        self._pairs: list[tuple[int, int, tuple[str, frozenset[str]]]] = []
        for query, example in enumerate(examples):
            every = frozenset(example.relevant)
            for name in example.relevant:
                if name not in place:
                    raise DataError(f"query {example.id!r}: {name!r} is no candidate")
                self._pairs.append((query, place[name], (name, every)))

    def __len__(self) -> int:
        return len(self._pairs)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        query, candidate, target = self._pairs[index]
        sequences = self._passages[query].sequences + self._passages[candidate].sequences
        return Item(query, sequences, target)

    @property
    def sizes(self) -> list[int]:
        """Tokens of each item."""
        each = sizes(self._passages)
        return [each[query] + each[candidate] for query, candidate, _ in self._pairs]


def training(examples: Sequence[Passage], passages: Sequence[Item]) -> Sequence[Item]:
    """What is trained on, of the items of `encode`. Raises DataError, also when no query has an answer."""
    found = Pairs(examples, passages)
    if not found:
        raise DataError("no query has a candidate that answers it")
    return found


def head(encoder: Encoder, labels: Sequence[str], seed: int) -> torch.nn.Module:
    return CosineHead(SCALE)


def batch(items: Sequence[Item], random: np.random.Generator, recipe: Recipe) -> Batch:
    """Passages to predict from, or pairs to train on with `answers`, [pairs, pairs]: what is no negative."""
    made = lay_out(items)
    if items[0].target is not None:
        names = [item.target[0] for item in items]
        answers = [[name in item.target[1] for name in names] for item in items]
        made.targets["answers"] = torch.tensor(answers).fill_diagonal_(False)
    return made


def _vectors(hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> torch.Tensor:
    """[sequences, width], each of length 1."""
    return F.normalize(pool(hidden, batch.lengths, recipe.pooling).float(), dim=-1)


def loss(
    head: torch.nn.Module, hidden: torch.Tensor, batch: Batch, recipe: Recipe, dropout: Dropout
) -> torch.Tensor:
    """Cross entropy of each query's own candidate among those of the batch."""
    vectors = _vectors(hidden, batch, recipe)
    # Not in half precision: the scale turns its rounding into whole logits.
    with torch.autocast(hidden.device.type, enabled=False):
        logits = head(vectors[0::2] @ vectors[1::2].T)
    logits = logits.masked_fill(batch.targets["answers"], float("-inf"))
    return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


def outputs(head: torch.nn.Module, hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> list[np.ndarray]:
    """Per passage its vector, [width]."""
    return list(_vectors(hidden, batch, recipe).cpu().numpy())


def decode(
    outputs: Sequence[np.ndarray],
    items: Sequence[Item],
    examples: Sequence[Passage],
    labels: Sequence[str],
) -> list[list[str]]:
    """For each query the ids of the `BEST` nearest candidates, best first; of equals the first one read."""
    pool = [(e.id, vector) for e, vector in zip(examples, outputs, strict=True) if e.side == "candidate"]
    asked = [vector for e, vector in zip(examples, outputs, strict=True) if e.side == "query"]
    if not asked:
        return []
    queries = torch.from_numpy(np.stack(asked)).to(torch.get_default_device())
    found = nearest(queries, [vector for _, vector in pool], BEST)
    return [[pool[number][0] for number in row] for row in found.indices.tolist()]
