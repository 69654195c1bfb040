"""Extractive question answering: start and end of the answer in a context that slides with a stride."""

import unicodedata
from collections.abc import Collection, Sequence
from itertools import groupby

import numpy as np
import tokenizers
import torch

from xadapt.examples import Question
from xadapt.modeling.encoder import Encoder, no_dropout
from xadapt.modeling.heads import TokenHead, pad_segments
from xadapt.recipe import Recipe
from xadapt.task_types.items import Batch, Item, Tokens, lay_out, tokens

BY_EXAMPLE = True
MAX_QUESTION = 64
MAX_ANSWER = 30
N_BEST = 20
"""Tokens of a question, tokens of an answer, candidates per side: the settings of SQuAD and XTREME."""
PREFIX = "▁"
"""The piece of a space, and of the start of a text, where it carries the offsets of the first character."""


def encode(
    examples: Sequence[Question], tokenizer: tokenizers.Tokenizer, recipe: Recipe, labels: Sequence[str]
) -> list[Item]:
    """One item per window `<s> question </s></s> context </s>`, or as the tokenizer has it.

    A long question keeps its first tokens. `target` is the (start, end) token of the first answer, (0, 0)
    where it is not whole in the window; `detail` the character span in the context of each token,
    [tokens, 2], -1 where it stands for none.
    """
    tokenizer.no_padding()
    tokenizer.no_truncation()
    limit = min(MAX_QUESTION, (recipe.max_length - tokenizer.num_special_tokens_to_add(True)) // 2)
    items: list[Item] = []
    # Several questions about one context often stand in a row.
    for text, group in groupby(enumerate(examples), key=lambda each: each[1].context):
        context = tokenizer.encode(text, add_special_tokens=False)
        spans = characters(context, text)
        for index, example in group:
            question = tokenizer.encode(example.question, add_special_tokens=False)
            question.truncate(limit)
            pair = tokens(tokenizer.post_process(question, context))
            before = len(pair) - len(spans) - 1
            windows = _windows(len(spans), recipe.max_length - before - 1, recipe.stride)
            answer = _answer(example, spans)
            items.extend(_item(index, pair, before, spans, answer, window) for window in windows)
    return items


def _item(
    index: int,
    pair: Tokens,
    before: int,
    spans: np.ndarray,
    answer: tuple[int, int] | None,
    window: tuple[int, int],
) -> Item:
    """One window of the context; `pair` holds all of it, with `before` tokens ahead and one behind."""
    start, stop = window
    at = np.r_[:before, before + start : before + stop, len(pair) - 1]
    sequence = Tokens(pair.ids[at], None if pair.types is None else pair.types[at])
    detail = np.full((len(sequence), 2), -1)
    detail[before:-1] = spans[start:stop]
    if answer is None or answer[0] < start or answer[1] >= stop:
        return Item(index, (sequence,), (0, 0), detail)
    shift = before - start
    return Item(index, (sequence,), (answer[0] + shift, answer[1] + shift), detail)


def _windows(tokens: int, room: int, stride: int) -> list[tuple[int, int]]:
    """Stretches [start, stop) of at most `room` tokens; two neighbours share `stride`."""
    # A long question leaves little room; all windows but a few would then repeat each other.
    step = room - min(stride, 3 * room // 4)
    count = 1 + max(0, -(-(tokens - room) // step))
    return [(k * step, min(k * step + room, tokens)) for k in range(count)]


def characters(encoding: tokenizers.Encoding, text: str) -> np.ndarray:
    """[tokens, 2] character span of each token in `text`, without space at its ends; -1 for space alone.

    A letter or mark that the normaliser joins to the one before it (an accent, a Korean vowel) has no token
    of its own in `encoding`, and belongs to the token before it.
    """
    lost = np.ones(len(text), dtype=bool)
    for start, end in encoding.offsets:
        lost[start:end] = False
    joined = {int(p) for p in np.flatnonzero(lost) if unicodedata.category(text[p])[0] in "LM"}
    spans = [
        (-1, -1) if piece == PREFIX else _trimmed(text, start, end, joined)
        for piece, (start, end) in zip(encoding.tokens, encoding.offsets, strict=True)
    ]
    return np.asarray(spans, dtype=np.int64).reshape(-1, 2)


def _trimmed(text: str, start: int, end: int, joined: Collection[int]) -> tuple[int, int]:
    while end in joined:
        end += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    while start < end and text[start].isspace():
        start += 1
    return (start, end) if start < end else (-1, -1)


def _answer(example: Question, spans: np.ndarray) -> tuple[int, int] | None:
    """First and last token of the context that hold a part of the first answer."""
    if not example.answers:
        return None
    start, end = example.starts[0], example.starts[0] + len(example.answers[0])
    inside = np.flatnonzero((spans[:, 0] < end) & (spans[:, 1] > start))
    return (int(inside[0]), int(inside[-1])) if len(inside) else None


def head(encoder: Encoder, labels: Sequence[str], seed: int) -> torch.nn.Module:
    return TokenHead.initial(encoder.config, 2, seed)


def batch(items: Sequence[Item], random: np.random.Generator, recipe: Recipe) -> Batch:
    made = lay_out(items)
    made.targets["span"] = torch.tensor([item.target for item in items])
    return made


def inputs(hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> torch.Tensor:
    return hidden


def compared(logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Starts, then ends; pads are minus infinity, so they never enter the softmax."""
    padded = pad_segments(logits.float(), batch.lengths, float("-inf"))
    return torch.cat(padded.unbind(-1)), torch.cat(batch.targets["span"].unbind(1))


def outputs(head: torch.nn.Module, hidden: torch.Tensor, batch: Batch, recipe: Recipe) -> list[np.ndarray]:
    """Per window [tokens, 2] logits of start and end."""
    logits = head(hidden, no_dropout).float().cpu()
    return [part.numpy() for part in logits.split(list(batch.lengths))]


def decode(
    outputs: Sequence[np.ndarray],
    items: Sequence[Item],
    examples: Sequence[Question],
    labels: Sequence[str],
) -> list[str]:
    """The text of the best span over all windows of each example; empty when a context has no text.

    Where the task has questions without an answer, also empty when the lowest score of "no answer" over the
    windows, both ends at the first token, exceeds the best span's (Devlin et al. 2019, threshold 0).
    """
    found = places(outputs, items, examples, labels)
    return [example.context[start:end] for example, (start, end) in zip(examples, found, strict=True)]


def places(
    outputs: Sequence[np.ndarray],
    items: Sequence[Item],
    examples: Sequence[Question],
    labels: Sequence[str],
) -> list[tuple[int, int]]:
    """What `decode` gives as characters [start, end) of the context, (0, 0) where it is empty."""
    best: dict[int, tuple[float, int, int]] = {}
    none: dict[int, float] = {}
    for logits, item in zip(outputs, items, strict=True):
        if labels:
            none[item.example] = min(none.get(item.example, np.inf), float(logits[0].sum()))
        score, start, end = _best_span(logits, item.detail)
        if score > best.get(item.example, (-np.inf, 0, 0))[0]:
            best[item.example] = score, int(item.detail[start, 0]), int(item.detail[end, 1])
    found = (best.get(index, (-np.inf, 0, 0)) for index in range(len(examples)))
    return [
        (0, 0) if none.get(index, -np.inf) > score else (start, end)
        for index, (score, start, end) in enumerate(found)
    ]


def _best_span(logits: np.ndarray, spans: np.ndarray) -> tuple[float, int, int]:
    """Highest start + end among the `N_BEST` of each side, both in the context, at most `MAX_ANSWER` long.

    As `run_qa` of Hugging Face's examples, but the tokens of the question take no place among the `N_BEST`.
    """
    inside = spans[:, 0] >= 0
    masked = np.where(inside[:, None], logits, -np.inf)
    starts = np.argsort(-masked[:, 0], kind="stable")[:N_BEST]
    ends = np.argsort(-masked[:, 1], kind="stable")[:N_BEST]
    length = ends[None] - starts[:, None]
    scores = masked[starts, 0][:, None] + masked[ends, 1][None]
    scores = np.where((length >= 0) & (length < MAX_ANSWER), scores, -np.inf)
    i, j = np.unravel_index(int(scores.argmax()), scores.shape)
    return float(scores[i, j]), int(starts[i]), int(ends[j])
