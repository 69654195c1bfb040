"""Tagging: one tag per word, read from the word's first token.

A sentence longer than the limit is split into several, as XTREME's preparation does, and its tags are
joined again when decoded; no word is dropped.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
import tokenizers
import torch
from tokenizers.pre_tokenizers import ByteLevel

from xadapt.examples import Tagging
from xadapt.modeling.encoder import Encoder, no_dropout
from xadapt.modeling.heads import TokenHead
from xadapt.recipe import Recipe
from xadapt.task_types.items import Batch, Item, Tokens, lay_out, special

BY_EXAMPLE = True
IGNORE = -100


def encode(
    examples: Sequence[Tagging], tokenizer: tokenizers.Tokenizer, recipe: Recipe, labels: Sequence[str]
) -> list[Item]:
    """One item per stretch of a sentence that fits `max_length`; `detail` is the first token of each word."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    number = {label: index for index, label in enumerate(labels)}
    start_id, *_, end_id = tokenizer.encode("").ids
    room = recipe.max_length - 2
    items: list[Item] = []
    for index, example in enumerate(examples):
        pieces = [word[:room] for word in _pieces(example.words, tokenizer)]
        sizes = [len(word) for word in pieces]
        for start, stop in _stretches(sizes, room):
            ids = np.asarray([start_id, *chain(*pieces[start:stop]), end_id], dtype=np.int32)
            # A tag that the training data lack has no number, and cannot be predicted.
            target = [number.get(tag, IGNORE) for tag in example.tags[start:stop]]
            items.append(Item(index, (Tokens(ids),), target, np.cumsum([1, *sizes[start : stop - 1]])))
    return items


def _pieces(words: Sequence[str], tokenizer: tokenizers.Tokenizer) -> list[list[int]]:
    """Token ids of each word; the unknown one for a word that the normaliser empties, as XTREME does."""
    # Byte-level pieces know the start of a word by the space before it.
    space = " " if isinstance(tokenizer.pre_tokenizer, ByteLevel) else ""
    encoding = tokenizer.encode(
        [space + word for word in words], is_pretokenized=True, add_special_tokens=False
    )
    pieces: list[list[int]] = [[] for _ in words]
    for token, word in zip(encoding.ids, encoding.word_ids, strict=True):
        pieces[word].append(token)
    return [word or [special(tokenizer, "unk")] for word in pieces]


def _stretches(sizes: Sequence[int], room: int) -> Iterator[tuple[int, int]]:
    """Greedy stretches [start, stop) of words whose `sizes` sum to at most `room`; none without words."""
    start = used = 0
    for word, size in enumerate(sizes):
        if used + size > room:
            yield start, word
            start, used = word, 0
        used += size
    if sizes:
        yield start, len(sizes)


def head(encoder: Encoder, labels: Sequence[str], seed: int) -> torch.nn.Module:
    return TokenHead.initial(encoder.config, len(labels), seed)


def batch(items: Sequence[Item], random: np.random.Generator, recipe: Recipe) -> Batch:
    made = lay_out(items)
    starts = np.cumsum([0, *made.lengths[:-1]])
    places = [start + item.detail for start, item in zip(starts, items, strict=True)]
    made.targets["at"] = torch.from_numpy(np.concatenate(places))
    made.targets["tag"] = torch.tensor([tag for item in items for tag in item.target])
    return made


def inputs(hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> torch.Tensor:
    return hidden[batch.targets["at"]]


def compared(logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    return logits.float(), batch.targets["tag"]


def outputs(head: torch.nn.Module, hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> list[np.ndarray]:
    """Per item the best tag of each word."""
    best = head(inputs(hidden, batch, recipe), no_dropout).float().argmax(-1).cpu().numpy()
    return np.split(best, np.cumsum([len(item.detail) for item in batch.items[:-1]]))


def decode(
    outputs: Sequence[np.ndarray], items: Sequence[Item], examples: Sequence[Tagging], labels: Sequence[str]
) -> list[list[str]]:
    """One tag per word; `items` are in the order of `encode`."""
    tags: list[list[str]] = [[] for _ in examples]
    for item, row in zip(items, outputs, strict=True):
        tags[item.example].extend(labels[tag] for tag in row)
    return tags
