"""Multiple choice: each choice is read with the context, a softmax over the choices picks one."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import tokenizers
import torch

from xadapt.errors import DataError
from xadapt.examples import Choice
from xadapt.modeling.encoder import Encoder, no_dropout
from xadapt.modeling.heads import SentenceHead, pool
from xadapt.recipe import Recipe
from xadapt.task_types.items import Batch, Item, encode_pairs, lay_out


def encode(
    examples: Sequence[Choice], tokenizer: tokenizers.Tokenizer, recipe: Recipe, labels: Sequence[str]
) -> list[Item]:
    """One item per example, one sequence per choice; the start of what is too long is cut, as jiant does.

    Raises DataError when examples differ in their number of choices.
    """
    counts = {len(example.choices) for example in examples}
    if len(counts) > 1:
        raise DataError(
            f"examples have {' and '.join(map(str, sorted(counts)))} choices; one number is needed"
        )
    pairs = chain.from_iterable(((e.context, choice) for choice in e.choices) for e in examples)
    ids = encode_pairs(tokenizer, pairs, recipe.max_length, direction="left")
    each = counts.pop() if counts else 1
    return [
        Item(index, tuple(ids[index * each : (index + 1) * each]), example.label)
        for index, example in enumerate(examples)
    ]


def head(encoder: Encoder, labels: Sequence[str], seed: int) -> torch.nn.Module:
    return SentenceHead.initial(encoder.config, 1, seed)


def batch(items: Sequence[Item], random: np.random.Generator, recipe: Recipe) -> Batch:
    made = lay_out(items)
    made.targets["label"] = torch.tensor([item.target for item in items])
    return made


def inputs(hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> torch.Tensor:
    return pool(hidden, batch.lengths, recipe.pooling)


def compared(logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    return logits.view(len(batch.items), -1).float(), batch.targets["label"]


def outputs(head: torch.nn.Module, hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> list[np.ndarray]:
    logits, _ = compared(head(inputs(hidden, batch, recipe), no_dropout), batch)
    return list(logits.cpu().numpy())


def decode(
    outputs: Sequence[np.ndarray], items: Sequence[Item], examples: Sequence[Choice], labels: Sequence[str]
) -> list[int]:
    return [int(row.argmax()) for row in outputs]
