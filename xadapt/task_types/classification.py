"""Classification of a text or a pair of texts: one label by name."""

from collections.abc import Sequence

import numpy as np
import tokenizers
import torch

from xadapt.errors import DataError, nearest
from xadapt.examples import Classification
from xadapt.modeling.encoder import Encoder, no_dropout
from xadapt.modeling.heads import SentenceHead, pool
from xadapt.recipe import Recipe
from xadapt.task_types.items import Batch, Item, encode_pairs, lay_out

BY_EXAMPLE = True


def encode(
    examples: Sequence[Classification],
    tokenizer: tokenizers.Tokenizer,
    recipe: Recipe,
    labels: Sequence[str],
) -> list[Item]:
    """One item per example: `<s> text </s></s> pair </s>`.

    Raises DataError for a label that is none of `labels`.
    """
    number = {label: index for index, label in enumerate(labels)}
    for example in examples:
        if example.label not in number:
            known = nearest(example.label, labels)
            message = f"example {example.id}: {example.label!r} is no label of the training data{known}"
            raise DataError(message, "a task that you declare can name all with labels = [...]")
    ids = encode_pairs(tokenizer, ((e.text, e.pair) for e in examples), recipe.max_length)
    return [
        Item(index, (sequence,), number[example.label])
        for index, (sequence, example) in enumerate(zip(ids, examples, strict=True))
    ]


def head(encoder: Encoder, labels: Sequence[str], seed: int) -> torch.nn.Module:
    return SentenceHead.initial(encoder.config, len(labels), seed)


def batch(items: Sequence[Item], random: np.random.Generator, recipe: Recipe) -> Batch:
    made = lay_out(items)
    made.targets["label"] = torch.tensor([item.target for item in items])
    return made


def inputs(hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> torch.Tensor:
    return pool(hidden, batch.lengths, recipe.pooling)


def compared(logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    return logits.float(), batch.targets["label"]


def outputs(head: torch.nn.Module, hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> list[np.ndarray]:
    logits = head(inputs(hidden, batch, recipe), no_dropout)
    return list(logits.float().cpu().numpy())


def decode(
    outputs: Sequence[np.ndarray],
    items: Sequence[Item],
    examples: Sequence[Classification],
    labels: Sequence[str],
) -> list[str]:
    return [labels[int(row.argmax())] for row in outputs]
