"""Tagging: one tag per word, read from the word's first token.

A sentence longer than the limit is split into several, as XTREME's preparation does, and its tags are
joined again when decoded; no word is dropped.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import tokenizers
import torch

from xadapt.examples import Tagging
from xadapt.modeling.encoder import Dropout, Encoder, no_dropout
from xadapt.modeling.heads import TokenHead
from xadapt.recipe import Recipe
from xadapt.task_types.items import Batch, Item, lay_out, token_ids

IGNORE = -100
SPECIAL = 2
"""`<s>` and `</s>`."""


def encode(
    examples: Sequence[Tagging], tokenizer: tokenizers.Tokenizer, recipe: Recipe, labels: Sequence[str]
) -> list[Item]:
    """One item per stretch of a sentence that fits `max_length`; `detail` is (first word, first tokens)."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    number = {label: index for index, label in enumerate(labels)}
    items: list[Item] = []
    for index, example in enumerate(examples):
        for start, stop, encoding in _windows(example.words, tokenizer, recipe.max_length):
            first = _first_tokens(encoding, stop - start, recipe.max_length)
            tags = example.tags[start:stop]
            # A tag that the training data lack has no number, and cannot be predicted.
            target = [
                number.get(tag, IGNORE) if at >= 0 else IGNORE for tag, at in zip(tags, first, strict=True)
            ]
            ids = token_ids(encoding)
            if len(ids) > recipe.max_length:
                ids = np.append(ids[: recipe.max_length - 1], ids[-1])
            items.append(Item(index, (ids,), target, (start, first)))
    return items


def _windows(
    words: Sequence[str], tokenizer: tokenizers.Tokenizer, limit: int
) -> Iterator[tuple[int, int, tokenizers.Encoding]]:
    """The sentence whole, or greedy stretches [start, stop) of whole words; a word longer than all is cut."""
    whole = tokenizer.encode(list(words), is_pretokenized=True)
    if len(whole.ids) <= limit:
        yield 0, len(words), whole
        return
    sizes = np.bincount([w for w in whole.word_ids if w is not None], minlength=len(words))
    start, used = 0, SPECIAL
    for word, size in enumerate([*sizes, limit]):
        if used + size > limit and word > start:
            yield start, word, tokenizer.encode(list(words[start:word]), is_pretokenized=True)
            start, used = word, SPECIAL
        used += int(size)


def _first_tokens(encoding: tokenizers.Encoding, words: int, limit: int) -> np.ndarray:
    """Position of each word's first token; -1 for a word that the normaliser empties or the limit cuts."""
    first = np.full(words, -1)
    for position, word in reversed(list(enumerate(encoding.word_ids))):
        if word is not None and position < limit - 1:
            first[word] = position
    return first


def head(encoder: Encoder, labels: Sequence[str], seed: int) -> torch.nn.Module:
    return TokenHead.initial(encoder.config, len(labels), seed)


def batch(items: Sequence[Item], random: np.random.Generator, recipe: Recipe) -> Batch:
    made = lay_out(items)
    starts = np.cumsum([0, *made.lengths[:-1]])
    places = [start + item.detail[1] for start, item in zip(starts, items, strict=True)]
    known = np.concatenate([item.detail[1] >= 0 for item in items])
    made.targets["at"] = torch.from_numpy(np.concatenate(places)[known])
    tags = np.concatenate([np.asarray(item.target, dtype=np.int64) for item in items])
    made.targets["tag"] = torch.from_numpy(tags[known])
    return made


def loss(
    head: torch.nn.Module, hidden: torch.Tensor, batch: Batch, recipe: Recipe, dropout: Dropout
) -> torch.Tensor:
    logits = head(hidden[batch.targets["at"]], dropout)
    return torch.nn.functional.cross_entropy(logits.float(), batch.targets["tag"])


def outputs(head: torch.nn.Module, hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> list[np.ndarray]:
    """Per item the best tag of each word; a word without a token has -1."""
    best = head(hidden[batch.targets["at"]], no_dropout).float().argmax(-1).cpu().numpy()
    results, at = [], 0
    for item in batch.items:
        known = item.detail[1] >= 0
        tags = np.full(len(known), -1)
        tags[known] = best[at : at + known.sum()]
        at += int(known.sum())
        results.append(tags)
    return results


def decode(
    outputs: Sequence[np.ndarray], items: Sequence[Item], examples: Sequence[Tagging], labels: Sequence[str]
) -> list[list[str]]:
    """One tag per word; a word that has no token gets `O` where the task has it, else its first label."""
    empty = "O" if "O" in labels else labels[0]
    tags = [[empty] * len(example.words) for example in examples]
    for item, row in zip(items, outputs, strict=True):
        for word, tag in enumerate(row):
            if tag >= 0:
                tags[item.example][item.detail[0] + word] = labels[tag]
    return tags
